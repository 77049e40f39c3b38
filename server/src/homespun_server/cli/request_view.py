"""Requests for a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from homespun_server.compliance.requests.course import Course
from homespun_server.compliance.requests.details import RequestDetails
from homespun_server.compliance.requests.rows import Request

_MANNERS = {"done": "green", "nothing": "green", "kept": "yellow", "pending": "yellow", "failed": "red"}
_SOON = 7
_WIDTHS = {"request": 32, "kind": 13, "under": 5, "state": 9, "deadline": 10, "days": 4}
"""The columns of the queue, and their least widths: 78 characters with what is between them."""


def queue_view(found: Sequence[Request], now: datetime) -> RenderableType:
    """Lay out requests by deadline; in 80 columns no id is broken."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for heading, width in _WIDTHS.items():
        table.add_column(heading, overflow="fold", min_width=width, no_wrap=heading not in ("state", "deadline"))
    for each in found:
        state = each.state.replace("_", " ")
        table.add_row(each.id, each.kind, each.regulation, state, _moment(each.next), _days(each.days_left(now)))
    return table


def request_view(details: RequestDetails, person: str | None, now: datetime) -> RenderableType:
    """Lay out a request: what it is, what was done where, and what happened."""
    request = details.request
    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("request", request.id),
        ("kind", f"{request.kind} ({details.rules.source})"),
        ("under", details.rules.title),
        ("person", person or "–"),
        ("state", request.state),
        ("received", request.received),
        ("due", request.due),
        ("days left", _days(request.days_left(now))),
    ):
        facts.add_row(Text(name, style="bold"), value if isinstance(value, Text) else Text(value))
    return Group(facts, _effects({name: effect or {} for name, effect in details.effects.items()}), _timeline(details))


def course_view(course: Course) -> RenderableType:
    """Lay out what was done where, and what is missing."""
    effects = {name: course.outcome(name) for name in course.connectors}
    shown: dict[str, dict[str, object]] = {
        name: {} if each is None else msgspec.structs.asdict(each) for name, each in effects.items()
    }
    told = f"The request is {course.state}."
    if course.missing:
        told += f" No evidence yet: {', '.join(course.missing)}."
    return Group(_effects(shown), Text(told))


def _effects(effects: dict[str, dict[str, object]]) -> Table:
    table = _table("store", "outcome", "level", "records", "what was done")
    for name, each in effects.items():
        outcome = str(each.get("outcome", "–"))
        cells = (each.get("level") or "–", each.get("records", "–"), each.get("detail", "nothing was recorded"))
        table.add_row(name, Text(outcome, style=_MANNERS.get(outcome, "")), *(Text(str(cell)) for cell in cells))
    return table


def _timeline(details: RequestDetails) -> Table:
    table = _table("no.", "when", "who", "what", "detail")
    for each in details.timeline:
        told = ", ".join(f"{name}: {value}" for name, value in each.detail.items())
        table.add_row(str(each.sequence), each.moment, Text(each.who), each.what, Text(told))
    return table


def _moment(moment: str | None) -> str:
    return "–" if moment is None else f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _days(days: int | None) -> Text:
    if days is None:
        return Text("–")
    return Text(str(days), style="bold red" if days < 0 else "yellow" if days <= _SOON else "")


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
