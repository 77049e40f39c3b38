"""A person's no, in a form that the application remembers where nothing may be stored for homespun.

Before DEVICE_STORAGE is granted, and after it was withdrawn, there is no place of ours to keep a choice in. The
application may keep this text with its own settings and hand it in at the next opening, so that nobody is asked
twice. It says as little as that takes: of a notice its hash, not its words.

Rules: only refusals, withdrawals and signals that are on are remembered, and only those are accepted, because
whoever can write the application's settings is not the person. Non-goal: evidence; that needs a profile.
"""

import math
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from homespun.consent.checks import MAX_WORDS
from homespun.consent.history import ConsentHistory
from homespun.consent.notice import MAX_LANGUAGE, MAX_VERSION
from homespun.consent.purposes import Purpose
from homespun.consent.signals import FORBIDS
from homespun.errors import MisuseError
from homespun.protocol.consent import GPC, ConsentRecord, ShownNotice, kind_of, permits
from homespun.protocol.events import MAX_TIME

MAX_REMEMBERED: Final = 16_384
"""Characters of the whole text; what we write has fewer."""

_MAX_CHOICES: Final = len(Purpose) + 1

Words = Annotated[str, Meta(min_length=1, max_length=MAX_WORDS)]


class _Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    language: Annotated[str, Meta(min_length=1, max_length=MAX_LANGUAGE)]
    version: Annotated[str, Meta(min_length=1, max_length=MAX_VERSION)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class _Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    action: Literal["refuse", "withdraw", "signal"]
    purpose: Purpose | None = None
    notice: _Notice | None = None
    surface: Words
    method: Words
    time: Annotated[float, Meta(ge=0, le=MAX_TIME)]


class _Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal[1]
    choices: Annotated[tuple[_Choice, ...], Meta(max_length=_MAX_CHOICES)]


def remembered(records: Iterable[ConsentRecord]) -> str:
    """Return what the application is to remember: JSON of at most 16,384 characters.

    Args:
        records: Any consent records; of each purpose the deciding one counts, if it is a no.
    """
    history = ConsentHistory(records)
    decided, signal = history.deciding, history.signals.get(GPC)
    nos: list[tuple[Purpose | None, ConsentRecord]] = [
        (each, decided[each])
        for each in Purpose
        if each in decided and kind_of(decided[each]) in ("refuse", "withdraw")
    ]
    if signal is not None and not permits(signal):
        nos.append((None, signal))
    return msgspec.json.encode(_Remembered(1, tuple(_choice(purpose, record) for purpose, record in nos))).decode()


def from_remembered(text: str) -> tuple[ConsentRecord, ...]:
    """Return the records that ``remembered`` wrote, numbered from 1.

    Args:
        text: What the application remembered.

    Raises:
        MisuseError: It is not what ``remembered`` writes, or holds something that allows anything.
    """
    if not isinstance(text, str) or len(text) > MAX_REMEMBERED:
        raise MisuseError(f"what was remembered is no text of at most {MAX_REMEMBERED:,} characters; {_ADVICE}")
    try:
        choices = msgspec.json.decode(text, type=_Remembered).choices
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MisuseError(f"what was remembered is not what homespun writes ({error}); {_ADVICE}") from error
    if any((choice.action == "signal") is (choice.purpose is not None) for choice in choices):
        raise MisuseError(f"what was remembered mixes signals and purposes; {_ADVICE}")
    return tuple(_record(sequence, choice) for sequence, choice in enumerate(choices, start=1))


_ADVICE: Final = "hand in unchanged what remembered() returned, or nothing."


def _choice(purpose: Purpose | None, record: ConsentRecord) -> _Choice:
    kind = kind_of(record)
    return _Choice(
        action="refuse" if kind == "refuse" else "withdraw" if kind == "withdraw" else "signal",
        purpose=purpose,
        notice=_notice(record.notice),
        surface=record.surface[:MAX_WORDS] or "application",
        method=record.method[:MAX_WORDS] or "explicit",
        time=min(max(record.time, 0.0), MAX_TIME) if math.isfinite(record.time) else 0.0,
    )


def _notice(notice: ShownNotice | None) -> _Notice | None:
    # Of a notice that names itself at length only the no is remembered, which then answers any words.
    if notice is None or not 0 < len(notice.language) <= MAX_LANGUAGE or not 0 < len(notice.version) <= MAX_VERSION:
        return None
    return _Notice(notice.language, notice.version, notice.sha256)


def _record(sequence: int, choice: _Choice) -> ConsentRecord:
    notice, signal = choice.notice, choice.action == "signal"
    return ConsentRecord(
        sequence=sequence,
        purpose=str(choice.purpose or ""),
        action=choice.action,
        notice=None if notice is None else ShownNotice("", notice.language, notice.version, notice.sha256),
        surface=choice.surface,
        method=choice.method,
        time=choice.time,
        signal=GPC if signal else None,
        signal_value=True if signal else None,
        outcome=tuple(map(str, FORBIDS[GPC])) if signal else (),
    )
