"""``homespun-server budget``: open, show and change the budget of a data set, and cancel what a crash left behind."""

import argparse
from pathlib import Path

import msgspec
from rich.console import Console

from homespun.errors import MisuseError
from homespun_server.accounts import open_ledger
from homespun_server.cli.budget_page import page
from homespun_server.cli.budget_table import budget_view
from homespun_server.errors import OutputError
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.privacy.ledger.policy import Period
from homespun_server.privacy.ledger.report import BudgetReport, budget_report
from homespun_server.privacy.zcdp import DEFAULT_DELTA

NO_CEILING = "none"
"""What is written instead of an ε that is not limited."""


def _open(options: argparse.Namespace, console: Console) -> None:
    policy = BudgetPolicy(
        epsilon=_epsilon(options.epsilon),
        delta=options.delta,
        period=options.period,
        lifetime=_epsilon(options.lifetime),
    )
    with open_ledger(options.store, options.data_set, create=True) as ledger:
        ledger.open(policy)
        _say(f"The budget ledger of {ledger.data_set} is open.", ledger, console)


def _show(options: argparse.Namespace, console: Console) -> None:
    with open_ledger(options.store, options.data_set) as ledger:
        if options.expect_head is not None:
            ledger.check_head(options.expect_head)
        report = budget_report(ledger.state())
    if options.html is not None:
        _write(options.html, page(report))
    if options.json:
        console.out(msgspec.json.format(msgspec.json.encode(report), indent=2).decode(), highlight=False)
    else:
        console.print(budget_view(report))


def _change(options: argparse.Namespace, console: Console) -> None:
    with open_ledger(options.store, options.data_set) as ledger:
        now = ledger.state().policy
        if all(given is None for given in (options.epsilon, options.lifetime, options.delta, options.period)):
            raise MisuseError("nothing to change was named: give --epsilon, --lifetime, --delta or --period.")
        policy = BudgetPolicy(
            epsilon=now.epsilon if options.epsilon is None else _epsilon(options.epsilon),
            delta=now.delta if options.delta is None else options.delta,
            period=now.period if options.period is None else options.period,
            lifetime=now.lifetime if options.lifetime is None else _epsilon(options.lifetime),
        )
        ledger.change(policy, options.reason)
        _say(f"The budget of {ledger.data_set} was changed. What was spent stays spent.", ledger, console)


def _cancel(options: argparse.Namespace, console: Console) -> None:
    with open_ledger(options.store, options.data_set) as ledger:
        ledger.cancel(options.reservation, options.reason)
        _say(f"Reservation {options.reservation} holds nothing any more.", ledger, console)


def _say(done: str, ledger: BudgetLedger, console: Console) -> None:
    report: BudgetReport = budget_report(ledger.state())
    console.print(f"{done}\n{report.statement}", markup=False, highlight=False)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the page cannot be written to {path}: {error}. Name another file.") from error


def _epsilon(text: str | float | None) -> float | None:
    return None if text is None or text == NO_CEILING else float(text)


def _ceiling(text: str) -> str | float:
    try:
        return text if text == NO_CEILING else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor {NO_CEILING!r}") from None


def _period(text: str) -> Period:
    named: dict[str, Period] = {"month": "month", "once": "once"}
    try:
        return named[text] if text in named else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'month', 'once' nor a number of days") from None


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its four parts."""
    command.description = "Keep the privacy budget of a data set: the same people's data, whatever files they come in."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    opening = _part(parts, "open", _open, "open the ledger of a data set, and make the store if there is none")
    opening.add_argument(
        "--epsilon", type=_ceiling, required=True, metavar="E", help="ε per user and period; none: only count"
    )
    opening.add_argument("--lifetime", type=_ceiling, metavar="E", help="ε per user for ever (none: only count)")
    opening.add_argument(
        "--delta", type=float, default=DEFAULT_DELTA, metavar="D", help=f"δ of every ε ({DEFAULT_DELTA:g})"
    )
    opening.add_argument(
        "--period", type=_period, default="month", metavar="P", help="month, once, or a number of days (month)"
    )
    showing = _part(parts, "show", _show, "show what was spent and what is left")
    showing.add_argument("--json", action="store_true", help="write JSON instead of tables")
    showing.add_argument("--expect-head", metavar="HASH", help="fail if the event of this hash is missing")
    showing.add_argument("--html", type=Path, metavar="FILE", help="also write a page to read or print")
    changing = _part(parts, "change", _change, "change a ceiling, δ or the period; what is not named stays")
    changing.add_argument("--epsilon", type=_ceiling, metavar="E", help="ε per user and period; none: only count")
    changing.add_argument("--lifetime", type=_ceiling, metavar="E", help="ε per user for ever; none: only count")
    changing.add_argument("--delta", type=float, metavar="D", help="δ of every ε")
    changing.add_argument("--period", type=_period, metavar="P", help="month, once, or a number of days")
    changing.add_argument("--reason", required=True, help="why; it stays in the ledger")
    cancelling = _part(parts, "cancel", _cancel, "give back what a reservation holds whose program is gone")
    cancelling.add_argument("reservation", type=int, metavar="NUMBER", help="as budget show lists it")
    cancelling.add_argument("--reason", required=True, help="why; it stays in the ledger")


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    command = parts.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument("--store", required=True, metavar="PATH|URL", help="a SQLite file, or postgresql://…")
    command.add_argument("--data-set", required=True, metavar="NAME", help="the name of these people's data")
    return command
