"""The order of consent records, and which of them had been made at a time.

Rules: the sequence orders, never the clock. Of records with the same sequence nobody knows the order, so those on
the private side come last, where they decide. The rest of the order is arbitrary and always the same.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from homespun.protocol.consent import ConsentRecord, permits


def ordered(records: Iterable[ConsentRecord]) -> tuple[ConsentRecord, ...]:
    """Return the records so that those that decide come after those that they overrule."""
    return tuple(sorted(records, key=_precedence))


def made_by(records: Sequence[ConsentRecord], time: float) -> list[ConsentRecord]:
    """Return the records that count as made at a time, by the more private reading of clocks that disagree.

    What permits counts from the latest time that is claimed up to it; what does not, from the earliest time that
    is claimed from it on: in the order of sequence it had been made by then, whatever its own clock said.

    Args:
        records: In their order.
        time: Seconds since 1970-01-01 UTC.
    """
    latest = _running(max, records)
    earliest = _running(min, records[::-1])
    return [record for record in records if (latest if permits(record) else earliest)[record.sequence] <= time]


def latest_after(records: Sequence[ConsentRecord]) -> Mapping[int, float]:
    """Return, by sequence, the latest time that a later record claims; −∞ where there is none."""
    after: dict[int, float] = {}
    latest = -math.inf
    for sequence, group in groupby(records[::-1], key=lambda record: record.sequence):
        after[sequence] = latest
        latest = max(latest, *(record.time for record in group))
    return after


def _precedence(record: ConsentRecord) -> tuple[Any, ...]:
    return record.sequence, not permits(record), msgspec.json.encode(record)


def _running(choose: Callable[[float, float], float], records: Iterable[ConsentRecord]) -> dict[int, float]:
    """Return the extreme time up to each sequence, all records of that sequence included."""
    reached: dict[int, float] = {}
    extreme: float | None = None
    for record in records:
        extreme = record.time if extreme is None else choose(extreme, record.time)
        reached[record.sequence] = extreme
    return reached
