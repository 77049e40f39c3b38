"""``homespun-server collector``: the key that sums of tasks are sealed to, and training from what was collected."""

import argparse
from pathlib import Path

from rich.console import Console

from homespun.errors import MisuseError
from homespun_server.cli.collect import add_fleet_options, fleet_ledger
from homespun_server.cli.policy_option import add_policy_option, policy_of
from homespun_server.cli.tables import item_columns
from homespun_server.collection.collecting import Collector
from homespun_server.collection.collector import RELEASES, collector_public, make_collector, open_collector
from homespun_server.display import privacy_view, progress
from homespun_server.errors import SettingsError
from homespun_server.learning import FitOptions
from homespun_server.learning.collected import MAX_ITEMS
from homespun_server.learning.options import PARTS
from homespun_server.settings import PASSPHRASE_VARIABLE, given_passphrase
from homespun_server.training_collected import train_from_tasks


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
    training = parts.add_parser("train", help="train a bundle from collected tasks; nothing more is spent")
    training.set_defaults(run=_train)
    add_fleet_options(training)
    training.add_argument("--items", type=Path, required=True, metavar="ITEMS", help="the public catalogue")
    training.add_argument(
        "--item-columns",
        dest="item_columns",
        nargs="+",
        default=(),
        metavar="ROLE=COLUMN",
        help="which column of ITEMS is what",
    )
    training.add_argument("--attributes", nargs="+", default=(), metavar="COLUMN", help="further columns of ITEMS")
    training.add_argument("--out", type=Path, required=True, metavar="DIR", help="gets bundle/")
    training.add_argument(
        "--task", nargs="+", default=(), metavar="SHA256", help="which tasks (all that were collected)"
    )
    training.add_argument("--universe", type=Path, metavar="FILE", help="the item counts' universe.txt (the catalogue)")
    training.add_argument("--name", help="the bundle's name for people")
    training.add_argument("--min-weight", type=float, metavar="W", help="least weight (rating) of a like (any)")
    training.add_argument(
        "--max-items", type=int, metavar="M", default=MAX_ITEMS, help="as the tasks were made for (1000)"
    )
    training.add_argument("--parts", nargs="+", choices=PARTS, help="what it is made of (collaborative content)")
    add_policy_option(training, "none")
