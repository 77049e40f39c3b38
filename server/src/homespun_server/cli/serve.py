"""``homespun-server serve``: the signed repository and the API over HTTP."""

import argparse

from rich.console import Console

from homespun_server.api.serving import listen, serve
from homespun_server.app import create_app
from homespun_server.cli.directory import settings_of
from homespun_server.cli.signing import add_directory_option


def _serve(options: argparse.Namespace, console: Console) -> None:
    settings = settings_of(options)
    listening = listen(options.host, options.port)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    console.print(f"Serving {settings.folder} at http://{shown}:{port}", markup=False, highlight=False, soft_wrap=True)
    serve(create_app, settings, listening, options.workers)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:  # noqa: PLR2004 - more is a mistake
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes from 1 to 64")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:  # noqa: PLR2004 - the largest port
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Serve the repository's files and the API, in plain HTTP: put a proxy that ends TLS in front of it. With the "
        "keys' passphrase in the environment, the repository's timestamp is signed anew before it expires."
    )
    command.set_defaults(run=_serve)
    add_directory_option(command)
    add_serving_options(command)


def add_serving_options(command: argparse.ArgumentParser) -> None:
    """Add where to listen, and with how many processes."""
    command.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (127.0.0.1)")
    command.add_argument("--port", type=_port, default=8080, metavar="N", help="the port; 0: any that is free (8080)")
    command.add_argument("--workers", type=_workers, default=1, metavar="N", help="processes (1)")
