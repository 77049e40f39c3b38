"""``homespun-server request``: requests of people, from receipt to evidence."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console

from homespun.errors import MisuseError
from homespun_server.cli.directory import command_actor, settings_of
from homespun_server.cli.request_asking import configure_asking
from homespun_server.cli.request_view import course_view, queue_view, request_view
from homespun_server.cli.signing import add_directory_option
from homespun_server.compliance.opening import open_compliance
from homespun_server.compliance.requests.connectors.tables import PEOPLE
from homespun_server.compliance.requests.course import State
from homespun_server.compliance.requests.opening import Desk
from homespun_server.compliance.requests.ports import Correction
from homespun_server.compliance.requests.profile import KINDS
from homespun_server.errors import ReplayError, SigningKeyError
from homespun_server.settings import PASSPHRASE_VARIABLE, ServerSettings
from homespun_server.store import Actor, AuditLog, open_store
from homespun_server.store.moments import utc_now

ACTIONS = {
    "confirm": "confirmed",
    "identify": "identified",
    "accept": "accepted",
    "refuse": "refused",
    "withdraw": "withdrawn",
    "lift": "lifted",
}
_WORDS = ("how", "method", "evidence", "reason", "notice")
_FIELDS = 3
_LIFTED = (
    "They are let in again, which the record of changes has under the mark {mark}. Rows that are as old as their "
    "erasure go all the same; tables without a column of times cannot tell, and keep whatever a restore brings back."
)


@contextmanager
def _desk(options: argparse.Namespace) -> Iterator[Desk]:
    settings = settings_of(options)
    with open_store(settings.store, create=False) as store:
        compliance = open_compliance(settings, store)
        if compliance is None:
            raise SigningKeyError(
                "requests need the compliance keys; make them with homespun-server compliance init, and set "
                f"{PASSPHRASE_VARIABLE}."
            )
        yield compliance.requests


def _open(options: argparse.Namespace, console: Console) -> None:
    with _desk(options) as desk:
        made = desk.requests.open(
            options.kind,
            options.under,
            actor=command_actor("request open"),
            identifier=options.person,
            how=options.how,
        )
    _say(console, f"Request {made.id}: {made.kind} under {made.regulation}, to be answered until {made.due}.")


def _list(options: argparse.Namespace, console: Console) -> None:
    with _desk(options) as desk:
        found = desk.requests.queue(state=options.state, limit=options.limit)
    if options.json:
        console.print_json(msgspec.json.encode(found).decode())
    else:
        console.print(queue_view(found, utc_now()))


def _show(options: argparse.Namespace, console: Console) -> None:
    with _desk(options) as desk:
        details, person = desk.requests.viewed(options.request, command_actor("request show"))
    if options.json:
        console.print_json(msgspec.json.encode(details).decode())
    else:
        console.print(request_view(details, person, utc_now()))


def _act(options: argparse.Namespace, console: Console) -> None:
    said = {name: getattr(options, name) for name in _WORDS if getattr(options, name)}
    if options.what == "lift":
        _lift(options, console, said)
        return
    with _desk(options) as desk:
        after = desk.requests.act(options.request, ACTIONS[options.what], command_actor("request act"), said)  # type: ignore[arg-type]
    _say(console, f"The request {after.id} is {after.state}.")


def _lift(options: argparse.Namespace, console: Console, said: dict[str, object]) -> None:
    with _desk(options) as desk:
        back = desk.saga.lift(options.request, command_actor("request act"), said)
    told = "; ".join(f"{name}: {count}" for name, count in back.items()) or "none was set aside"
    _say(console, f"The restriction is lifted. Rows put back: {told}.")


def _extend(options: argparse.Namespace, console: Console) -> None:
    said = {"reason": options.reason, "notice": options.notice}
    with _desk(options) as desk:
        after = desk.requests.act(options.request, "extended", command_actor("request extend"), said)
    _say(console, f"The request {after.id} is to be answered until {after.due}.")


def _work(options: argparse.Namespace, console: Console) -> None:
    with _desk(options) as desk:
        actor = command_actor("request work")
        course = desk.saga.work(options.request, actor, options.correct)
        desk.saga.check_waiting(actor)  # a model that was made for one of them may be what others wait for
    console.print(course_view(course))


def _close(options: argparse.Namespace, console: Console) -> None:
    said = {"pending": True} if options.pending else {}
    with _desk(options) as desk:
        after = desk.requests.act(options.request, "closed", command_actor("request close"), said)
    told = "closed, while others are pending: it is not done" if after.state == "closed_pending" else "closed"
    _say(console, f"The request {after.id} is {told}.")


def _replay(options: argparse.Namespace, console: Console) -> None:
    actor, settings = command_actor("request replay"), settings_of(options)
    with _desk(options) as desk:
        if options.returned is not None:
            mark = desk.tombstones.lift(PEOPLE, options.returned, actor)
            _say(console, "Nobody of that name was erased." if mark is None else _LIFTED.format(mark=mark))
            return
        try:
            found = desk.saga.replay()
        except ReplayError as error:
            _erased_again(settings, actor, error.again)
            raise
        again = _erased_again(settings, actor, found)
        moved = desk.saga.check_waiting(actor)
    told = "; ".join(f"{name}: {count}" for name, count in again.items()) or "nothing had come back"
    _say(console, f"Erased again: {told}.")
    if moved:
        _say(console, f"Models that requests waited for were made again: {', '.join(moved)}.")


def _erased_again(settings: ServerSettings, actor: Actor, found: dict[str, int]) -> dict[str, int]:
    """Keep in the record of changes what was erased again, and return it."""
    again = {name: count for name, count in found.items() if count}
    with open_store(settings.store, create=False) as store:
        AuditLog(store).add(actor, "replay-tombstones", "all", again)
    return again


def _export(options: argparse.Namespace, console: Console) -> None:
    with _desk(options) as desk:
        desk.exporter.write(options.request, options.out, command_actor("request export"))
    _say(console, f"The answer is in {options.out}, which only you can read. It holds personal data.")


def _say(console: Console, told: str) -> None:
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def _correction(text: str) -> Correction:
    found = text.split("=", _FIELDS - 1)
    if len(found) != _FIELDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not COLUMN=WRONG=RIGHT")
    return Correction(*found)


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000:  # noqa: PLR2004 - as the queue's own
        raise MisuseError(f"{text!r} is no number of requests from 1 to 1000.")
    return int(text)


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = "Requests of people: access, erasure and others, with deadlines, effects and evidence."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    _configure_reading(parts)
    _configure_deciding(parts)
    _configure_doing(parts)
    configure_asking(parts)


def _configure_reading(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = _part(parts, "list", _list, "requests by deadline: those that wait, or those of a state")
    listing.add_argument("--state", choices=State.__args__, help="only those")  # type: ignore[attr-defined]
    listing.add_argument("--limit", type=_limit, default=100, metavar="N", help="at most so many (100)")
    showing = _part(parts, "show", _show, "a request with its course and effects; that you looked is recorded")
    showing.add_argument("request", metavar="ID")
    for each in (listing, showing):
        each.add_argument("--json", action="store_true", help="for programs")


def _configure_deciding(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    opening = _part(parts, "open", _open, "record a request; its clock starts now")
    opening.add_argument("kind", choices=KINDS)
    opening.add_argument("--under", required=True, metavar="REGULATION", help="gdpr, ccpa, or one of your files")
    opening.add_argument("--person", required=True, metavar="NAME", help="what your tables call the person")
    opening.add_argument("--how", default="recorded by an officer", help="how it came")
    acting = _part(parts, "act", _act, "record a decision, and what shows it")
    acting.add_argument("request", metavar="ID")
    acting.add_argument("what", choices=list(ACTIONS))
    for name in _WORDS:
        acting.add_argument(f"--{name}", help=_HELP[name])
    extending = _part(parts, "extend", _extend, "extend the deadline, once, with a reason and proof of the notice")
    extending.add_argument("request", metavar="ID")
    extending.add_argument("--reason", required=True, help=_HELP["reason"])
    extending.add_argument("--notice", required=True, help=_HELP["notice"])
    closing = _part(parts, "close", _close, "close an answered request; without evidence it stays open")
    closing.add_argument("request", metavar="ID")
    closing.add_argument("--pending", action="store_true", help="although devices or models are pending")


def _configure_doing(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    working = _part(parts, "work", _work, "carry a request to every store that has no final effect yet")
    working.add_argument("request", metavar="ID")
    working.add_argument(
        "--correct",
        type=_correction,
        action="append",
        default=[],
        metavar="COLUMN=WRONG=RIGHT",
        help="for a rectification; may be given more than once",
    )
    exporting = _part(parts, "export", _export, "write the answer: the copy, what was done, what stays")
    exporting.add_argument("request", metavar="ID")
    exporting.add_argument("--out", type=Path, required=True, metavar="ZIP", help="a new file")
    replaying = _part(parts, "replay", _replay, "after a restore: erase again what was erased")
    replaying.add_argument("--returned", metavar="NAME", help="instead, let somebody who came back be")


def _part(
    parts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, what: str
) -> argparse.ArgumentParser:
    part = parts.add_parser(name, help=what)
    part.set_defaults(run=run)
    add_directory_option(part)
    return part


_HELP = {
    "how": "how receipt was confirmed",
    "method": "how identity was checked",
    "evidence": "where the evidence of that is",
    "reason": "why",
    "notice": "where it is kept that the person was told",
}
