"""Registering a device for an account: once, then every 90 days, and after a refusal ever more rarely."""

from collections.abc import Callable

import msgspec

from homespun.asked.identity import Identity, drawn, identity_of, keep
from homespun.asked.keeping import Keeping
from homespun.asked.settings import Requests
from homespun.consent import Purpose
from homespun.contribute.uploads import REGISTRATIONS, encode_intake
from homespun.home import Home
from homespun.protocol.asking.registration import make_registration
from homespun.protocol.egress import Progress, progress_of

REFUSED = "refused it"
"""What the transport's note says where the operator refused something for good."""

_PURPOSE = str(Purpose.REQUESTS)
_DAY_SECONDS = 86_400.0
_RENEW_SECONDS = 90 * _DAY_SECONDS
_PREFIX = "registration/"


class Registering:
    """Who this device is, and what the operator was told of that."""

    def __init__(self, home: Home, keeping: Keeping, step: Callable[[str], object]) -> None:
        """Register nothing yet.

        Args:
            home: The person.
            keeping: What was asked of this device; another device forgets it.
            step: Is told the name of each moment at which something is on the disk.
        """
        self._home = home
        self._keeping = keeping
        self._step = step

    def own(self, settings: Requests) -> Identity:
        """Return who this device is to the account that is logged in; another account is another device.

        Raises:
            NotPermittedError: The person does not allow it now.
            ProfileError: It could not be written down.
        """
        identity = identity_of(self._home)
        if identity is None or identity.account != settings.account:
            identity = drawn(self._home, settings.account)
            keep(self._home, identity)
            self._cancel_others(identity)
        self._keeping.drop_others(identity)
        return identity

    def register(self, settings: Requests, *, force: bool = False) -> Identity:
        """Return who this device is, registered or about to be.

        Args:
            settings: By whom it is asked.
            force: Register although it is not time to.
        """
        identity, now = self.own(settings), self._home.now()
        if not force and 0 <= now - identity.registered < self._wait(identity):
            return identity
        fresh = identity.registrations and 0 <= now - identity.registered < _RENEW_SECONDS
        if fresh and self._is_waiting(_name(identity)):
            return identity
        identity = msgspec.structs.replace(identity, registrations=identity.registrations + 1, registered=now)
        raw = make_registration(
            settings.account,
            settings.vouched(),
            device=identity.device,
            sequence=identity.registrations,
            secret=identity.secret,
            asking_key=settings.key,
            key=identity.key,
            sign=identity.signing.sign,
        )
        keep(self._home, identity)
        self._step("registration: kept")
        self._home.egress.queue(
            _name(identity),
            encode_intake(REGISTRATIONS, raw),
            purpose=_PURPOSE,
            destination=settings.url,
            epsilon=0,
            idempotent=True,
            once=True,
        )
        return identity

    def problem(self) -> str | None:
        """Return why the operator does not know this device, in plain words; None: nothing is known of that."""
        identity = identity_of(self._home)
        refused = [] if identity is None else self._refusals(identity)
        if identity is None or not refused:
            return None
        days = round(self._wait(identity) / _DAY_SECONDS)
        return (
            f"This device is not registered: {refused[-1].last.note} It is tried again {days} day(s) after the last "
            "time; register() tries at once. Most often the voucher is not of this account, or no longer valid."
        )

    def _wait(self, identity: Identity) -> float:
        """Return for how long after the last registration none is made, in seconds."""
        if not identity.registrations:
            return 0.0
        refused = len(self._refusals(identity))
        if refused:
            return min(_RENEW_SECONDS, _DAY_SECONDS * 2.0 ** min(refused - 1, 10))
        return _RENEW_SECONDS if self._is_sent(_name(identity)) else 0.0

    def _refusals(self, identity: Identity) -> list[Progress]:
        """Return the last registrations, as far as all of them were refused for good."""
        found = {each.queued.what: each for each in self._found()}
        refused: list[Progress] = []
        for number in range(identity.registrations, 0, -1):
            last = found.get(_numbered(identity, number))
            if last is None or last.last.state != "cancelled" or REFUSED not in last.last.note:
                break
            refused.insert(0, last)
        return refused

    def _cancel_others(self, identity: Identity) -> None:
        """Drop registrations that wait for whoever was logged in before."""
        others = [each for each in self._found() if not each.queued.what.startswith(_prefix(identity))]
        waiting = [each.queued.sequence for each in others if each.waiting]
        if waiting:
            self._home.egress.cancel_waiting(waiting, note="this device is another account's now")

    def _is_sent(self, what: str) -> bool:
        return any(each.queued.what == what and each.last.state == "sent" for each in self._found())

    def _is_waiting(self, what: str) -> bool:
        return any(
            each.queued.what == what and (each.waiting or each.last.state == "sending") for each in self._found()
        )

    def _found(self) -> list[Progress]:
        found = progress_of(self._home.egress_entries()).values()
        return [each for each in found if each.queued.what.startswith(_PREFIX)]


def _prefix(identity: Identity) -> str:
    return f"{_PREFIX}{identity.device[:8]}/"


def _numbered(identity: Identity, number: int) -> str:
    return f"{_prefix(identity)}{number}"


def _name(identity: Identity) -> str:
    return _numbered(identity, identity.registrations)
