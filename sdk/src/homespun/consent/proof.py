"""Where a person's choices are reported to, where they agreed to that, and the key that receipts are checked with."""

from collections.abc import Callable
from dataclasses import dataclass

from homespun.errors import MisuseError
from homespun.protocol.consent_report import MAX_SUBJECT, check_account
from homespun.protocol.destination import origin

_KEY_DIGITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentProof:
    """Where choices are reported to, while the person allows ``Purpose.CONSENT_PROOF``.

    Attributes:
        url: The operator's origin: ``https://host``, or ``http://`` for this very machine.
        receipts_key: The operator's public key for receipts, 64 hexadecimal digits; ``homespun-server compliance
            status`` shows it. Receipts of another key are not kept.
        subject: What the operator calls the person, at most 200 characters that others cannot guess, and not 32
            hexadecimal digits, as installations are called; None: a random
            id of this installation, which the operator cannot connect with anything else, and which is its own proof.
        voucher: What the application's backend gave to whoever logged in to that account, or what asks it for another
            one; the same as for ``Requests``. None: nobody vouches for the account. What is reported then denies as
            much, and allows nothing that another device denied.

    Raises:
        MisuseError: On construction, if a value is not what it should be.
    """

    url: str
    receipts_key: str
    subject: str | None = None
    voucher: str | Callable[[], str] | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        object.__setattr__(self, "url", origin(self.url))
        key = self.receipts_key
        if not isinstance(key, str) or len(key) != _KEY_DIGITS or set(key) - set("0123456789abcdef"):
            raise MisuseError(f"receipts_key is {key!r}; use the operator's public key, {_KEY_DIGITS} hex digits.")
        name = self.subject
        if name is not None and not (isinstance(name, str) and 1 <= len(name) <= MAX_SUBJECT and name.isprintable()):
            raise MisuseError(f"the subject must be 1 to {MAX_SUBJECT} characters that name the person, or None.")
        if name is not None:
            check_account(name)
        if self.voucher is not None and (name is None or not (isinstance(self.voucher, str) or callable(self.voucher))):
            raise MisuseError("a voucher is for an account: give the subject too, and the voucher or what asks for it.")

    def vouched(self) -> str | None:
        """Return a voucher of now; None: nobody vouches."""
        return self.voucher() if callable(self.voucher) else self.voucher
