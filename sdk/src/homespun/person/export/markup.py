"""Values as HTML text that cannot become anything else.

Markup is escaped, and characters that are not seen but change what is seen (controls, and those that turn
the direction of writing) are shown by their code. Joiners stay, because some scripts and emoji need them.

Pure: strings in, strings out.
"""

import html
import itertools
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from homespun.protocol.events import MAX_TIME

LONGEST_TEXT = 400
"""Characters of a text that are shown."""

MOST_ENTRIES = 8
"""Entries of a list inside a cell that are shown."""

DEEPEST = 3
"""How deep lists in lists are shown."""

_STAY = frozenset("\n\t\u200c\u200d")
_LONG_REAL = re.compile(r"-?\d+\.\d{7,}(?:[eE][+-]?\d+)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text(value: str, longest: int = LONGEST_TEXT) -> str:
    """Return text for HTML, cut after ``longest`` characters."""
    shown = value[:longest]
    escaped = html.escape(shown) if shown.isprintable() else "".join(map(_character, shown))
    return escaped + ("…" if len(value) > longest else "")


def moment(value: Any) -> str:
    """Return seconds since 1970, a number or decimal text, as a date; anything else as it is."""
    seconds = _number(value)
    if seconds is None or not 0 <= seconds <= MAX_TIME:
        return cell(value)
    exact = _EPOCH + timedelta(seconds=math.floor(seconds))
    date = exact.replace(tzinfo=None).isoformat(sep=" ")
    return f'<time datetime="{date.replace(" ", "T")}Z">{date}</time>'


def real(value: Any) -> str:
    """Return a number or decimal text with six significant digits; anything else as it is."""
    number = _number(value)
    return cell(value) if number is None else format(number, ".6g")


def cell(value: Any, depth: int = 0) -> str:
    """Return any JSON value for HTML: lists as lists, objects as names with values."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format(value, ".6g")
    if isinstance(value, str):
        return _shortened(value) if depth else text(value)
    if isinstance(value, Mapping | Sequence):
        return "…" if depth >= DEEPEST else _nested(value, depth)
    return text(str(value))


def brief(value: Any) -> str:
    """Return a list of objects by their values alone; anything else as it is."""
    if not isinstance(value, list | tuple) or not all(isinstance(entry, Mapping) for entry in value):
        return cell(value)
    entries = (" · ".join(cell(part, 1) for part in entry.values() if part is not None) for entry in value)
    return _listed(list(itertools.islice(entries, MOST_ENTRIES)), len(value))


def label(field: str) -> str:
    """Return a field's name as words."""
    return text(field.replace("_", " "), 60)


def _nested(value: Mapping[Any, Any] | Sequence[Any], depth: int) -> str:
    if not isinstance(value, Mapping):
        return _listed([cell(entry, depth + 1) for entry in value[:MOST_ENTRIES]], len(value))
    known = [(name, entry) for name, entry in value.items() if entry is not None]
    entries = [f"<b>{label(str(name))}:</b> {cell(entry, depth + 1)}" for name, entry in known[:MOST_ENTRIES]]
    return _listed(entries, len(known))


def _listed(entries: list[str], count: int) -> str:
    more = [f"… and {count - len(entries):,} more"] if count > len(entries) else []
    return "<ul>" + "".join(f"<li>{entry}</li>" for entry in entries + more) + "</ul>" if entries else ""


def _shortened(value: str) -> str:
    return format(float(value), ".6g") if _LONG_REAL.fullmatch(value[:64]) else text(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _character(character: str) -> str:
    category = unicodedata.category(character)
    if (category.startswith("C") and character not in _STAY) or category in ("Zl", "Zp"):
        return f'<span class="code">U+{ord(character):04X}</span>'
    return html.escape(character)
