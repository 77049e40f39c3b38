"""``homespun-server simulate``: a fleet of simulated devices, leader and helper, beside the table path."""

import argparse
import tempfile
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from homespun.errors import MisuseError
from homespun_server.cli.replaying import erase_again_near
from homespun_server.cli.signing import add_directory_option
from homespun_server.cli.tables import add_table_options, interaction_columns, item_columns
from homespun_server.collection.settings import DEVELOPMENT
from homespun_server.data import movietweetings
from homespun_server.display import progress, quality_table
from homespun_server.learning import FitOptions
from homespun_server.learning.options import PARTS
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.publishing.trust import TRUST
from homespun_server.simulation.running import Simulated, Wanted, simulate
from homespun_server.simulation.uploading import Mishaps
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items

_MIN_WEIGHT = 7.0
_DEVICES, _EPSILON, _ITEMS = 1000, 4.0, 200
_MEGABYTE = 1e6


def _simulate(options: argparse.Namespace, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="homespun-simulate-") as temporary, progress(console) as observer:
        with _table(options) as interactions:
            found = simulate(_wanted(options), interactions, options.out or Path(temporary), observer)
        show(found, console)
    if options.out is not None:
        console.print(f"Bundles: {', '.join(map(str, found.bundles.values()))}", highlight=False, soft_wrap=True)


def show(found: Simulated, console: Console) -> None:
    """Show what came of a simulation."""
    console.print(DEVELOPMENT, style="yellow", markup=False)
    console.print(_tasks(found))
    console.print(_costs(found))
    console.print(quality_table(found.quality))
    console.print(
        "From devices there is √2 times the noise of the table path at the same ε: leader and helper each add enough "
        f"alone. The ε of devices holds while {TRUST}.",
        highlight=False,
    )


def _tasks(found: Simulated) -> Table:
    table = Table(title=f"What {found.devices:,} devices reported", box=box.SIMPLE_HEAD)
    for heading in ("task", "reports", "numbers", "ε by itself", "σ of both, in bounds"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for name, each in found.tasks.items():
        statistic = each.release.statistic
        noise = f"{each.release.sigma / statistic.l2_bound:.2f}"
        table.add_row(name, f"{each.about.count:,}", f"{statistic.size:,}", each.about.epsilon, noise)
    return table


def _costs(found: Simulated) -> Table:
    table = Table(title="What it took", box=box.SIMPLE_HEAD)
    table.add_column("figure")
    table.add_column("value", justify="right")
    moved = found.moved
    table.add_row("uploaded by a device", f"{moved.uploaded / max(found.devices, 1) / 1e3:,.0f} kB")
    table.add_row("uploaded in all", f"{moved.uploaded / _MEGABYTE:,.1f} MB")
    if moved.forwarded:  # over HTTP the two talk to each other, and nobody here listens
        table.add_row("between leader and helper", f"{moved.forwarded / _MEGABYTE:,.1f} MB")
    table.add_row("to the collector", f"{moved.collected / _MEGABYTE:,.2f} MB")
    if found.kills:
        table.add_row("leader or helper was killed", f"{found.kills} times")
    for step, seconds in found.seconds.items():
        table.add_row(step, f"{seconds:,.1f} s")
    return table


def _wanted(options: argparse.Namespace) -> Wanted:
    if not options.http and (options.crashes or options.dropouts or options.again):
        raise MisuseError("mishaps are for the stage over HTTP; add --http, or leave them out.")
    least = _MIN_WEIGHT if options.interactions is None and options.min_weight is None else options.min_weight
    settings = FitOptions(
        name="simulated",
        min_weight=least,
        test_share=options.test_share,
        max_items=options.max_items,
        max_sequence_items=options.max_items,
        parts=None if options.parts is None else tuple(options.parts),
    )
    return Wanted(
        devices=options.devices,
        epsilon=options.epsilon,
        delta=options.delta,
        options=settings,
        minimum_batch=options.minimum_batch,
        over_http=options.http,
        mishaps=Mishaps(crashes=options.crashes, dropouts=options.dropouts, again=options.again),
    )


def _table(options: argparse.Namespace) -> Interactions:
    if options.interactions is None:
        shipped = movietweetings()
        return Interactions.read(shipped.interactions, items=Items.read(shipped.items))
    erase_again_near(options, "simulate", options.interactions)
    items = None if options.items is None else Items.read(options.items, item_columns(options))
    return Interactions.read(options.interactions, interaction_columns(options), items=items)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Collect from simulated devices, whose events are people's rows of a table, and train; then fit from the table "
        "at the same ε, and judge both by people whom neither saw. Without INTERACTIONS: MovieTweetings, which comes "
        "along. Nothing is charged to a ledger of yours: for experiments."
    )
    command.set_defaults(run=_simulate)
    command.add_argument(
        "--interactions", type=Path, metavar="INTERACTIONS", help="CSV, TSV, Parquet or JSON Lines (MovieTweetings)"
    )
    command.add_argument("--items", type=Path, metavar="ITEMS", help="the catalogue (as people used it)")
    command.add_argument("--devices", type=int, metavar="N", default=_DEVICES, help="how many report (1000)")
    command.add_argument("--epsilon", type=float, metavar="E", default=_EPSILON, help="ε of one installation (4)")
    command.add_argument("--delta", type=float, metavar="D", default=DEFAULT_DELTA, help=f"its δ ({DEFAULT_DELTA:g})")
    command.add_argument("--max-items", type=int, metavar="M", default=_ITEMS, help="items learned from people (200)")
    command.add_argument("--parts", nargs="+", choices=PARTS, help="what the model is made of (collaborative content)")
    command.add_argument(
        "--min-weight", type=float, metavar="W", help="least weight of a like (any; 7 of shipped data)"
    )
    command.add_argument("--minimum-batch", type=int, metavar="B", default=100, help="fewest reports of a task (100)")
    command.add_argument("--test-share", type=float, metavar="S", default=0.1, help="share kept aside to judge (0.1)")
    stage = command.add_argument_group("the stage over HTTP")
    stage.add_argument("--http", action="store_true", help="leader and helper as two programs over loopback HTTP")
    stage.add_argument("--crashes", type=int, metavar="N", default=0, help="so often a task one of them is killed (0)")
    stage.add_argument("--dropouts", type=float, metavar="S", default=0.0, help="share of devices that drop out (0)")
    stage.add_argument("--again", type=float, metavar="S", default=0.0, help="share that uploads twice (0)")
    command.add_argument("--out", type=Path, metavar="DIR", help="keep both bundles there")
    add_directory_option(command)
    add_table_options(command)
