"""Options of the commands that divide a table for an evaluation."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from homespun.errors import MisuseError
from homespun_server.evaluation.protocols import (
    COLD_ITEMS,
    DEFAULT_TRAIN_SHARE,
    LEAVE_LAST_OUT,
    PROTOCOLS,
    STRONG,
    TEMPORAL,
    ColdItems,
    EvaluationProtocol,
    GlobalTemporal,
    LeaveLastOut,
    Liked,
    StrongGeneralization,
)

_TEST_SHARE = 0.1

_BY_PROTOCOL = {
    "test_share": (STRONG, LEAVE_LAST_OUT, COLD_ITEMS),
    "since": (TEMPORAL,),
    "train_share": (TEMPORAL,),
    "repeats": (LEAVE_LAST_OUT, TEMPORAL),
    "max_cases_per_user": (TEMPORAL,),
    "max_users": PROTOCOLS,
    "min_weight": PROTOCOLS,
}
"""Options, and the protocols that they mean something to."""


def add_protocol_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say what is predicted from what."""
    command.add_argument("--protocol", choices=PROTOCOLS, help=f"what is predicted from what ({STRONG})")
    command.add_argument("--test-share", type=float, metavar="S", help="share of users kept aside (0.1)")
    command.add_argument("--since", type=_time, metavar="DATE", help="when the test begins, as in 2026-03-01 (UTC)")
    command.add_argument(
        "--train-share", type=float, metavar="S", help=f"or after which share of the events ({DEFAULT_TRAIN_SHARE:g})"
    )
    command.add_argument("--repeats", choices=("in", "out"), help="whether items that a person has seen count (out)")
    command.add_argument("--max-users", type=int, metavar="N", help="most users to test, by a published hash (all)")
    command.add_argument("--max-cases-per-user", type=int, metavar="N", help="most requests of each (all)")
    command.add_argument("--min-weight", type=float, metavar="W", help="least weight of a like (the bundle's, or any)")


def given_options(options: argparse.Namespace) -> list[str]:
    """Return which options of the protocol were given."""
    return [name for name in ("protocol", *_BY_PROTOCOL) if getattr(options, name) is not None]


def protocol_of(options: argparse.Namespace, liked: Liked) -> EvaluationProtocol:
    """Return the protocol that was asked for.

    Args:
        options: As parsed.
        liked: Which events speak for an item, where ``--min-weight`` does not say.

    Raises:
        MisuseError: If an option means nothing to the protocol.
    """
    name = options.protocol or STRONG
    _check(name, [option for option in given_options(options) if option != "protocol"])
    if options.since is not None and options.train_share is not None:
        raise MisuseError("--since and --train-share both say when the test begins; give one.")
    if options.min_weight is not None:
        liked = replace(liked, min_weight=options.min_weight)
    share = _TEST_SHARE if options.test_share is None else options.test_share
    repeats = options.repeats == "in"
    match name:
        case "leave-last-out":
            return LeaveLastOut(options.test_share, repeats=repeats, liked=liked, max_users=options.max_users)
        case "temporal":
            return GlobalTemporal(
                begin=options.since,
                train_share=DEFAULT_TRAIN_SHARE if options.train_share is None else options.train_share,
                repeats=repeats,
                max_cases_per_user=options.max_cases_per_user,
                liked=liked,
                max_users=options.max_users,
            )
        case "cold-items":
            return ColdItems(share, liked=liked, max_users=options.max_users)
    return StrongGeneralization(share, liked=liked, max_users=options.max_users)


def _check(protocol: str, given: Sequence[str]) -> None:
    for option in given:
        if protocol not in _BY_PROTOCOL[option]:
            means = " or ".join(_BY_PROTOCOL[option])
            raise MisuseError(f"--{option.replace('_', '-')} means something to {means} only, not to {protocol}.")


def _time(text: str) -> float:
    """Return seconds since 1970 of a date, or a date and a time, in UTC where it does not say."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
