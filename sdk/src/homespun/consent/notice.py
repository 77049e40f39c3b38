"""The notice: the words that a person saw when they chose."""

import hashlib
from dataclasses import dataclass

from homespun.errors import MisuseError
from homespun.protocol.consent import ShownNotice

MAX_LANGUAGE = 100
"""Characters in a language tag."""

MAX_VERSION = 200
"""Characters in the name of a wording."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The words that a person saw when they chose.

    Attributes:
        text: The full text, not a link to it: what is behind a link changes.
        language: BCP 47 tag of the text's language, at most 100 characters.
        version: The application's name for this wording, at most 200 characters.

    Raises:
        MisuseError: On construction, if one of them is blank, too long or cannot be written as UTF-8.
    """

    text: str
    language: str = "en"
    version: str = "1"

    def __post_init__(self) -> None:
        """Check that there is something that can have been read."""
        for name in ("text", "language", "version"):
            _check_text(f"the notice's {name}", getattr(self, name))
        for name, most in (("language", MAX_LANGUAGE), ("version", MAX_VERSION)):
            if len(getattr(self, name)) > most:
                raise MisuseError(f"the notice's {name} has more than {most} characters; it names the words only.")

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the text in UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def shown(self) -> ShownNotice:
        """Return the notice as consent records keep it."""
        return ShownNotice(self.text, self.language, self.version, self.sha256)


def _check_text(what: str, value: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise MisuseError(f"{what} is empty; consent counts only for words that the person could read.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise MisuseError(f"{what} contains half of a surrogate pair; give well-formed text.") from error
