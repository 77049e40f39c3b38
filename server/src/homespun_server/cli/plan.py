"""``homespun-server plan``: what a fit will keep and cost, from public facts alone."""

import argparse
from typing import Any

import msgspec
from rich.console import Console

from homespun_server.cli.plan_view import plan_view
from homespun_server.planning.fleet import Fleet
from homespun_server.planning.kinds import BY_WORD, DEFAULT_WORDS
from homespun_server.planning.loss import Period
from homespun_server.planning.plan import Plan, Request, make_plan
from homespun_server.planning.shares import ENOUGH
from homespun_server.privacy.zcdp import DEFAULT_DELTA

SCHEMA_VERSION = 1

_PERIODS = 12
_LIKES = 40.0
_MAX_ITEMS = 1000


def _plan(options: argparse.Namespace, console: Console) -> None:
    plan = make_plan(_request(options))
    if options.json:
        # Not through rich, which would break long lines.
        console.file.write(msgspec.json.format(msgspec.json.encode(as_data(plan)), indent=2).decode() + "\n")
        return
    console.print(plan_view(plan))


def _request(options: argparse.Namespace) -> Request:
    likes = min(_LIKES, options.items) if options.events_per_user is None else options.events_per_user
    periods = options.periods
    if periods is None:
        periods = 1 if options.per == "once" else _PERIODS
    return Request(
        fleet=Fleet(users=options.users, items=options.items, likes=likes, max_items=options.max_items),
        epsilon=options.epsilon,
        delta=options.delta,
        words=tuple(options.statistics),
        period=Period(options.per, periods),
        devices=options.devices_per_person,
    )


def as_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain data for JSON; exact fractions become floats, and ρ is stated exactly beside."""
    data: dict[str, Any] = msgspec.to_builtins(plan, enc_hook=float)
    verdicts = [verdict.text(plan.request.fleet, plan.request.epsilon) for verdict in plan.too_small]
    return {
        "schema": SCHEMA_VERSION,
        **data,
        "exact_rho": f"{plan.rho.numerator}/{plan.rho.denominator}",
        "enough": ENOUGH,
        "too_small_text": verdicts,
    }


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = (
        "Predict the quality that is left at an ε, divide the budget over statistics, and add up what "
        "it costs. Reads no data: everything follows from the figures given here."
    )
    command.set_defaults(run=_plan)
    command.add_argument("--users", type=int, required=True, metavar="N", help="people who take part")
    command.add_argument("--items", type=int, required=True, metavar="C", help="items of the catalogue")
    command.add_argument("--epsilon", type=float, required=True, metavar="E", help="ε per user and period")
    command.add_argument(
        "--delta", type=float, default=DEFAULT_DELTA, metavar="D", help=f"δ per user ({DEFAULT_DELTA:g})"
    )
    command.add_argument(
        "--events-per-user", type=float, metavar="L", help=f"different items that a person likes ({_LIKES:g})"
    )
    command.add_argument("--per", default="month", metavar="PERIOD", help="once, month, or a number of days (month)")
    command.add_argument("--periods", type=int, metavar="P", help=f"periods to add up ({_PERIODS}; 1 for once)")
    command.add_argument(
        "--statistics",
        nargs="+",
        default=DEFAULT_WORDS,
        choices=BY_WORD,
        metavar="NAME",
        help=f"{', '.join(BY_WORD)} ({' '.join(DEFAULT_WORDS)})",
    )
    command.add_argument(
        "--max-items", type=int, default=_MAX_ITEMS, metavar="M", help=f"largest universe ({_MAX_ITEMS:,})"
    )
    command.add_argument(
        "--devices-per-person", type=int, default=1, metavar="K", help="devices or ids of one person to look at (1)"
    )
    command.add_argument("--json", action="store_true", help="write JSON instead of tables")
