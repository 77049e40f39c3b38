"""The control entry: one thing that the person set, or one entry that they took back.

An entry that exists is valid: its values are checked whenever one is made, also when it is read from JSON.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import msgspec
import numpy as np

from homespun.errors import InvalidEventError, MisuseError
from homespun.protocol.bundle import CONTROL_CHARACTERS
from homespun.protocol.events import check_item

SCHEMA_VERSION = 1
"""Version of the control entry that this package writes and reads."""

MAX_TAG_LENGTH = 512
"""Characters in a tag."""

MAX_CAP_TIMES = 1000
MAX_CAP_DAYS = 3650

Control = Literal[
    "hide_item",
    "hide_tag",
    "more_like",
    "less_like",
    "ignore_item",
    "interest",
    "pause",
    "frequency_cap",
    "diversity",
    "exploration",
    "non_profiled",
    "restriction",
    "objection",
]


class FrequencyCap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item is left out once it was shown so often.

    Attributes:
        times: How often, from 1.
        days: In how many days back from now, from 1.
    """

    times: int
    days: int


ControlValue = bool | float | FrequencyCap | None


class ControlEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that the person set, or one entry that they took back.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        sequence: Position among the person's entries, from 1; the order that decides.
        time: When, seconds since 1970-01-01 UTC by the device's clock; informative only.
        control: What was set.
        target: The item of ``hide_item``, ``more_like``, ``less_like`` and ``ignore_item``; the tag of ``hide_tag`` and
            ``interest``; None for every other control.
        value: A weight from 0 to 1 for ``interest`` (0 is a veto, None lets it be inferred again); a level
            from 0 to 1 for ``diversity`` and ``exploration``; a FrequencyCap for ``frequency_cap``; True or False for
            the others. None sets a control back.
        undoes: Sequence of the earlier entry that this one takes back; control, target and value are then
            those of that entry.

    Raises:
        MisuseError: On construction, if a value is outside these bounds.
    """

    schema: int = SCHEMA_VERSION
    sequence: int
    time: float
    control: Control
    target: str | None = None
    value: ControlValue = None
    undoes: int | None = None

    def __post_init__(self) -> None:
        """Check every bound, so that an entry that exists is valid."""
        if self.control not in _RULES:
            raise MisuseError(f"{self.control!r} is not a control; choose from {', '.join(_RULES)}.")
        check_target, check_value = _RULES[self.control]
        msgspec.structs.force_setattr(self, "target", check_target(self.target))
        msgspec.structs.force_setattr(self, "value", check_value(self.value))
        msgspec.structs.force_setattr(self, "time", _time(self.time))
        if not _is_whole(self.sequence) or self.sequence < 1:
            raise MisuseError(f"sequence is {self.sequence!r}; entries are numbered from 1.")
        if self.undoes is not None and (not _is_whole(self.undoes) or not 1 <= self.undoes < self.sequence):
            raise MisuseError(f"undoes is {self.undoes!r}; only an earlier entry can be taken back.")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, np.timedelta64)
    return real and not isinstance(value, bool)


def _time(value: Any) -> float:
    if not _is_number(value) or not 0 <= value < math.inf:
        raise MisuseError(f"the time is {value!r}; give seconds since 1970-01-01 UTC.")
    return float(value)


def _item(target: Any) -> str:
    try:
        return check_item(target)
    except InvalidEventError as error:
        raise MisuseError(f"this control is about an item: {error}") from error


def _tag(target: Any) -> str:
    if not isinstance(target, str) or not 1 <= len(target) <= MAX_TAG_LENGTH or CONTROL_CHARACTERS.search(target):
        raise MisuseError(
            f"this control is about a tag, which is text of 1 to {MAX_TAG_LENGTH} characters in one line; give one."
        )
    try:
        target.encode()
    except UnicodeEncodeError as error:
        raise MisuseError("the tag contains half of a surrogate pair; give well-formed text.") from error
    return str.__str__(target)


def _no_target(target: Any) -> None:
    if target is not None:
        raise MisuseError("this control is about no item and no tag; give None as its target.")


def _switch(value: Any) -> bool:
    if value is None or isinstance(value, bool | np.bool_):
        return bool(value)
    raise MisuseError(f"the value of this control is of type {type(value).__name__}; give True or False.")


def _share(value: Any) -> float | None:
    if value is None:
        return None
    # NaN fails every comparison.
    if not _is_number(value) or not 0 <= value <= 1:
        raise MisuseError("the value of this control is a number from 0 to 1, or None to set it back; give one.")
    return float(value)


def _cap(value: Any) -> FrequencyCap | None:
    if value is None:
        return None
    if not isinstance(value, FrequencyCap) or not _is_bounded(value):
        raise MisuseError(
            f"a frequency cap is FrequencyCap(times, days) with 1 to {MAX_CAP_TIMES} times in 1 to {MAX_CAP_DAYS} "
            "days, or None for no cap; give one."
        )
    return value


def _is_bounded(cap: FrequencyCap) -> bool:
    bounds = ((cap.times, MAX_CAP_TIMES), (cap.days, MAX_CAP_DAYS))
    return all(_is_whole(number) and 1 <= number <= most for number, most in bounds)


_RULES: dict[str, tuple[Callable[[Any], str | None], Callable[[Any], ControlValue]]] = {
    "hide_item": (_item, _switch),
    "hide_tag": (_tag, _switch),
    "more_like": (_item, _switch),
    "less_like": (_item, _switch),
    "ignore_item": (_item, _switch),
    "interest": (_tag, _share),
    "pause": (_no_target, _switch),
    "frequency_cap": (_no_target, _cap),
    "diversity": (_no_target, _share),
    "exploration": (_no_target, _share),
    "non_profiled": (_no_target, _switch),
    "restriction": (_no_target, _switch),
    "objection": (_no_target, _switch),
}
