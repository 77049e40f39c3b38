"""What is recorded without a question having been asked: signals, declarations, and terms that end."""

from msgspec.structs import replace

from homespun.consent.checks import check_basis, check_circumstances, check_time
from homespun.consent.history import NECESSARY, ConsentHistory
from homespun.consent.making import records_of
from homespun.consent.purposes import Purpose
from homespun.consent.signals import FORBIDS
from homespun.errors import MisuseError
from homespun.protocol.consent import GPC, ConsentRecord, kind_of


class Circumstances(ConsentHistory):
    """A history, and the records that circumstances add to it; each is returned and still to be kept."""

    def signal(
        self, *, gpc: bool, now: float, surface: str = "application", method: str = "signal"
    ) -> tuple[ConsentRecord, ...]:
        """Return the record of Global Privacy Control coming on or going off; none if it stays as it is.

        Args:
            gpc: Whether the person's browser, system or settings send the signal.
            now: Seconds since 1970-01-01 UTC.
            surface: Where it was seen.
            method: How it was seen.

        Raises:
            MisuseError: If an argument is not what it should be.
        """
        if not isinstance(gpc, bool):
            raise MisuseError(f"gpc is {gpc!r}; say True or False.")
        check_circumstances(surface, method, now)
        last = self.signals.get(GPC)
        if gpc is (last is not None and last.signal_value is not False):
            return ()
        concerned, decided = FORBIDS[GPC], self.deciding
        (made,) = records_of("signal", ("",), self.next_sequence, surface, method, now, signal=GPC, signal_value=gpc)
        granted = tuple(str(each) for each in concerned if each in decided and kind_of(decided[each]) == "grant")
        return (replace(made, choices=granted, outcome=tuple(map(str, concerned)) if gpc else ()),)

    def declare_necessary(
        self, reason: str | None, now: float, *, surface: str = "application", method: str = "configuration"
    ) -> tuple[ConsentRecord, ...]:
        """Return the record of the application declaring DEVICE_STORAGE strictly necessary; none if it has.

        It allows nothing against a refusal or a withdrawal.

        Args:
            reason: Why nothing that the person asked for works without; None takes the declaration back.
            now: Seconds since 1970-01-01 UTC.
            surface: Who declares.
            method: How it is declared.

        Raises:
            MisuseError: If an argument is not what it should be.
        """
        check_basis(reason)
        check_circumstances(surface, method, now)
        if reason == (None if self._declared is None else self._declared.basis):
            return ()
        return records_of("declare", (NECESSARY,), self.next_sequence, surface, method, now, basis=reason)

    def lapsed(self, now: float) -> tuple[ConsentRecord, ...]:
        """Return the records of grants whose term has ended, so that a clock that is set back does not revive them.

        Args:
            now: Seconds since 1970-01-01 UTC.

        Raises:
            MisuseError: If ``now`` is no time.
        """
        check_time("now", now)
        ended = {purpose: grant for purpose in Purpose if (grant := self._ended_grant(purpose, now)) is not None}
        records = records_of("expire", ended, self.next_sequence, "homespun", "end of the term", now)
        return tuple(
            replace(record, notice=grant.notice, valid_until=grant.valid_until)
            for record, grant in zip(records, ended.values(), strict=True)
        )

    def _ended_grant(self, purpose: Purpose, now: float) -> ConsentRecord | None:
        tied = self._choices.get(purpose, ())
        if not tied or kind_of(tied[-1]) != "grant":
            return None
        return next((grant for grant in tied if self._ended(grant, now)), None)
