"""Who answers for the processing. A library cannot know it; the application says it."""

import re
from dataclasses import dataclass

from homespun.errors import MisuseError

_IRI = re.compile(r'[a-z][a-z0-9+.-]*:[^\s<>"{}|\\^`]+')
_PLACE = re.compile(r"[A-Z]{2,3}(-[A-Z0-9]{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """Who answers for the processing, in the words of the application.

    Attributes:
        identifier: An IRI that names them, for instance their web address.
        name: Their legal name.
        address: Their postal address.
        contact: How to reach them about data protection.
        jurisdictions: Whose law applies: ISO 3166 codes such as ``IE`` or ``US-CA``, or ``EU``; at least one.
        withdrawal: Where the person withdraws, in words or as an address.

    Raises:
        MisuseError: On construction, if something is missing or cannot be written down.
    """

    identifier: str
    name: str
    address: str
    contact: str
    jurisdictions: tuple[str, ...]
    withdrawal: str = "in the application's privacy settings; it takes effect on this device at once"

    def __post_init__(self) -> None:
        """Check that the mandatory fields of a consent record can be filled."""
        for name in ("identifier", "name", "address", "contact", "withdrawal"):
            _check_text(name, getattr(self, name))
        if not _IRI.fullmatch(self.identifier):
            raise MisuseError(
                f"the controller's identifier is {self.identifier!r}; give an IRI, such as a web address."
            )
        places = self.jurisdictions
        if not isinstance(places, tuple) or not places or not all(map(_is_place, places)):
            raise MisuseError(
                f"the controller's jurisdictions are {places!r}; give a tuple of ISO 3166 codes, for instance ('IE',)."
            )


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise MisuseError(f"the controller's {name} is {value!r}; a consent record must say it.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise MisuseError(
            f"the controller's {name} contains half of a surrogate pair; give well-formed text."
        ) from error


def _is_place(code: object) -> bool:
    return isinstance(code, str) and _PLACE.fullmatch(code) is not None
