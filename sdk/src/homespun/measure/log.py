"""What is counted of one experiment: bounded whole numbers by day.

Pure: functions of a log, the definition and the time. A log is read, changed and written in one transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from homespun.measure.variety import Variety
from homespun.protocol.events import Event
from homespun.protocol.experiment import (
    Answers,
    Counted,
    Diversity,
    Dwells,
    Events,
    Experiment,
    Impressions,
    Sessions,
)
from homespun.protocol.experiment.definition import DAY
from homespun.protocol.experiment.outcomes import HUNDREDTHS

MOST_ITEMS = 1000
"""Items of the latest lists that an event can be about."""

MOST_IDS = 500
"""Latest events with ids of their own that are not counted again."""

_MOST_PAIRS = 1 << 40
_PAIRS = " pairs"


class Log(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is counted of one experiment.

    Attributes:
        variant: Name of the variant that the person met first.
        first: When, seconds since 1970; what was before does not count.
        day: The day on which they first met one at all, in days since 1970. Counts of then may have been erased.
        days: By day since 1970 and measure, what was counted.
        items: Items of the latest lists, oldest first.
        ids: Ids of the latest events that counted, oldest first.
        answered: Whether the survey was answered.
        mixed: Whether the person met another variant, too, so that nothing of them can be attributed to one.
        schema: Version of this structure.
    """

    variant: str
    first: int
    day: int
    days: dict[str, dict[str, int]] = {}
    items: list[str] = []
    ids: list[str] = []
    answered: bool = False
    mixed: bool = False
    schema: Literal[1] = 1


def met(log: Log | None, variant: str, now: float, day: int) -> Log:
    """Return the log after a list was made by a variant.

    Args:
        log: What was counted; None: nothing, or what was is gone.
        variant: The variant's name.
        now: Seconds since 1970.
        day: Day of the first list of all by a variant, in days since 1970.
    """
    if log is None:
        return Log(variant=variant, first=int(now), day=day)
    log.mixed = log.mixed or log.variant != variant
    return log


def list_made(log: Log, experiment: Experiment, items: list[str], varieties: dict[str, Variety], now: float) -> None:
    """Count a list.

    Args:
        log: Is changed.
        experiment: What counts.
        items: The list's.
        varieties: How different its items are, by field.
        now: Seconds since 1970.
    """
    for measure in experiment.measures:
        outcome = measure.outcome
        if isinstance(outcome, Impressions) and outcome.of == "listed":
            _add(log, measure, now, len(items))
        elif isinstance(outcome, Diversity):
            variety = varieties[outcome.field]
            day = _day(log, now)
            for name, pairs in ((measure.name, variety.different), (measure.name + _PAIRS, variety.pairs)):
                day[name] = min(day.get(name, 0) + pairs, _MOST_PAIRS)
    listed = dict.fromkeys(items)
    log.items = [*(item for item in log.items if item not in listed), *listed][-MOST_ITEMS:]


def items_shown(log: Log, experiment: Experiment, items: Iterable[str], now: float) -> None:
    """Count items that were on the screen, as far as they are of a list under the experiment."""
    known = set(log.items)
    number = sum(item in known for item in items)
    for measure in experiment.measures:
        if measure.outcome == Impressions(of="shown"):
            _add(log, measure, now, number)


def happened(log: Log, experiment: Experiment, events: Sequence[Event], now: float) -> None:
    """Count events, each once by its id; what was before the variant was met, or after the end, is passed over.

    Args:
        log: Is changed.
        experiment: What counts.
        events: What happened; without a time, now.
        now: Seconds since 1970.
    """
    listed, ids = set(log.items), dict.fromkeys(log.ids)
    for event in events:
        time = now if event.time is None else event.time
        if (
            log.first <= time < experiment.ends
            and event.id not in ids
            and _happened(log, experiment, event, time, listed)
        ):
            ids |= {} if event.id is None else {event.id: None}
    log.ids = list(ids)[-MOST_IDS:]


def _happened(log: Log, experiment: Experiment, event: Event, time: float, listed: set[str]) -> bool:
    """Count an event; return whether something counts it."""
    counting = [
        measure
        for measure in experiment.measures
        if isinstance(measure.outcome, Events)
        and event.kind in measure.outcome.kinds
        and (measure.outcome.of == "any" or event.item in listed)
    ]
    for measure in counting:
        _add(log, measure, time)
    return bool(counting)


def dwelled(log: Log, experiment: Experiment, item: str, seconds: float, now: float) -> None:
    """Count how long the person stayed with an item of a list under the experiment."""
    for measure in experiment.measures:
        if isinstance(measure.outcome, Dwells) and measure.outcome.holds(seconds) and item in log.items:
            _add(log, measure, now)


def session_ended(log: Log, experiment: Experiment, seconds: float, now: float) -> None:
    """Count a session."""
    for measure in experiment.measures:
        if isinstance(measure.outcome, Sessions) and measure.outcome.holds(seconds):
            _add(log, measure, now)


def answered(log: Log, experiment: Experiment, answer: str, now: float) -> None:
    """Count the answer to the survey, the first one only."""
    if log.answered:
        return
    log.answered = True
    for measure in experiment.measures:
        if isinstance(measure.outcome, Answers) and answer in measure.outcome.answers:
            _add(log, measure, now)


def tally(
    log: Log | None, experiment: Experiment, since: int | None, until: int | None
) -> tuple[int | None, list[int]]:
    """Return the variant and the value of each measure, as a task over a stretch of time asks for them.

    Args:
        log: What was counted; None: nothing.
        experiment: The experiment.
        since: Only days that begin here or later; None: all.
        until: Only days that begin before this; None: all.

    Returns:
        The variant's place and the values; None and no values where the person does not count.
    """
    names = [variant.name for variant in experiment.variants]
    if log is None or log.mixed or log.variant not in names or not _is_in(log, experiment, since, until):
        return None, []
    days = [counts for day, counts in log.days.items() if _within(int(day) * DAY, since, until)]
    return names.index(log.variant), [_value(measure, days) for measure in experiment.measures]


def _is_in(log: Log, experiment: Experiment, since: int | None, until: int | None) -> bool:
    if experiment.windows == "newcomers":
        return _within(log.day * DAY, since, until)
    return _within(log.first, None, until)


def _within(second: int, since: int | None, until: int | None) -> bool:
    return (since is None or second >= since) and (until is None or second < until)


def _value(measure: Counted, days: list[dict[str, int]]) -> int:
    total = sum(day.get(measure.name, 0) for day in days)
    if isinstance(measure.outcome, Diversity):
        pairs = sum(day.get(measure.name + _PAIRS, 0) for day in days)
        return HUNDREDTHS * total // pairs if pairs else 0
    return total


def _add(log: Log, measure: Counted, time: float, number: int = 1) -> None:
    day = _day(log, time)
    # More than the cap of all days is never told apart, so no day keeps more.
    day[measure.name] = min(day.get(measure.name, 0) + number, measure.cap)


def _day(log: Log, time: float) -> dict[str, int]:
    return log.days.setdefault(str(int(time // DAY)), {})
