"""homespun."""
