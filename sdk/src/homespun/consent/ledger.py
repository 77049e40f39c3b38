"""The choices that a person can make, as records that are still to be kept.

Each purpose stands alone. Without DEVICE_STORAGE every other choice is still valid, but it and all that
follows from it live in memory only: no folder, no key file, no profile. ``may_store`` is the question to
ask before anything is written. Granting DEVICE_STORAGE later lets the application write the earlier
records down; withdrawing it means erasing what was written.

Pure, like the history: nothing here reads a clock or a disk.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from homespun.consent.asking import asks
from homespun.consent.checks import DAY, check_choice, check_days, check_exception
from homespun.consent.circumstances import Circumstances
from homespun.consent.making import records_of, shown
from homespun.consent.notice import Notice
from homespun.consent.purposes import Purpose
from homespun.protocol.consent import ConsentRecord, kind_of, same_words


class ConsentLedger(Circumstances):
    """What is allowed, and what a choice would add. Never changes: choices give records, and those another ledger."""

    def grant(
        self,
        *purposes: Purpose,
        notice: Notice,
        now: float,
        surface: str = "application",
        method: str = "explicit",
        valid_days: float | None = None,
        exception: str | None = None,
    ) -> tuple[ConsentRecord, ...]:
        """Return the records of allowing ``purposes``; the ledger itself stays as it is.

        What is allowed already, by the very same notice and for as long, needs no further record. A grant of what
        a signal forbids is recorded, and allows nothing unless it is an exception to that signal.

        Args:
            purposes: At least one; repetitions count once.
            notice: What the person saw.
            now: Seconds since 1970-01-01 UTC.
            surface: Where the choice was made.
            method: How it was made.
            valid_days: Days after which the grants lapse; None for no term.
            exception: ``gpc`` if the person explicitly allows this in spite of Global Privacy Control.

        Raises:
            MisuseError: If there is no purpose, or an argument is not what it should be.
        """
        words = shown(notice)
        check_choice(purposes, surface, method, now)
        check_exception(exception, purposes)
        if valid_days is not None:
            check_days("valid_days", valid_days)
        until = None if valid_days is None else now + valid_days * DAY
        made = records_of("grant", purposes, self.next_sequence, surface, method, now, notice=words)
        changing = [each for each in made if not self._stands(replace(each, valid_until=until, exception=exception))]
        return tuple(
            replace(record, sequence=sequence, valid_until=until, exception=exception)
            for sequence, record in enumerate(changing, start=self.next_sequence)
        )

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
        check_choice(purposes, surface, method, now)
        notices = {purpose: record.notice for purpose, record in self.deciding.items()}
        made = records_of("withdraw", purposes, self.next_sequence, surface, method, now)
        return tuple(replace(record, notice=notices.get(record.purpose)) for record in made)

    def refuse(
        self, *purposes: Purpose, notice: Notice, now: float, surface: str = "application", method: str = "explicit"
    ) -> tuple[ConsentRecord, ...]:
        """Return the records of answering ``notice`` with no, which also ends what other words had been granted.

        What is refused already, by the very same notice, needs no further record.

        Args:
            purposes: At least one; repetitions count once.
            notice: What the person saw.
            now: Seconds since 1970-01-01 UTC.
            surface: Where the choice was made.
            method: How it was made.

        Raises:
            MisuseError: If there is no purpose, or an argument is not what it should be.
        """
        words = shown(notice)
        check_choice(purposes, surface, method, now)
        decided = self.deciding
        changing = [
            each
            for each in purposes
            if (last := decided.get(each)) is None or kind_of(last) != "refuse" or not same_words(last.notice, words)
        ]
        return records_of("refuse", changing, self.next_sequence, surface, method, now, notice=words)

    def needed(self, notice: Notice, *purposes: Purpose, now: float, renew_days: float = 30.0) -> tuple[Purpose, ...]:
        """Return which of ``purposes`` the person is still to be asked about with ``notice``; see ``asking``.

        Args:
            notice: What would be shown.
            purposes: At least one; repetitions count once.
            now: Seconds since 1970-01-01 UTC.
            renew_days: Days before the end of a term from which on it is asked about again; never more than
                the last quarter of the term.

        Raises:
            MisuseError: If there is no purpose, or an argument is not what it should be.
        """
        words = shown(notice)
        check_choice(purposes, "application", "question", now)
        check_days("renew_days", renew_days)
        return tuple(each for each in dict.fromkeys(purposes) if asks(self, each, words, now, renew_days * DAY))

    def extended(self, records: Iterable[ConsentRecord]) -> "ConsentLedger":
        """Return the ledger that also holds ``records``."""
        return ConsentLedger((*self._records, *records))

    def _stands(self, wanted: ConsentRecord) -> bool:
        """Return whether the person's last choice is this grant, so that recording it again says nothing new."""
        last, status = self.deciding.get(wanted.purpose), self.status_of(wanted.purpose, wanted.time)
        if last is None or kind_of(last) != "grant" or last.notice != wanted.notice:
            return False
        if last.valid_until != wanted.valid_until:
            return False
        if wanted.exception is not None:
            return status.granted and last.exception == wanted.exception
        # Forbidden by a signal, it is still what they chose last.
        return status.granted or status.decided_by != last
