"""By whom an application lets its devices be asked, and what they do by themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from homespun.errors import MisuseError
from homespun.protocol.consent_report import check_account
from homespun.protocol.destination import origin

ALONE: Final = ("erasure", "restriction", "objection", "opt-out")
"""What a device can execute by itself; everything else needs the person."""

_KEY_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """By whom devices are asked, beside what each person allows (``Purpose.REQUESTS``).

    Attributes:
        url: The operator's origin, ``https://host``.
        key: The operator's asking key, 64 hexadecimal digits; ``homespun-server request key`` prints it.
        account: What the operator calls the person who is logged in.
        voucher: What the application's backend gave to whoever logged in; or what asks it for another one.
        execute: Kinds of requests that are executed without asking the person again, of ``ALONE``. The person has
            asked the operator for it already; an erasure is here only if an application puts it here.
        interval_hours: Hours between two looks at the list.

    Raises:
        MisuseError: On construction, if a value is not what it should be.
    """

    url: str
    key: str
    account: str
    voucher: str | Callable[[], str]
    execute: tuple[str, ...] = ()
    interval_hours: float = 6.0

    def __post_init__(self) -> None:
        """Check every value."""
        origin(self.url)
        if not isinstance(self.key, str) or len(self.key) != _KEY_DIGITS or set(self.key) - set("0123456789abcdef"):
            raise MisuseError("key is the operator's asking key: 64 hexadecimal digits.")
        if not self.account or not isinstance(self.account, str):
            raise MisuseError("account is what the operator calls the person who is logged in; give it as text.")
        check_account(self.account)
        if isinstance(self.execute, str) or not set(self.execute) <= set(ALONE):
            raise MisuseError(f"execute names kinds of requests, of {', '.join(ALONE)}; all else needs a person.")
        if not self.interval_hours > 0:
            raise MisuseError("interval_hours is a number of hours above 0.")

    def vouched(self) -> str:
        """Return a voucher of now."""
        return self.voucher if isinstance(self.voucher, str) else self.voucher()
