"""``homespun-server collector``: the key that sums of tasks are sealed to, and training from what was collected."""

import argparse
from pathlib import Path

import msgspec
from rich.console import Console

from homespun.errors import MisuseError
from homespun.protocol.collection.task import encode_universe
from homespun_server.cli.collect import add_fleet_options, fleet_ledger
from homespun_server.cli.policy_option import add_policy_option, policy_of
from homespun_server.cli.tables import item_columns
from homespun_server.collection.collecting import Collector
from homespun_server.collection.collector import RELEASES, collector_public, make_collector, open_collector
from homespun_server.display import privacy_view, progress
from homespun_server.errors import OutputError, SettingsError
from homespun_server.learning import FitOptions
from homespun_server.learning.collected import MAX_ITEMS, Asked, first_round, second_round
from homespun_server.learning.options import PARTS
from homespun_server.settings import PASSPHRASE_VARIABLE, given_passphrase
from homespun_server.statistics.items import Items
from homespun_server.training.content import catalogue
from homespun_server.training_collected import collected_tasks, train_from_tasks

PEOPLE = 200_000
"""Most reports of a task, where nobody says otherwise: they and their noise fit 32 bits."""


def _init(options: argparse.Namespace, console: Console) -> None:
    passphrase = given_passphrase()
    if passphrase is None:
        raise SettingsError(f"the collector's key needs a passphrase; set {PASSPHRASE_VARIABLE}. Nothing was made.")
    public = make_collector(options.directory, passphrase.encode())
    console.print(
        f"A collector's directory: {options.directory}. Tasks name its public key:\n\n    {public}\n\n"
        "Keep it away from leader and helper: whoever has one of their keys and this one is two of the three.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _show(options: argparse.Namespace, console: Console) -> None:
    console.print(collector_public(options.directory), markup=False, highlight=False)


def _train(options: argparse.Namespace, console: Console) -> None:
    settings = FitOptions(
        name=options.name or options.items.stem,
        min_weight=options.min_weight,
        test_share=0.0,
        max_items=options.max_items,
        parts=None if options.parts is None else tuple(options.parts),
        policy=policy_of(options),
    )
    counted = None if options.universe is None else _ids(options.universe)
    private = open_collector(options.directory)
    with fleet_ledger(options) as ledger, progress(console) as observer:
        trained = train_from_tasks(
            Collector(private, ledger, options.directory / RELEASES),
            options.items,
            options.out,
            tasks=options.task,
            counted=counted,
            options=settings,
            item_columns=item_columns(options),
            observer=observer,
        )
    console.print(privacy_view(trained.privacy))
    for reason in trained.learned.terms.value.left_out:
        console.print(f"Left out: {reason}", markup=False, highlight=False)
    console.print(f"To publish: {trained.bundle}", markup=False, highlight=False, soft_wrap=True)


def _next(options: argparse.Namespace, console: Console) -> None:
    settings = FitOptions(
        test_share=0.0,
        min_weight=options.min_weight,
        max_items=options.max_items,
        parts=None if options.parts is None else tuple(options.parts),
    )
    read = Items.read(options.items, item_columns(options))
    if options.counts is None:
        asked: tuple[Asked, ...] = (first_round(read.ids, settings, options.max_people),)
    else:
        private = open_collector(options.directory)
        with fleet_ledger(options) as ledger:
            found = collected_tasks(Collector(private, ledger, options.directory / RELEASES), (options.counts,))
        counts = found[0].release
        asked = second_round(counts, catalogue(read), settings, options.max_people, timed=not options.unordered)
    for each in asked:
        folder = options.out / each.statistic.name
        _write(folder, msgspec.json.encode(each.statistic), encode_universe(each.ids))
        console.print(
            f"{each.statistic.name}: {each.statistic.size:,} numbers. homespun-server task new {each.statistic.name} "
            f"--declaration {folder / _DECLARATION} --universe {folder / _UNIVERSE} …",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _write(folder: Path, declaration: bytes, universe: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _DECLARATION).write_bytes(msgspec.json.format(declaration, indent=2) + b"\n")
        (folder / _UNIVERSE).write_bytes(universe)
    except OSError as error:
        raise OutputError(f"what to ask next cannot be written to {folder}: {error}. Name another folder.") from error


_DECLARATION, _UNIVERSE = "statistic.json", "universe.txt"


def _ids(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeError) as error:
        raise MisuseError(f"the list of items cannot be read from {path}: {error}.") from error


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its two parts."""
    command.description = "The key that leader and helper seal a task's noised sums to, and what is trained from them."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    making = parts.add_parser(
        "init", help=f"make a directory with a key, under the passphrase in {PASSPHRASE_VARIABLE}"
    )
    making.set_defaults(run=_init)
    making.add_argument("directory", type=Path, metavar="DIR", help="a new or empty folder")
    showing = parts.add_parser("show", help="the public key, for tasks")
    showing.set_defaults(run=_show)
    showing.add_argument("--in", dest="directory", type=Path, required=True, metavar="DIR", help="the directory")
    asking = parts.add_parser("next", help="what to ask devices for: item counts, or all that goes over these")
    asking.set_defaults(run=_next)
    _add_model(asking)
    asking.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets a folder a sum")
    asking.add_argument("--counts", metavar="SHA256", help="the collected task of item counts (none yet)")
    asking.add_argument("--max-people", type=int, default=PEOPLE, metavar="N", help="most reports of a task (200000)")
    asking.add_argument("--unordered", action="store_true", help="events have no order that may be learned")
    training = parts.add_parser("train", help="train a bundle from collected tasks; nothing more is spent")
    training.set_defaults(run=_train)
    _add_model(training)
    training.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets bundle/")
    training.add_argument("--task", nargs="+", default=(), metavar="SHA256", help="which tasks (all)")
    training.add_argument("--universe", type=Path, metavar="FILE", help="the item counts' universe.txt (the catalogue)")
    training.add_argument("--name", help="the bundle's name for people")
    add_policy_option(training, "none")


def _add_model(command: argparse.ArgumentParser) -> None:
    """Add what must be the same when it is asked and when it is trained."""
    add_fleet_options(command)
    command.add_argument("--items", type=Path, required=True, metavar="ITEMS", help="the public catalogue")
    command.add_argument(
        "--item-columns", nargs="+", default=(), metavar="ROLE=COLUMN", help="which column of ITEMS is what"
    )
    command.add_argument("--attributes", nargs="+", default=(), metavar="COLUMN", help="further columns of ITEMS")
    command.add_argument("--min-weight", type=float, metavar="W", help="least weight (rating) of a like (any)")
    command.add_argument("--max-items", type=int, metavar="M", default=MAX_ITEMS, help="learned from people (1000)")
    command.add_argument("--parts", nargs="+", choices=PARTS, help="what it is made of (collaborative content)")
