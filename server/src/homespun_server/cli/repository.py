"""``homespun-server repository``: keep the signed repository fresh, right and small."""

import argparse
from collections.abc import Iterable
from datetime import datetime, timedelta

from rich.console import Console

from homespun_server.cli.signing import add_signing_options, repository_of
from homespun_server.publishing.repository import GRACE, KEEP

_HOURS = GRACE / timedelta(hours=1)


def _refresh(options: argparse.Namespace, console: Console) -> None:
    done = repository_of(options).refresh(always=not options.if_due)
    said = f"Signed anew: {', '.join(done.signed)}." if done.signed else "Nothing was due."
    console.print(said, markup=False, highlight=False)
    warn(done.due, console)


def _check(options: argparse.Namespace, console: Console) -> None:
    repository = repository_of(options)
    repository.check()
    channels = ", ".join(repository.channels()) or "none"
    console.print(f"Devices can take everything. Channels: {channels}.", markup=False, highlight=False)


def _prune(options: argparse.Namespace, console: Console) -> None:
    done = repository_of(options).prune(keep=options.keep, grace=timedelta(hours=options.grace))
    console.print(f"{len(done.removed)} files were removed; {done.waiting} stay for now.", highlight=False)


def warn(due: Iterable[tuple[str, datetime]], console: Console) -> None:
    """Say which roles are to be signed with keys that are not here."""
    for role, expires in due:
        console.print(
            f"The role {role} expires on {expires:%Y-%m-%d} and needs a key that is kept apart; sign it with keys "
            "renew or repository refresh and --offline.",
            style="yellow",
            markup=False,
            highlight=False,
        )


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = "Keep the working directory's signed repository fresh, right and small."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    refreshing = _part(parts, "refresh", _refresh, "sign the timestamp anew, and what else expires soon")
    refreshing.add_argument("--if-due", action="store_true", help="do nothing while more than half of its time is left")
    _part(parts, "check", _check, "do everything that devices do, on every channel")
    pruning = _part(parts, "prune", _prune, "remove files that nothing in force names any more")
    pruning.add_argument(
        "--keep", type=_count, default=KEEP, metavar="N", help=f"latest releases that can be returned to ({KEEP})"
    )
    pruning.add_argument(
        "--grace",
        type=_hours,
        default=_HOURS,
        metavar="HOURS",
        help=f"how long a file stays after it was named last ({_HOURS:g})",
    )


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    command = parts.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(run=run)
    add_signing_options(command)
    return command


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours")
    return hours
