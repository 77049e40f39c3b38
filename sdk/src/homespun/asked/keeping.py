"""The requests that a device keeps, each with the device and the account that it was asked of.

Whoever logs in as somebody else, or allows requests anew, is another device: what was asked of the one before is
neither shown, answered nor executed, and goes with the next look.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import msgspec

from homespun.asked.identity import Identity, identity_of
from homespun.asked.views import Held
from homespun.consent.parts import ANSWERS
from homespun.errors import NotPermittedError
from homespun.home import Home
from homespun.protocol.asking.request import AskedRequest

GRACE = timedelta(days=62)
"""For how long after its deadline something is executed: two months, by which a deadline may be extended
(Regulation (EU) 2016/679, Article 12(3))."""

_PREFIX = "request:"


class Keeping:
    """What is asked of the device that this is now."""

    def __init__(self, home: Home, account: str | None) -> None:
        """Keep nothing yet.

        Args:
            home: The person.
            account: Who is logged in; None: the application does not say.
        """
        self._home = home
        self._account = account

    def all(self) -> dict[str, Held]:
        """Return every request to this device, by its id."""
        identity = identity_of(self._home)
        found = [each for each in self._rows() if identity is not None and self._is_own(each, identity)]
        return {each.asked.request: each for each in found}

    def keep(self, held: Held) -> None:
        """Keep a request.

        Raises:
            NotPermittedError: The person does not allow it now.
            ProfileError: It could not be written down.
        """
        if not self._home.keep(ANSWERS, _name(held), msgspec.json.encode(held)):
            raise NotPermittedError("the person does not allow 'requests' now, so nothing is kept or answered.")

    def heard(self, identity: Identity, asked: Iterable[AskedRequest]) -> tuple[str, ...]:
        """Keep what the list of now asks, and note what it does not ask any more; return what is new."""
        wanted, known = {each.request: each for each in asked}, self.all()
        for held in known.values():
            if held.state == "open" and held.asked.request not in wanted:
                self.keep(msgspec.structs.replace(held, state="over"))
        for each in wanted.values():
            held = Held(asked=each, device=identity.device, account=identity.account)
            before = known.get(each.request, held)
            if each.request not in known or (before.state in ("open", "over") and before != held):
                self.keep(held)
        return tuple(request for request in wanted if request not in known)

    def drop_others(self, identity: Identity) -> None:
        """Forget what was asked of other devices and accounts."""
        for held in self._rows():
            if not self._is_own(held, identity):
                self._home.keep(ANSWERS, _name(held), None)

    def _is_own(self, held: Held, identity: Identity) -> bool:
        accounts = {identity.account, held.account, *(() if self._account is None else (self._account,))}
        return held.device == identity.device and len(accounts) == 1

    def _rows(self) -> list[Held]:
        kept = sorted(self._home.kept(ANSWERS).items())
        return [msgspec.json.decode(raw, type=Held) for name, raw in kept if name.startswith(_PREFIX)]


def is_timely(held: Held, now: float) -> bool:
    """Return whether a request's deadline, with ``GRACE``, is still to come.

    Args:
        held: The request.
        now: Seconds since 1970.
    """
    try:
        last = date.fromisoformat(held.asked.deadline) + GRACE
        return datetime.fromtimestamp(now, UTC).date() <= last
    except (ValueError, OverflowError, OSError):
        return False


def _name(held: Held) -> str:
    return f"{_PREFIX}{held.asked.request}"
