"""The command ``homespun-server``: from tables to bundles, and what they cost in privacy.

Exit status: 0 done, 1 an error that homespun explains, 2 wrong usage. Every command lives in a module of its
own with ``add_to(commands)``.
"""

import argparse
from collections.abc import Sequence

from rich.console import Console

from homespun.errors import HomespunError
from homespun_server._version import __version__
from homespun_server.cli import audit, budget, fit, plan, statistics

_COMMANDS = (fit, plan, budget, audit, statistics)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        options.run(options, console)
    except HomespunError as error:
        Console(stderr=True).print(f"homespun-server: {error}", style="red", markup=False, highlight=False)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="homespun-server", description="From tables to bundles that devices run.")
    parser.add_argument("--version", action="version", version=f"homespun-server {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
