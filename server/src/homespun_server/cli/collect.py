"""``homespun-server collect``: charge a task, get its noised sums from its leader, and keep the release."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from homespun_server.accounts import BUDGET_FILE, DATA_SET, keep_counting, open_ledger
from homespun_server.cli.tables import account_of
from homespun_server.collection.accepting import read_task
from homespun_server.collection.asking import Asking
from homespun_server.collection.collecting import Collected, Collector
from homespun_server.collection.collector import RELEASES, open_collector
from homespun_server.collection.settings import DEVELOPMENT
from homespun_server.display import progress
from homespun_server.errors import SettingsError
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.ledger.report import budget_so_far
from homespun_server.publishing.trust import TRUST


@contextmanager
def fleet_ledger(options: argparse.Namespace) -> Iterator[BudgetLedger]:
    """Open the fleet's budget while the context lasts: the operator's, or the one in the collector's directory."""
    account = account_of(options)
    if account is not None:
        with open_ledger(account.store, account.data_set) as ledger:
            yield ledger
        return
    with open_ledger(options.directory / BUDGET_FILE, DATA_SET, create=True) as ledger:
        keep_counting(ledger, None)
        yield ledger


def add_fleet_options(command: argparse.ArgumentParser) -> None:
    """Give a command what it needs to find a collector's directory and its budget."""
    command.add_argument(
        "--in", dest="directory", type=Path, required=True, metavar="DIR", help="the collector's directory"
    )
    command.add_argument("--store", metavar="PATH|URL", help="the fleet's budget ledger (DIR/budget.sqlite)")
    command.add_argument("--data-set", metavar="NAME", help="the name of the fleet in that ledger")


def _collect(options: argparse.Namespace, console: Console) -> None:
    task = read_task(options.task)
    private = open_collector(options.directory)
    token = _token(options.leader_token)
    with fleet_ledger(options) as ledger, progress(console) as observer:
        asking = Asking(
            token, time.sleep, told=lambda added, pending: observer("the leader adds", added, added + pending)
        )
        found = Collector(private, ledger, options.directory / RELEASES).collect(task, asking)
        so_far = budget_so_far(ledger.state())
    console.print(_table(found))
    if found.about.development:
        console.print(DEVELOPMENT, style="yellow", markup=False)
    console.print(so_far.statement, markup=False, highlight=False)


def _table(found: Collected) -> Table:
    about, statistic = found.about, found.release.statistic
    table = Table("figure", "value", title=f"Collected: {about.name}", box=box.SIMPLE_HEAD)
    table.add_row("reports", f"{about.count:,}")
    table.add_row("numbers", f"{statistic.size:,} ({statistic.counts})")
    table.add_row("noise", f"σ = {found.release.sigma:,} steps: {about.sigma:,} from each of leader and helper")
    table.add_row("promise", f"ε = {about.epsilon}, δ = {about.delta} per installation, once in this task")
    table.add_row("while", TRUST)
    table.add_row("task", about.task)
    return table


def _token(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"the leader's token cannot be read from {path}: {error}.") from error
    if not token.isprintable() or not token:
        raise SettingsError(f"{path} holds no token; its operator makes one with homespun-server leader token.")
    return token


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Collect a task once: its budget is charged before anything is asked, and whoever is interrupted collects "
        "again at no further cost. Reports that were refused are the leader's and the helper's to tell (leader status)."
    )
    command.set_defaults(run=_collect)
    command.add_argument("task", type=Path, metavar="TASK", help="the task's file")
    command.add_argument(
        "--leader-token", type=Path, required=True, metavar="FILE", help="a file with the token of leader token"
    )
    add_fleet_options(command)
