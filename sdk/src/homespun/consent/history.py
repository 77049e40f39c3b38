"""What is allowed, as a function of consent records.

Rules: everything is off by default. The records with the highest sequence decide about their purpose, and what
denies beats what grants at the same sequence. Unknown purposes and unknown actions allow nothing. The clock
orders nothing; it only ends terms, and so only ever takes away.

A signal that is on forbids its purposes, whatever was chosen before, except by a later grant that names the signal
as what it makes an exception to. A declaration of strict necessity allows DEVICE_STORAGE to those who said
nothing about it, and never against a refusal or a withdrawal, however old.

Pure: nothing here reads a clock or a disk.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from homespun.consent.order import latest_after, made_by, ordered
from homespun.consent.purposes import Purpose
from homespun.consent.signals import excepted, forbids, title
from homespun.protocol.consent import ConsentRecord, Kind, kind_of, permits

NECESSARY: Final = Purpose.DEVICE_STORAGE
"""The only purpose that an application can declare strictly necessary."""

_DENIED: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "withdraw": "withdrawn",
        "refuse": "refused",
        "expire": "lapsed",
        "unknown": "decided by a newer version of homespun, which this one cannot read",
    }
)


@dataclass(frozen=True, slots=True)
class PurposeStatus:
    """Where one purpose stands.

    Attributes:
        granted: Whether it is allowed now.
        decided_by: The record that decides; None if the person never chose and nothing else decided.
        because: Why, in plain words, for instance ``granted``, ``never asked`` or ``lapsed``.
    """

    granted: bool
    decided_by: ConsentRecord | None
    because: str = ""


class ConsentHistory:
    """The records of a person, in their order, and what they allow. Never changes."""

    def __init__(self, records: Iterable[ConsentRecord] = ()) -> None:
        """Order the records by sequence, what denies last among equals.

        Args:
            records: Any consent records, in any order.
        """
        self._records = ordered(records)
        self._after = latest_after(self._records)
        self._choices: dict[str, tuple[ConsentRecord, ...]] = {}
        self._signals: dict[str, ConsentRecord] = {}
        self._declared: ConsentRecord | None = None
        for record in self._records:
            self._take(record)

    @property
    def records(self) -> tuple[ConsentRecord, ...]:
        """Every record, the deciding ones after those that they overrule."""
        return self._records

    @property
    def deciding(self) -> Mapping[str, ConsentRecord]:
        """The choice (or its expiry) that decides, by purpose; purposes of other versions included."""
        return MappingProxyType({purpose: tied[-1] for purpose, tied in self._choices.items()})

    @property
    def signals(self) -> Mapping[str, ConsentRecord]:
        """The record that decides about each signal, by the signal's name."""
        return MappingProxyType(self._signals)

    @property
    def declared(self) -> ConsentRecord | None:
        """The application's last declaration of strict necessity, which may be that it takes it back."""
        return self._declared

    @property
    def next_sequence(self) -> int:
        """The number of the next record, from 1."""
        return 1 + max((record.sequence for record in self._records[-1:]), default=0)

    @property
    def may_store(self) -> bool:
        """Whether anything at all may be written to the disk; like ``granted`` without a time."""
        return self.granted(Purpose.DEVICE_STORAGE)

    def granted(self, purpose: Purpose, now: float | None = None) -> bool:
        """Return whether ``purpose`` is allowed.

        Args:
            purpose: What is meant to be done.
            now: Seconds since 1970-01-01 UTC. None ignores terms, except those whose end was recorded.
        """
        return self.status_of(purpose, now).granted

    def status(self, now: float | None = None) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stands, in the order of Purpose; ``now`` as in ``granted``."""
        return {purpose: self.status_of(purpose, now) for purpose in Purpose}

    def status_as_of(self, time: float) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stood at a time, as far as clocks allow to say: never more than was allowed.

        A grant counts from the latest time that any record up to it claims, everything else from the earliest
        time that any record from it on claims.

        Args:
            time: Seconds since 1970-01-01 UTC.
        """
        return ConsentHistory(made_by(self._records, time)).status(time)

    def status_of(self, purpose: str, now: float | None = None) -> PurposeStatus:
        """Return where one purpose stands, by its name; ``now`` as in ``granted``."""
        tied = self._choices.get(purpose, ())
        readings = [self._read(purpose, record, now) for record in tied or (None,)]
        status = next((reading for reading in readings if not reading.granted), readings[-1])
        declared = self._declared
        if status.granted or purpose != NECESSARY or declared is None or not permits(declared) or any(map(_no, tied)):
            return status
        because = "declared strictly necessary by the application"
        return PurposeStatus(granted=True, decided_by=declared, because=because)

    def _read(self, purpose: str, choice: ConsentRecord | None, now: float | None) -> PurposeStatus:
        if choice is not None and kind_of(choice) != "grant":
            return PurposeStatus(granted=False, decided_by=choice, because=_DENIED[kind_of(choice)])
        if choice is not None and self._ended(choice, now):
            return PurposeStatus(granted=False, decided_by=choice, because="lapsed")
        exception = ""
        for name, signal in self._signals.items():
            if not forbids(signal, purpose):
                continue
            if not excepted(signal, choice):
                return PurposeStatus(granted=False, decided_by=signal, because=f"forbidden by {title(name)}")
            exception = f", as an exception to {title(name)}"
        if choice is None:
            return PurposeStatus(granted=False, decided_by=None, because="never asked")
        return PurposeStatus(granted=True, decided_by=choice, because=f"granted{exception}")

    def _ended(self, grant: ConsentRecord, now: float | None) -> bool:
        # A later record that claims a later time keeps a clock that is set back from reviving the grant.
        if now is None or grant.valid_until is None:
            return False
        return max(now, self._after[grant.sequence]) >= grant.valid_until

    def _take(self, record: ConsentRecord) -> None:
        kind = kind_of(record)
        if kind == "signal":
            self._signals[record.signal or ""] = record
        elif kind == "declare":
            self._declared = record if record.purpose == NECESSARY else self._declared
        elif record.purpose or permits(record):
            self._choose(record.purpose, record)
        else:
            # It denies something, and does not say what.
            for purpose in Purpose:
                self._choose(purpose, record)

    def _choose(self, purpose: str, record: ConsentRecord) -> None:
        tied = self._choices.get(purpose, ())
        self._choices[purpose] = (*(each for each in tied if each.sequence == record.sequence), record)


def _no(choice: ConsentRecord) -> bool:
    return kind_of(choice) in ("withdraw", "refuse", "unknown")
