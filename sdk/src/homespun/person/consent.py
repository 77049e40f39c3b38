"""What the person allows, as the application asks and the person answers."""

from homespun.consent import ConsentLedger, Controller, Notice, Purpose, PurposeStatus, remembered, to_27560
from homespun.errors import MisuseError
from homespun.home import Home
from homespun.protocol.consent import ConsentRecord
from homespun.protocol.consent_27560 import ConsentDocument
from homespun.withdrawal import Withdrawal


class Consent:
    """What the person allows: everything is off until granted, and withdrawn as easily."""

    def __init__(self, home: Home) -> None:
        """Use ``Personalizer.consent``."""
        self._home = home

    def grant(
        self,
        *purposes: Purpose,
        notice: Notice,
        surface: str = "application",
        method: str = "explicit",
        valid_days: float | None = None,
        exception: str | None = None,
    ) -> None:
        """Record that the person allows ``purposes``.

        The first grant of ``DEVICE_STORAGE`` creates the encrypted profile; before it nothing is on disk.

        Args:
            purposes: At least one.
            notice: The words that the person saw.
            surface: Where the choice was made.
            method: How it was made.
            valid_days: Days after which it lapses, if it does.
            exception: ``"gpc"`` where the person expressly makes an exception to Global Privacy Control; withdrawn
                like every grant.

        Raises:
            MisuseError: If there is no purpose or no notice.
            ClosedError, ProfileError: See the classes.
        """
        self._home.grant(purposes, notice, surface, method, valid_days=valid_days, exception=exception)

    def withdraw(self, *purposes: Purpose, surface: str = "application", method: str = "explicit") -> Withdrawal:
        """Record that the person no longer allows ``purposes``, and stop all that rests on them in the same call.

        Withdrawing ``DEVICE_STORAGE`` erases the whole profile; that choice then lives in memory only, and
        the application remembers it. If another process has the profile open, the withdrawal holds at once
        and ProfileBusyError says that the erasure is pending: the last process to let go completes it.

        Returns:
            What was done part by part, and what can no longer be; with the receipt of an erasure.

        Raises:
            MisuseError: If there is no purpose.
            ClosedError, ProfileError: See the classes.
        """
        return self._home.withdraw(purposes, surface, method)

    def refuse(
        self, *purposes: Purpose, notice: Notice, surface: str = "application", method: str = "explicit"
    ) -> Withdrawal:
        """Record that the person answered ``notice`` with no; what they had granted before ends.

        Without a profile the refusal is in memory only: keep ``choices()`` to know it after a restart.

        Raises:
            MisuseError: If there is no purpose or no notice.
            ClosedError, ProfileError: See the classes.
        """
        return self._home.refuse(purposes, notice, surface, method)

    def signal(self, *, gpc: bool, surface: str = "application", method: str = "signal") -> Withdrawal:
        """Record that Global Privacy Control came on or went off.

        While it is on, nothing is contributed and nothing measured, whatever was granted, unless the person made
        an exception after it came (``grant(..., exception="gpc")``).

        Raises:
            MisuseError: If ``gpc`` is no truth value.
            ClosedError, ProfileError: See the classes.
        """
        return self._home.signal(gpc=gpc, surface=surface, method=method)

    def needed(self, notice: Notice, *purposes: Purpose, renew_days: float = 30.0) -> tuple[Purpose, ...]:
        """Return which of ``purposes`` the person is still to be asked about with ``notice``: the difference only.

        Args:
            notice: What would be shown.
            purposes: What the application would like.
            renew_days: Days before the end of a term from which on it is asked about again.

        Raises:
            MisuseError: If there is no purpose or no notice.
            ClosedError, ProfileError: See the classes.
        """
        return self._ledger().needed(notice, *purposes, now=self._home.now(), renew_days=renew_days)

    def granted(self, purpose: Purpose) -> bool:
        """Return whether ``purpose`` is allowed now.

        Raises:
            MisuseError: If it is no purpose.
            ClosedError, ProfileError: See the classes.
        """
        try:
            return self.status()[purpose].granted
        except (KeyError, TypeError):
            names = ", ".join(f"Purpose.{known.name}" for known in Purpose)
            raise MisuseError(f"{purpose!r} is not a purpose; choose from {names}.") from None

    def status(self) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stands, why, and the record that decides."""
        return self._home.consent_status()

    def status_as_of(self, time: float) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stood at a time, seconds since 1970: never more than was allowed then."""
        return self._ledger().status_as_of(time)

    def records(self) -> tuple[ConsentRecord, ...]:
        """Return every choice, in order."""
        return self._ledger().records

    def choices(self) -> str:
        """Return what the application keeps while there is no profile: that the person was asked and said no.

        Hand it in at the next opening: ``Personalizer.open(..., choices=...)``. It names no item and no person.
        """
        return remembered(self._ledger().records)

    def to_27560(self, controller: Controller) -> ConsentDocument:
        """Return all choices as a consent record of ISO/IEC TS 27560 in the DPV profile.

        Raises:
            MisuseError: There is no profile: what is in memory only is no evidence.
            ClosedError, ProfileError: See the classes.
        """
        if not self._home.profile:
            raise MisuseError("there is no profile that keeps the choices; what is in memory only is no evidence.")
        return to_27560(self.records(), profile=self._home.profile, controller=controller)

    def _ledger(self) -> ConsentLedger:
        return self._home.ledger()
