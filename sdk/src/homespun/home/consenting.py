"""Granting, withdrawing and all that follows from a withdrawal."""

import contextlib
from functools import partial

from homespun.choosing import choose_grant, granted
from homespun.consent import FORBIDS, ConsentLedger, Notice, Purpose, PurposeStatus
from homespun.consent.parts import EVENTS
from homespun.custody import Choose, Custody, Records, ended_by
from homespun.errors import ProfileBusyError, ProfileError
from homespun.home.gated import Early
from homespun.home.steered import SteeredHome
from homespun.profile import ProfileStore
from homespun.protocol.consent import GPC
from homespun.protocol.receipts import Receipt
from homespun.withdrawal import Effect, Withdrawal


class ConsentingHome(SteeredHome):
    """Records choices; the first grant of storage creates the profile, and its withdrawal erases it."""

    def consent_status(self) -> dict[Purpose, PurposeStatus]:
        """Return where every purpose stands."""
        with self._using() as custody:
            custody.look()
            self._note_lapses(custody)
            return custody.ledger().status(self.now())

    def grant(
        self,
        purposes: tuple[Purpose, ...],
        notice: Notice,
        surface: str,
        method: str,
        *,
        valid_days: float | None = None,
        exception: str | None = None,
    ) -> None:
        """Record grants; the first one of ``DEVICE_STORAGE`` creates the profile.

        Raises:
            MisuseError: See ``ConsentLedger.grant``.
            ProfileError: Nothing was granted; perhaps because a withdrawn profile is not erased yet.
        """
        choose = partial(
            choose_grant,
            purposes=purposes,
            notice=notice,
            now=self.now(),
            surface=surface,
            method=method,
            valid_days=valid_days,
            exception=exception,
        )
        with self._using() as custody:
            custody.look()
            # Before something is kept anew that would be cleared with the old.
            custody.flush()
            self._clear_due()
            while not granted(custody, choose, self._settle):
                continue
            # Granted it is; what cannot be kept now is kept with the next thing that is set.
            with contextlib.suppress(ProfileError):
                self._keeper()

    def withdraw(self, purposes: tuple[Purpose, ...], surface: str, method: str) -> Withdrawal:
        """Record withdrawals; that of ``DEVICE_STORAGE`` erases the profile.

        Raises:
            MisuseError: See ``ConsentLedger.withdraw``.
            ProfileError: The withdrawal holds nevertheless; the message says what is pending.
        """
        now = self.now()
        return self._end(purposes, lambda ledger: ledger.withdraw(*purposes, now=now, surface=surface, method=method))

    def refuse(self, purposes: tuple[Purpose, ...], notice: Notice, surface: str, method: str) -> Withdrawal:
        """Record that a notice was answered with no; as ``withdraw``."""
        now = self.now()
        return self._end(
            purposes, lambda ledger: ledger.refuse(*purposes, notice=notice, now=now, surface=surface, method=method)
        )

    def signal(self, *, gpc: bool, surface: str, method: str) -> Withdrawal:
        """Record that Global Privacy Control came on or went off.

        Raises:
            MisuseError: See ``ConsentLedger.signal``.
            ProfileError: The signal holds nevertheless.
        """
        now = self.now()
        forbidden = FORBIDS[GPC] if gpc else ()
        return self._end(
            tuple(forbidden), lambda ledger: ledger.signal(gpc=gpc, now=now, surface=surface, method=method)
        )

    def _end(self, purposes: tuple[Purpose, ...], choose: Choose) -> Withdrawal:
        choose(ConsentLedger())  # What is no choice is refused before anything is touched.
        with self._using() as custody:
            self._forget_batch(purposes)
            _look_before_ending(custody, choose)
            before = custody.ledger()
            records = choose(before)
            ended = ended_by(before, records)
            if Purpose.DEVICE_STORAGE in purposes and (custody.store is not None or custody.due is not None):
                self._early = Early()
                return Withdrawal(ended, receipt=self._end_storage(choose, records))
            if custody.store is None or not custody.may_write:
                _remember(custody, records)
                return Withdrawal(ended, (Effect("profile", "There is none, so nothing was kept."),))
            _store_ending(custody, custody.store, choose)
            return Withdrawal(ended, self._clear_due())

    def _forget_batch(self, purposes: tuple[Purpose, ...]) -> None:
        if EVENTS.purposes & set(purposes):
            self._batch.clear()

    def _end_storage(self, choose: Choose, records: Records) -> Receipt:
        custody, everywhere, profile = self.custody, True, self.custody.profile
        left = self.released()
        if custody.store is not None and custody.may_write:
            try:
                _store_ending(custody, custody.store, choose)
            except ProfileBusyError:
                # Somebody is writing, so there is no hope of erasing now either.
                raise
            except ProfileError:
                everywhere = False
        custody.past, custody.unstored, custody.due = records, (), profile
        try:
            return custody.erase(released=left)
        except ProfileError as error:
            raise _pending(error, everywhere=everywhere) from error


def _look_before_ending(custody: Custody, choose: Choose) -> None:
    try:
        custody.look()
    except ProfileError:
        # The profile cannot be read now. The withdrawal must not wait for that.
        custody.unstored += choose(ConsentLedger((*custody.past, *custody.unstored)))
        raise


def _remember(custody: Custody, records: Records) -> None:
    """Keep choices while there is no profile; one that ends storage is about nothing that is stored."""
    custody.past += tuple(record for record in records if record.purpose == Purpose.DEVICE_STORAGE)
    custody.unstored += tuple(record for record in records if record.purpose != Purpose.DEVICE_STORAGE)


def _store_ending(custody: Custody, store: ProfileStore, choose: Choose) -> None:
    records = choose(custody.ledger())
    try:
        custody.write(store, choose)
    except ProfileError as error:
        custody.unstored += records
        raise type(error)(
            "The withdrawal holds in this process from now on, but could not be stored, so that others who have the "
            f"profile open do not know of it yet. The next writing stores it. {error}"
        ) from error


def _pending(error: ProfileError, *, everywhere: bool) -> ProfileError:
    where = "here and in every program that has the profile open" if everywhere else "in this program"
    cause = "another program still has it open." if isinstance(error, ProfileBusyError) else f"{error}"
    return type(error)(
        f"Storage is withdrawn: {where} nothing is recorded or used any more. The erasure of the profile is pending, "
        f"because {cause} It is completed by the last program that notices, at the next opening, or when it is "
        "withdrawn or erased again."
    )
