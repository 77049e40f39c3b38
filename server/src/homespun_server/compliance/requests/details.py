"""Requests as they are shown: in detail, as reminders, and to devices."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from homespun_server.compliance.requests.asking.answers import OpenRequest
from homespun_server.compliance.requests.course import Event
from homespun_server.compliance.requests.profile import Rules
from homespun_server.compliance.requests.rows import DataMap, Request

_LINE = 60
"""Most characters of how identity was settled that devices are told."""


class RequestDetails(msgspec.Struct, frozen=True, kw_only=True):
    """A request with everything that is known of it but who it is about.

    Attributes:
        request: The request.
        rules: What goes for it, as it was when it was opened.
        data_map: The stores, as they were then.
        timeline: What happened, in order.
        effects: How things stand with every store of the data map; None: nothing was recorded yet.
        waiting: Devices that have not answered.
        untrained: Models that are to be made again, and were not.
        receipts: What devices answered with, by device.
        missing: Stores without evidence.
    """

    request: Request
    rules: Rules
    data_map: DataMap
    timeline: tuple[Event, ...]
    effects: dict[str, dict[str, object] | None]
    waiting: tuple[str, ...]
    untrained: tuple[str, ...]
    receipts: dict[str, object]
    missing: tuple[str, ...]


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose next deadline is near or over.

    Attributes:
        request: The request.
        deadline: Until when.
        what: What has to happen until then.
        days_left: Whole days, negative when it is over.
        overdue: Whether it is over.
    """

    request: Request
    deadline: str
    what: str
    days_left: int
    overdue: bool


def for_devices(request: Request, events: Sequence[Event]) -> OpenRequest:
    """Return a request as devices are asked it."""
    identified = next((each for each in events if each.what == "identified"), None)
    verified = "nothing had to be shown" if identified is None else str(identified.detail["method"])
    return OpenRequest(
        request=request.id,
        subject=str(request.subject),
        kind=request.kind,
        regulation=request.regulation,
        deadline=request.due[:10],
        verified="".join(each for each in verified if each.isprintable())[:_LINE],
    )


def reminder(request: Request, days: int, now: datetime) -> Reminder:
    """Return what has to happen for a request, with so many days left."""
    deadline = request.next or request.due
    return Reminder(
        request=request,
        deadline=deadline,
        what="answer" if deadline == request.due else "confirm receipt",
        days_left=days,
        overdue=datetime.fromisoformat(deadline) < now,
    )
