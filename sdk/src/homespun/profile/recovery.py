"""The recovery key: 256 random bits as text that a person can write down and type again.

::

    A4M9-...-...          14 groups of 4 characters
    │└────────────────── 55 characters, the most significant first: 256 bits of key, 19 of check
    └─────────────────── the version of this text

The characters are Crockford's base32, which has no I, L, O and U: what is typed as one of the first three is read
as 1, 1 and 0, and neither capitals nor spaces nor dashes matter. The check is the beginning of SHA-256 over the
version and the key; it finds all but one in half a million typing errors and protects nothing.

It opens whatever profile it was exported from, on any machine, with neither passphrase nor keyring. Whoever finds
it and a copy of the profile's folder can do the same. homespun stores it nowhere in the clear.
"""

import unicodedata
from hashlib import sha256

from homespun.errors import MisuseError
from homespun.profile.files import Entropy
from homespun.profile.keyfile import KEY_SIZE
from homespun.profile.secret import Secret

_VERSION = "A"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_BITS = 5
_LENGTH = 56
_CHECK_BITS = _BITS * (_LENGTH - 1) - 8 * KEY_SIZE
_GROUP = 4
_IGNORED = ("Pd", "Cf")
_LONGEST = 1000
"""Characters that are looked at; beyond that nobody typed a recovery key."""


def new_recovery(entropy: Entropy) -> tuple[str, Secret]:
    """Return a new recovery key: the text for the person, and its 32 bytes.

    Args:
        entropy: Source of the 32 bytes.
    """
    secret = Secret(entropy(KEY_SIZE))
    return recovery_text(secret), secret


def recovery_text(secret: Secret) -> str:
    """Return the text of a recovery key of 32 bytes, 14 groups of 4 characters."""
    number = _check(secret) | int.from_bytes(secret.reveal(), "big") << _CHECK_BITS
    shifts = range(_BITS * (_LENGTH - 2), -1, -_BITS)
    text = _VERSION + "".join(_ALPHABET[number >> shift & (1 << _BITS) - 1] for shift in shifts)
    return "-".join(text[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def parse_recovery(text: Secret) -> Secret:
    """Return the 32 bytes of a recovery key that somebody typed.

    Args:
        text: What was typed, in UTF-8; boxed, because most of a mistyped key is the key.

    Raises:
        MisuseError: It is mistyped; the message says how, and shows none of the rest.
    """
    problem = _problem(text)
    if problem is None and _check(_key(text)) != _number(text) & (1 << _CHECK_BITS) - 1:
        problem = "its check does not fit, so one of its characters is another one, or two changed places"
    if problem is not None:
        raise MisuseError(f"The recovery key is mistyped: {problem}. Compare it with what was written down.")
    return _key(text)


def _problem(text: Secret) -> str | None:
    typed = _typed(text)
    for position, character in enumerate(typed, 1):
        if character not in _VALUES:
            return f"character {position}, not counting spaces and dashes, is {character!r}, which none has"
    if len(typed) != _LENGTH:
        return f"it has {len(typed)} characters rather than {_LENGTH}, not counting spaces and dashes"
    if typed[0] != _VERSION:
        return f"it begins with {typed[0]!r} rather than {_VERSION!r}, or a newer homespun made it"
    return None


def _typed(text: Secret) -> str:
    characters = unicodedata.normalize("NFKC", text.reveal().decode(errors="replace")[:_LONGEST]).upper()
    # Dashes of every kind, and marks that nobody sees: what was printed and copied seldom keeps the plain ones.
    return "".join(each for each in characters if not each.isspace() and unicodedata.category(each) not in _IGNORED)


def _number(text: Secret) -> int:
    number = 0
    for character in _typed(text)[1:]:
        number = number << _BITS | _VALUES[character]
    return number


def _key(text: Secret) -> Secret:
    return Secret((_number(text) >> _CHECK_BITS).to_bytes(KEY_SIZE, "big"))


def _check(secret: Secret) -> int:
    digest = sha256(f"homespun recovery key {_VERSION}\n".encode() + secret.reveal()).digest()
    return int.from_bytes(digest, "big") >> (8 * len(digest) - _CHECK_BITS)
