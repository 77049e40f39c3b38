"""``homespun-server leader``: the aggregator that takes devices' reports."""

import argparse
import signal
import threading
from pathlib import Path
from types import FrameType

from rich.console import Console

from homespun_server.aggregators import Around, create_leader, open_leader, work_as_leader
from homespun_server.cli.aggregator import add_common, add_init, make, part, refuse_several, warn
from homespun_server.collection.directory import pair_with, read_description
from homespun_server.collection.settings import PAIRING_FILE, read_aggregator

_NEXT = """
Whoever makes tasks gets the description above. The helper's operator gets {pairing}, on a way that
nobody else sees, and makes the helper with it:
  homespun-server helper init DIR --name NAME --url URL --pairing FILE
What that prints comes back to you; with it, this leader knows its helper and talks to no other:
  homespun-server leader pair HELPER.json --in {folder}"""


def _init(options: argparse.Namespace, console: Console) -> None:
    settings = make(options, "leader", None, console)
    told = _NEXT.format(pairing=settings.folder / PAIRING_FILE, folder=settings.folder)
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _pair(options: argparse.Namespace, console: Console) -> None:
    helper = read_description(options.helper)
    pair_with(read_aggregator(options.directory, "leader"), helper)
    told = f"Paired with {helper.name} at {helper.url}. Compare the key with its operator:\n{helper.key}"
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _work(options: argparse.Namespace, console: Console) -> None:
    settings = read_aggregator(options.directory, "leader")
    parts = open_leader(settings)
    with parts.places.store:
        refuse_several(parts.places, "a further worker process")
        warn(settings, console)
        console.print(f"Working for the leader {settings.name}.", markup=False, highlight=False, soft_wrap=True)
        start, stop = work_as_leader(parts, Around())
        end = threading.Event()

        def ended(_: int, __: FrameType | None) -> None:
            end.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ended)
        start()
        end.wait()
        # Each ends the job that it is at.
        stop()


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its actions."""
    command.description = (
        "The aggregator that takes devices' reports, checks and adds them together with a helper of another party, and "
        "answers the collector."
    )
    parts = command.add_subparsers(required=True, metavar="ACTION")
    add_init(parts, "leader", _init).add_argument(
        "--development", action="store_true", help="one party runs both, which protects nobody from that party"
    )
    add_common(parts, "leader", create_leader)
    part(parts, "pair", _pair, "keep which helper it is paired with").add_argument(
        "helper", type=Path, metavar="HELPER", help="a file with what helper init printed"
    )
    part(parts, "work", _work, "work on jobs in a further process (PostgreSQL)")
