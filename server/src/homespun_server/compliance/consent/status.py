"""Where a person's purposes stand, of the events of all their sources.

The rules are those by which devices decide (``homespun.consent``). A device has one stream of records; here there are
several, so they are put in one order first:

- An event counts from when it was received, or from when a later one of its source was: it had happened by then.
- Between sources that order decides; within a source its sequence does. Where two sources tie, what denies wins.
- A source is what one bearer brought: what claims the source of another's events is a source of its own.
- What nobody vouches for (``standing``) overrules no denial of another source. What it denies is denied until something
  that is proven says otherwise later.
- What allows something overrules no denial of another source that was known when it was made, by what its device
  claims: a late grant of a device that was offline counts from then.
- Times that devices claim are replaced by the time of receipt otherwise. What they claim only ever takes away: this,
  and the length of a term, whose end is never later than what they said.

Pure.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from homespun.consent.history import ConsentHistory, PurposeStatus
from homespun.consent.purposes import Purpose
from homespun.consent.signals import FORBIDS
from homespun.protocol.consent import ConsentRecord, kind_of, permits
from homespun_server.compliance.consent.events import ConsentEvent, Origin
from homespun_server.compliance.consent.standing import PROVEN, Standing, standings


class Status(msgspec.Struct, frozen=True):
    """Where one purpose stands, as far as it was reported.

    Attributes:
        granted: Whether it is allowed.
        because: Why, in plain words, for instance ``granted``, ``never asked`` or ``withdrawn``.
        decided_by: The number of the event that decides; None: nothing was reported.
        since: When that was received, ISO 8601, UTC.
        standing: Who stands behind it; None: nothing was reported.
    """

    granted: bool
    because: str
    decided_by: int | None = None
    since: str | None = None
    standing: Standing | None = None


_Placed = tuple[float, ConsentEvent]
"""An event, and when it counts from."""

_Stream = tuple[str, Origin]
"""A source, and what brought its events."""


def statuses(events: Iterable[ConsentEvent], at: datetime) -> dict[str, Status]:
    """Return where every purpose stood at a time, by its name: those that homespun knows, and what else was reported.

    Args:
        events: What was received by then, of one person.
        at: The time, by this server's clock.
    """
    known = tuple(events)
    named = dict.fromkeys((*map(str, Purpose), *sorted({each.choice.purpose for each in known} - {""})))
    merged, behind = _merged(known), standings(known, at)
    return {purpose: _status(purpose, merged, behind, at) for purpose in named}


def _status(purpose: str, merged: Sequence[_Placed], behind: Mapping[int, Standing], at: datetime) -> Status:
    about = [(moment, event) for moment, event in merged if _concerns(event, purpose)]
    denials, grants = _unproven(purpose, about, behind, at)
    found, decisive = _decided(
        purpose, [each for each in about if _is_proven(each[1], behind) or each[1].number in denials], at
    )
    if decisive is None and grants:
        # Nobody denied it, and nothing that is proven says anything of it.
        found, decisive = _decided(purpose, grants[-1:], at)
    if decisive is None:
        return Status(granted=False, because="nothing was reported")
    return Status(found.granted, found.because, decisive.number, decisive.received, behind[decisive.number])


def _unproven(
    purpose: str, about: Sequence[_Placed], behind: Mapping[int, Standing], at: datetime
) -> tuple[set[int], list[_Placed]]:
    """Return by number which events of sources that are not proven deny a purpose, and which events allow it."""
    streams: dict[_Stream, list[_Placed]] = {}
    for each in about:
        if not _is_proven(each[1], behind):
            streams.setdefault(_stream(each[1]), []).append(each)
    denials: set[int] = set()
    grants: list[_Placed] = []
    for stream in streams.values():
        found, decisive = _decided(purpose, stream, at)
        if decisive is not None and found.granted:
            grants += [each for each in stream if each[1] is decisive]
        elif decisive is not None:
            denials.add(decisive.number)
    return denials, sorted(grants, key=lambda each: each[0])


def _is_proven(event: ConsentEvent, behind: Mapping[int, Standing]) -> bool:
    return behind[event.number] in PROVEN


def _decided(purpose: str, about: Sequence[_Placed], at: datetime) -> tuple[PurposeStatus, ConsentEvent | None]:
    """Return where a purpose stands by some events in their order, and which of them decides."""
    timely = _timely(about, at.timestamp())
    numbers = {_as_received(event.record, rank, moment): event for rank, (moment, event) in _ranked(timely)}
    found = ConsentHistory(numbers).status_of(purpose, at.timestamp())
    return found, None if found.decided_by is None else numbers[found.decided_by]


def _merged(events: Sequence[ConsentEvent]) -> list[_Placed]:
    """Return the events with when they count from, in the order of that and then of their source's sequence."""
    latest: dict[_Stream, float] = {}
    found: list[_Placed] = []
    for event in sorted(events, key=lambda each: each.sequence, reverse=True):
        received = datetime.fromisoformat(event.received).timestamp()
        # A later one of the same source was known before: this one had happened by then.
        stream = _stream(event)
        moment = latest[stream] = min(received, latest.get(stream, received))
        found.append((moment, event))
    return sorted(found, key=_place)


def _timely(about: Sequence[_Placed], at: float) -> list[_Placed]:
    """Return events with late ones that allow something placed where their device says that they were made.

    Such a one comes after a denial of another source, and claims to be older than that.
    """
    found = []
    last: _Stream | None = None
    denied = denied_elsewhere = -math.inf  # When what denies came last, and when it did in another stream than that.
    for moment, event in about:
        record, stream = event.record, _stream(event)
        if _allows(record, moment, at):
            before = denied_elsewhere if stream == last else denied
            found.append((record.time if record.time <= before else moment, event))
            continue
        if stream != last:
            last, denied_elsewhere = stream, denied
        denied = moment
        found.append((moment, event))
    return sorted(found, key=_place)


def _allows(record: ConsentRecord, moment: float, at: float) -> bool:
    """Return whether a record allows something at a time; a term that is over denies."""
    until = _until(record, moment)
    return permits(record) and (until is None or at < until)


def _place(each: _Placed) -> tuple[float, int]:
    return each[0], each[1].sequence


def _ranked(about: Sequence[_Placed]) -> list[tuple[int, _Placed]]:
    """Return events with their ranks: equal where two sources tie, ascending within a source.

    Of events that count from one moment, the last of each source tie, then those before them, and so on.
    """
    behind: dict[tuple[float, _Stream], int] = {}
    keys = []
    for moment, event in reversed(about):
        place = (moment, _stream(event))
        keys.append((moment, -behind.get(place, 0)))
        behind[place] = behind.get(place, 0) + 1
    keys.reverse()
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)), start=1)}
    return [(ranks[key], each) for key, each in zip(keys, about, strict=True)]


def _stream(event: ConsentEvent) -> _Stream:
    return event.source, event.origin


def _as_received(record: ConsentRecord, rank: int, moment: float) -> ConsentRecord:
    """Return a record whose place and times are this server's."""
    until = _until(record, moment)
    return msgspec.structs.replace(record, sequence=rank, time=moment, valid_until=until)


def _until(record: ConsentRecord, moment: float) -> float | None:
    """Return when a record's term ends: no later than its device said, and no longer after receipt than it lasts."""
    until = record.valid_until
    return None if until is None else min(until, moment + max(0.0, until - record.time))


def _concerns(event: ConsentEvent, purpose: str) -> bool:
    record = event.record
    if kind_of(record) == "signal":
        return purpose in (*record.outcome, *FORBIDS.get(record.signal or "", ()))
    return record.purpose in (purpose, "")
