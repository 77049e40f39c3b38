"""What the operator calls a person, sealed while a request is open, so that a copy of the store names nobody.

AES-256-GCM under a key of its own, derived from the lookup secret (which leads from names to people already), and
bound to the request's id.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from homespun_server.errors import RequestError

_LABEL = b"homespun request person 1\n"
_NONCE = 12


class Seal:
    """Seals and opens names of people."""

    def __init__(self, lookup: bytes, entropy: Callable[[int], bytes]) -> None:
        """Use a secret.

        Args:
            lookup: The lookup secret of the compliance keys.
            entropy: Returns so many unpredictable bytes.
        """
        self._cipher = AESGCM(hmac.digest(lookup, _LABEL, sha256))
        self._entropy = entropy

    def sealed(self, request: str, identifier: str) -> bytes:
        """Return a name, sealed for a request."""
        nonce = self._entropy(_NONCE)
        return nonce + self._cipher.encrypt(nonce, identifier.encode(), request.encode())

    def opened(self, request: str, sealed: bytes) -> str:
        """Return a name that was sealed for a request.

        Raises:
            RequestError: It was sealed under another key or for another request, or was changed.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], request.encode()).decode()
        except InvalidTag as error:
            raise RequestError(
                f"who the request {request} is about cannot be opened: it was changed, or sealed under other "
                "compliance keys. Nothing was done; restore the keys that the store was used with."
            ) from error
