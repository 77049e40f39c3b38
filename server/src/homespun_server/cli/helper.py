"""``homespun-server helper``: the aggregator that holds the other share of every report."""

import argparse
from pathlib import Path

from rich.console import Console

from homespun_server.aggregators import create_helper
from homespun_server.cli.aggregator import add_common, add_init, make
from homespun_server.collection.directory import read_pairing


def _init(options: argparse.Namespace, console: Console) -> None:
    make(options, "helper", read_pairing(options.pairing), console)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its actions."""
    command.description = (
        "The aggregator that checks and adds the other share of every report. It answers its leader alone, and is run "
        "by another party than the leader."
    )
    parts = command.add_subparsers(required=True, metavar="ACTION")
    add_init(parts, "helper", _init).add_argument(
        "--pairing", type=Path, required=True, metavar="FILE", help="what the leader's operator handed over"
    )
    add_common(parts, "helper", create_helper)
