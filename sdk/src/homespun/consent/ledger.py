"""What is allowed now, as a function of consent records.

Rules: everything is off by default. The record with the highest sequence decides about its purpose, and
a withdrawal beats a grant of the same sequence. Records about unknown purposes allow nothing. Times are
informative and decide nothing, because a device's clock can be wrong.

Each purpose stands alone. Without DEVICE_STORAGE every other choice is still valid, but it and all that
follows from it live in memory only: no folder, no key file, no profile. ``may_store`` is the question to
ask before anything is written. Granting DEVICE_STORAGE later lets the application write the earlier
records down; withdrawing it means erasing what was written.

Pure: nothing here reads a clock or a disk.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from homespun.consent.notice import Notice
from homespun.consent.purposes import Purpose
from homespun.errors import MisuseError
from homespun.protocol.consent import Action, ConsentRecord, ShownNotice


@dataclass(frozen=True, slots=True)
class PurposeStatus:
    """Where one purpose stands.

    Attributes:
        granted: Whether it is allowed now.
        decided_by: The record that decides; None if the person never chose.
    """

    granted: bool
    decided_by: ConsentRecord | None


class ConsentLedger:
    """What is allowed now. Never changes: choices give records, and records give another ledger."""

    def __init__(self, records: Iterable[ConsentRecord] = ()) -> None:
        """Order the records by sequence, withdrawals last among equals.

        Args:
            records: Any consent records, in any order.
        """
        self._records = tuple(sorted(records, key=_precedence))
        self._deciding = {record.purpose: record for record in self._records}

    @property
    def records(self) -> tuple[ConsentRecord, ...]:
        """Every record, the deciding ones after those that they overrule."""
        return self._records

    @property
    def deciding(self) -> Mapping[str, ConsentRecord]:
        """The record that decides, by purpose; purposes of other versions included."""
        return MappingProxyType(self._deciding)

    @property
    def next_sequence(self) -> int:
        """The number of the next choice, from 1."""
        return 1 + max((record.sequence for record in self._records[-1:]), default=0)

    @property
    def may_store(self) -> bool:
        """Whether anything at all may be written to the disk."""
        return self.granted(Purpose.DEVICE_STORAGE)

    def granted(self, purpose: Purpose) -> bool:
        """Return whether ``purpose`` is allowed now."""
        record = self._deciding.get(purpose)
        return record is not None and record.action == "grant"

    def status(self) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stands, in the order of Purpose."""
        return {p: PurposeStatus(self.granted(p), self._deciding.get(p)) for p in Purpose}

    def grant(
        self,
        *purposes: Purpose,
        notice: Notice,
        now: float,
        surface: str = "application",
        method: str = "explicit",
    ) -> tuple[ConsentRecord, ...]:
        """Return the records of allowing ``purposes``; the ledger itself stays as it is.

        What is allowed already, by the very same notice, needs no further record.

        Args:
            purposes: At least one; repetitions count once.
            notice: What the person saw.
            now: Seconds since 1970-01-01 UTC.
            surface: Where the choice was made.
            method: How it was made.

        Raises:
            MisuseError: If there is no purpose, or an argument is not what it should be.
        """
        if not isinstance(notice, Notice):
            raise MisuseError("consent needs the notice that the person saw: notice=Notice('...').")
        _check_choice(purposes, surface, method, now)
        shown = notice.shown()
        changing = [purpose for purpose in purposes if not self._granted_by(purpose, shown)]
        return self._choose("grant", changing, shown, surface, method, now)

    def withdraw(
        self, *purposes: Purpose, now: float, surface: str = "application", method: str = "explicit"
    ) -> tuple[ConsentRecord, ...]:
        """Return the records of forbidding ``purposes``; the ledger itself stays as it is.

        Args:
            purposes: At least one, granted before or not; repetitions count once.
            now: Seconds since 1970-01-01 UTC.
            surface: Where the choice was made.
            method: How it was made.

        Raises:
            MisuseError: If there is no purpose, or an argument is not what it should be.
        """
        _check_choice(purposes, surface, method, now)
        return self._choose("withdraw", purposes, None, surface, method, now)

    def extended(self, records: Iterable[ConsentRecord]) -> "ConsentLedger":
        """Return the ledger that also holds ``records``."""
        return ConsentLedger((*self._records, *records))

    def _granted_by(self, purpose: Purpose, notice: ShownNotice) -> bool:
        record = self._deciding.get(purpose)
        return record is not None and record.action == "grant" and record.notice == notice

    def _choose(
        self,
        action: Action,
        purposes: Iterable[Purpose],
        notice: ShownNotice | None,
        surface: str,
        method: str,
        now: float,
    ) -> tuple[ConsentRecord, ...]:
        return tuple(
            ConsentRecord(
                sequence=sequence,
                purpose=str(purpose),
                action=action,
                notice=notice,
                surface=surface,
                method=method,
                time=float(now),
            )
            for sequence, purpose in enumerate(dict.fromkeys(purposes), start=self.next_sequence)
        )


def _precedence(record: ConsentRecord) -> tuple[int, bool]:
    return record.sequence, record.action != "grant"


def _check_choice(purposes: tuple[Purpose, ...], surface: str, method: str, now: float) -> None:
    if not purposes:
        raise MisuseError("name at least one purpose, for instance Purpose.PERSONALIZATION.")
    for purpose in purposes:
        if not isinstance(purpose, Purpose):
            raise MisuseError(f"{purpose!r} is not a purpose; choose from {', '.join(map(repr, Purpose))}.")
    for name, value in (("surface", surface), ("method", method)):
        if not isinstance(value, str) or not value.isprintable() or not value.strip():
            raise MisuseError(f"{name} is {value!r}; say in a few words where and how the choice was made.")
    if isinstance(now, bool) or not isinstance(now, int | float) or not math.isfinite(now) or now < 0:
        raise MisuseError(f"now is {now!r}; give seconds since 1970-01-01 UTC.")
