"""Passwords of the console: Argon2id (RFC 9106), kept in the PHC string format with their costs and salt.

A password is for people, so length is all that is asked of it (NIST SP 800-63B, 3.1.1.2).

Pure but for the time that it takes on purpose.
"""

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from homespun.errors import MisuseError
from homespun_server.passphrase import KEY_BYTES, SALT_BYTES, KeyCosts

MIN_CHARACTERS = 12
MAX_BYTES = 1024
"""Longest password, UTF-8."""


def check_password(password: str) -> None:
    """Refuse a password that is too short to hold, or too long to be one.

    Raises:
        MisuseError: If it is.
    """
    if len(password) < MIN_CHARACTERS or len(password.encode()) > MAX_BYTES:
        raise MisuseError(
            f"a password has at least {MIN_CHARACTERS} characters and at most {MAX_BYTES} bytes; a few random words "
            "are a good one. Nothing was changed."
        )


def kept(password: str, salt: bytes, costs: KeyCosts) -> str:
    """Return what is kept of a password.

    Args:
        password: The password.
        salt: 16 random bytes.
        costs: What trying one is to cost.
    """
    if len(salt) != SALT_BYTES:
        raise MisuseError(f"a salt has {SALT_BYTES} bytes.")
    derivation = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=costs.iterations, lanes=costs.lanes, memory_cost=costs.memory_kib
    )
    return derivation.derive_phc_encoded(password.encode())


def matches(password: str, kept_password: str) -> bool:
    """Return whether a password is the one that is kept; one that is too long takes as long as others do."""
    given = password.encode()
    fits = len(given) <= MAX_BYTES
    try:
        Argon2id.verify_phc_encoded(given if fits else b"", kept_password)
    except InvalidKey:
        return False
    return fits
