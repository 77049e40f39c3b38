"""The HTTP service's parts: routes, tokens, limits, the repository's files, and what is known of requests afterwards.

``homespun_server.app`` puts them together. Nothing here reads the environment or the working directory's settings.
"""
