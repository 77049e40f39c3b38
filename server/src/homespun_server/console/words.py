"""How figures, moments and identities are written on pages. Pure."""

import re
from collections.abc import Callable
from datetime import datetime

_SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
MOST_LISTED = 12
"""Longest list that is told in a line."""

_IDENTITY = re.compile(r"[0-9a-f]{32,64}")
_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


def number(value: float) -> str:
    """Return a whole number with its thousands apart, another one with four significant digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def size(count: int) -> str:
    """Return a number of bytes in words."""
    unit, name = next(((unit, name) for unit, name in _SIZES if count >= unit), (1, "B"))
    return f"{count / unit:,.3g} {name}"


def day(moment: str) -> str:
    """Return the day of a moment, ISO 8601."""
    return moment[:10]


def when(moment: str) -> str:
    """Return a moment, ISO 8601, as people read it; UTC, as all of this console."""
    return moment[:16].replace("T", " ")


def short(identity: str) -> str:
    """Return the beginning of an identity in hexadecimal."""
    return identity[:12]


def share(parts: int) -> str:
    """Return hundredths of a percent as a percentage."""
    return f"{parts / 100:g} %"


def span(seconds: float) -> str:
    """Return a span of time in its largest unit, for instance ``3 days`` or ``5 h``."""
    if seconds >= 2 * _DAY:
        return f"{seconds / _DAY:.0f} days"
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:.0f} h"
    return f"{max(0.0, seconds) / _MINUTE:.0f} min"


def left(moment: datetime, now: datetime) -> str:
    """Return how long it is until a moment, or since it."""
    seconds = (moment - now).total_seconds()
    return f"in {span(seconds)}" if seconds >= 0 else f"{span(-seconds)} ago"


def plain(name: str) -> str:
    """Return a name of the program's, such as ``no_personal_data``, as words."""
    return name.replace("_", " ").replace("-", " ")


PARTS = {
    "collaborative": "what people like together",
    "sequential": "what follows what",
    "session": "what follows what within a visit",
    "content": "similar words and tags",
    "popularity": "what many people like",
}
"""What the parts of a score are, by the names that a bundle has for them."""


def part(name: str) -> str:
    """Return what a part of a score is, in words; its own name where there are none."""
    return PARTS.get(name, plain(name))


def told(value: object) -> str:
    """Return a value of a record: a list in a line, long identities by their beginning, and nothing as a dash."""
    if isinstance(value, list | tuple):
        more = len(value) - MOST_LISTED
        return ", ".join(map(told, value[:MOST_LISTED])) + (f" and {more:,} more" if more > 0 else "") or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "–" if value is None else str(value)
    return f"{short(text)}…" if _IDENTITY.fullmatch(text) else text


FILTERS: dict[str, Callable[..., str]] = {
    "number": number,
    "size": size,
    "day": day,
    "when": when,
    "short": short,
    "share": share,
    "span": span,
    "plain": plain,
    "part": part,
    "told": told,
}
"""By what templates write them."""
