"""What a form sends, read within limits. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from homespun.errors import MisuseError

MAX_BODY = 1 << 16
"""Bytes of a form."""

MAX_FIELDS = 32

FORM = "application/x-www-form-urlencoded"


class Form:
    """Fields by name; of a name that is sent twice, the last one."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Use ``Form.of``."""
        self._fields = fields

    @classmethod
    def of(cls, sent: str) -> "Form":
        """Read what was sent.

        Raises:
            MisuseError: It is no form, or a larger one than any of ours.
        """
        try:
            pairs = parse_qsl(sent, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
        except ValueError as error:
            raise MisuseError("what was sent is no form of this page; load the page again.") from error
        return cls(dict(pairs))

    def text(self, name: str) -> str:
        """Return a field, without blanks around it; empty if there is none."""
        return self._fields.get(name, "").strip()

    def exact(self, name: str) -> str:
        """Return a field as it is: an id or a passphrase may begin with a blank."""
        return self._fields.get(name, "")

    def optional(self, name: str) -> str | None:
        """Return a field; None if it is empty."""
        return self.exact(name) or None

    def is_on(self, name: str) -> bool:
        """Return whether a box is ticked."""
        return self.text(name) == "on"

    def number(self, name: str) -> float:
        """Return a number.

        Raises:
            MisuseError: It is none.
        """
        try:
            return float(self.text(name))
        except ValueError:
            raise MisuseError(f"{self.text(name)!r} is no number, so nothing was changed.") from None

    def share(self, name: str) -> float:
        """Return a number of percent as one from 0 to 1; what it may be, the control itself checks.

        Raises:
            MisuseError: It is no number.
        """
        return self.number(name) / 100

    def whole(self, name: str) -> int:
        """Return a whole number.

        Raises:
            MisuseError: It is none.
        """
        value = self.text(name)
        if not (value.isascii() and value.isdigit() and len(value) < 10):  # noqa: PLR2004 - digits
            raise MisuseError(f"{value!r} is no whole number, so nothing was changed.")
        return int(value)

    def day(self, name: str) -> float | None:
        """Return the beginning of a day in seconds since 1970; None if none is named.

        Raises:
            MisuseError: It is none.
        """
        value = self.text(name)
        if not value:
            return None
        try:
            return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
        except (ValueError, OverflowError):
            raise MisuseError(f"{value!r} is no day such as 2026-05-31, so nothing was changed.") from None
