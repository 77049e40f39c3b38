"""homespun-server."""
