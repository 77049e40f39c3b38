"""``homespun-server request``: requests of people, from receipt to evidence."""

import argparse
import re
from pathlib import Path

import msgspec
from rich.console import Console

from homespun.errors import MisuseError
from homespun_server.cli.directory import command_actor, settings_of
from homespun_server.cli.request_asking import configure_asking
from homespun_server.cli.request_deciding import configure_deciding
from homespun_server.cli.request_desk import desk_of, part, say
from homespun_server.cli.request_view import course_view, queue_view, request_view
from homespun_server.cli.tables import add_item_titles, item_titles
from homespun_server.compliance.explanations.reading import lines_of
from homespun_server.compliance.explanations.words import ENGLISH, languages, words_of
from homespun_server.compliance.requests.connectors.tables import PEOPLE
from homespun_server.compliance.requests.course import State
from homespun_server.compliance.requests.explaining import Brought
from homespun_server.compliance.requests.ports import Correction
from homespun_server.compliance.requests.reading import PLACE
from homespun_server.errors import ReplayError
from homespun_server.settings import ServerSettings
from homespun_server.store import Actor, AuditLog, open_store
from homespun_server.store.moments import utc_now

_FIELDS = 3
_LIFTED = (
    "They are let in again, which the record of changes has under the mark {mark}. Rows that are as old as their "
    "erasure go all the same; tables without a column of times cannot tell, and keep whatever a restore brings back."
)


def _list(options: argparse.Namespace, console: Console) -> None:
    with desk_of(options) as desk:
        found = desk.requests.page(state=options.state, limit=options.limit, after=options.after)
    if options.json:
        console.print_json(msgspec.json.encode(found).decode())
        return
    console.print(queue_view(found.requests, utc_now()))
    if found.after is not None:
        say(console, f"There are more: --after {found.after}")


def _show(options: argparse.Namespace, console: Console) -> None:
    with desk_of(options) as desk:
        details, person = desk.requests.viewed(options.request, command_actor("request show"))
    if options.json:
        console.print_json(msgspec.json.encode(details).decode())
    else:
        console.print(request_view(details, person, utc_now()))


def _work(options: argparse.Namespace, console: Console) -> None:
    with desk_of(options) as desk:
        actor = command_actor("request work")
        course = desk.saga.work(options.request, actor, options.correct)
        desk.saga.check_waiting(actor)  # a model that was made for one of them may be what others wait for
    console.print(course_view(course))


def _replay(options: argparse.Namespace, console: Console) -> None:
    actor, settings = command_actor("request replay"), settings_of(options)
    with desk_of(options) as desk:
        if options.returned is not None:
            mark = desk.tombstones.lift(PEOPLE, options.returned, actor)
            say(console, "Nobody of that name was erased." if mark is None else _LIFTED.format(mark=mark))
            return
        if options.allowed_again is not None:
            back = desk.saga.allow_again(options.allowed_again, actor)
            told = "; ".join(f"{name}: {count}" for name, count in back.items()) or "none"
            say(
                console, f"Their rows are used again from now on. Rows that had come back, and are back in use: {told}."
            )
            return
        try:
            found = desk.saga.replay()
        except ReplayError as error:
            _erased_again(settings, actor, error.again)
            raise
        again = _erased_again(settings, actor, found)
        moved = desk.saga.check_waiting(actor)
    told = "; ".join(f"{name}: {count}" for name, count in again.items()) or "nothing had come back"
    say(console, f"Erased or set aside again: {told}.")
    if moved:
        say(console, f"Models that requests waited for were made again: {', '.join(moved)}.")


def _erased_again(settings: ServerSettings, actor: Actor, found: dict[str, int]) -> dict[str, int]:
    """Keep in the record of changes what was erased again, and return it."""
    again = {name: count for name, count in found.items() if count}
    with open_store(settings.store, create=False) as store:
        AuditLog(store).add(actor, "replay-tombstones", "all", again)
    return again


def _export(options: argparse.Namespace, console: Console) -> None:
    brought = _brought(options)
    with desk_of(options) as desk:
        desk.exporter.write(options.request, options.out, command_actor("request export"), brought)
    say(console, f"The answer is in {options.out}, which only you can read. It holds personal data.")


def _brought(options: argparse.Namespace) -> Brought:
    return Brought(
        lines=() if options.explanations is None else tuple(lines_of(options.explanations)),
        bundles=tuple(options.bundle),
        policies=tuple(_policy(path) for path in options.policy),
        words=words_of(options.language, options.words),
        titles=item_titles(options),
    )


def _policy(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error}. Name a policy.") from error


def _correction(text: str) -> Correction:
    found = text.split("=", _FIELDS - 1)
    if len(found) != _FIELDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not COLUMN=WRONG=RIGHT")
    return Correction(*found)


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000:  # noqa: PLR2004 - as the queue's own
        raise argparse.ArgumentTypeError(f"{text!r} is no number of requests from 1 to 1000")
    return int(text)


def _place(text: str) -> str:
    if not re.fullmatch(PLACE, text):
        raise argparse.ArgumentTypeError(f"{text!r} is no place in the queue; take it from the page before")
    return text


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its parts."""
    command.description = "Requests of people: access, erasure and others, with deadlines, effects and evidence."
    parts = command.add_subparsers(required=True, metavar="ACTION")
    _configure_reading(parts)
    configure_deciding(parts)
    _configure_doing(parts)
    configure_asking(parts)


def _configure_reading(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = part(parts, "list", _list, "requests by deadline: those that wait, or those of a state")
    listing.add_argument("--state", choices=State.__args__, help="only those")  # type: ignore[attr-defined]
    listing.add_argument("--limit", type=_limit, default=100, metavar="N", help="at most so many (100)")
    listing.add_argument("--after", type=_place, metavar="PLACE", help="only those behind, as the page before said")
    showing = part(parts, "show", _show, "a request with its course and effects; that you looked is recorded")
    showing.add_argument("request", metavar="ID")
    for each in (listing, showing):
        each.add_argument("--json", action="store_true", help="for programs")


def _configure_doing(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    working = part(parts, "work", _work, "carry a request to every store that has no final effect yet")
    working.add_argument("request", metavar="ID")
    working.add_argument(
        "--correct",
        type=_correction,
        action="append",
        default=[],
        metavar="COLUMN=WRONG=RIGHT",
        help="for a rectification; may be given more than once",
    )
    exporting = part(parts, "export", _export, "write the answer: the copy, what was done, what stays")
    exporting.add_argument("request", metavar="ID")
    exporting.add_argument("--out", type=Path, required=True, metavar="ZIP", help="a new file")
    _configure_explaining(exporting)
    replaying = part(parts, "replay", _replay, "after a restore: erase and set aside again what was")
    instead = replaying.add_mutually_exclusive_group()
    instead.add_argument("--returned", metavar="NAME", help="instead, let somebody who was erased and came back be")
    instead.add_argument(
        "--allowed-again", metavar="NAME", help="instead, use rows of somebody again who objected and took that back"
    )


def _configure_explaining(exporting: argparse.ArgumentParser) -> None:
    add = exporting.add_argument
    add("--explanations", type=Path, metavar="RECORDS", help="for an explanation: records that the person handed over")
    add("--bundle", type=Path, action="append", default=[], metavar="DIR", help="one that is not in the registry")
    add("--policy", type=Path, action="append", default=[], metavar="FILE", help="a policy beside the bundle's own")
    add("--language", default=ENGLISH, metavar="TAG", help=f"of the explanation: {', '.join(languages())}")
    add("--words", type=Path, metavar="FILE", help="a catalogue of one's own, for another language")
    add_item_titles(exporting)
