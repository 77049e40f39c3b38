"""The parts of ``homespun-server request`` that record what an officer did or decided."""

import argparse
import sys
from pathlib import Path

import msgspec
from rich.console import Console

from homespun.errors import MisuseError
from homespun_server.cli.directory import command_actor
from homespun_server.cli.request_desk import desk_of, part, say
from homespun_server.compliance.requests.course import What
from homespun_server.compliance.requests.profile import KINDS

ACTIONS: dict[str, What] = {
    "confirm": "confirmed",
    "identify": "identified",
    "accept": "accepted",
    "refuse": "refused",
    "withdraw": "withdrawn",
    "no-records": "unexplained",
    "lift": "lifted",
}
_WORDS = ("how", "method", "evidence", "reason", "notice")


def _open(options: argparse.Namespace, console: Console) -> None:
    with desk_of(options) as desk:
        made = desk.requests.open(
            options.kind,
            options.under,
            actor=command_actor("request open"),
            identifier=options.person,
            how=options.how,
        )
    say(console, f"Request {made.id}: {made.kind} under {made.regulation}, to be answered until {made.due}.")


def _act(options: argparse.Namespace, console: Console) -> None:
    said: dict[str, object] = {name: getattr(options, name) for name in _WORDS if getattr(options, name)}
    if options.offered is not None and options.what != "identify":
        raise MisuseError("--offered is for identify: it is what the registered check of identity looks at.")
    if options.what == "lift":
        _lift(options, console, said)
        return
    actor = command_actor("request act")
    with desk_of(options) as desk:
        if options.offered is not None:
            after = desk.identify(options.request, _offered(options.offered), actor)
        else:
            after = desk.requests.act(options.request, ACTIONS[options.what], actor, said)
    say(console, f"The request {after.id} is {after.state}.")


def _lift(options: argparse.Namespace, console: Console, said: dict[str, object]) -> None:
    with desk_of(options) as desk:
        back = desk.saga.lift(options.request, command_actor("request act"), said)
    told = "; ".join(f"{name}: {count}" for name, count in back.items()) or "none was set aside"
    say(console, f"The restriction is lifted. Rows put back: {told}.")


def _offered(path: Path) -> dict[str, str]:
    """Return what came with a request; a file, so that no token is in the list of processes or a shell's history."""
    try:
        raw = sys.stdin.buffer.read() if path == Path("-") else path.read_bytes()
        return msgspec.json.decode(raw, type=dict[str, str])
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error}. Name a file of JSON, or - for standard input.") from error
    except msgspec.MsgspecError as error:
        raise MisuseError(f'{path} is not JSON of names and texts, as in {{"token": "…"}}: {error}.') from error


def _extend(options: argparse.Namespace, console: Console) -> None:
    said = {"reason": options.reason, "notice": options.notice}
    with desk_of(options) as desk:
        after = desk.requests.act(options.request, "extended", command_actor("request extend"), said)
    say(console, f"The request {after.id} is to be answered until {after.due}.")


def _close(options: argparse.Namespace, console: Console) -> None:
    said = {"pending": True} if options.pending else {}
    with desk_of(options) as desk:
        after = desk.requests.act(options.request, "closed", command_actor("request close"), said)
    told = "closed, while others are pending: it is not done" if after.state == "closed_pending" else "closed"
    say(console, f"The request {after.id} is {told}.")


def configure_deciding(parts: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give the command its parts that record decisions."""
    opening = part(parts, "open", _open, "record a request; its clock starts now")
    opening.add_argument("kind", choices=KINDS)
    opening.add_argument("--under", required=True, metavar="REGULATION", help="gdpr, ccpa, or one of your files")
    opening.add_argument("--person", required=True, metavar="NAME", help="what your tables call the person")
    opening.add_argument("--how", default="recorded by an officer", help="how it came")
    acting = part(parts, "act", _act, "record a decision, and what shows it")
    acting.add_argument("request", metavar="ID")
    acting.add_argument("what", choices=list(ACTIONS))
    for name in _WORDS:
        acting.add_argument(f"--{name}", help=_HELP[name])
    acting.add_argument("--offered", type=Path, metavar="FILE", help=_HELP["offered"])
    extending = part(parts, "extend", _extend, "extend the deadline, once, with a reason and proof of the notice")
    extending.add_argument("request", metavar="ID")
    extending.add_argument("--reason", required=True, help=_HELP["reason"])
    extending.add_argument("--notice", required=True, help=_HELP["notice"])
    closing = part(parts, "close", _close, "close an answered request; without evidence it stays open")
    closing.add_argument("request", metavar="ID")
    closing.add_argument("--pending", action="store_true", help="although devices or models are pending")


_HELP = {
    "how": "how receipt was confirmed",
    "method": "how identity was checked",
    "evidence": "where the evidence of that is",
    "reason": "why",
    "notice": "where it is kept that the person was told",
    "offered": "for identify: JSON of what came with the request, which the registered check looks at; - reads it",
}
