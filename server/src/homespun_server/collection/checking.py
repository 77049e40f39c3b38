"""Opening shares in memory and having them checked: the same on both sides, with the other share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.collection.report import binding_of, seal_info
from homespun.protocol.collection.shares import ShareVerifier
from homespun_server.collection.keys import Secrets
from homespun_server.collection.messages import Role
from homespun_server.collection.places import Known
from homespun_server.collection.sealing import open_sealed
from homespun_server.errors import AggregationError


@dataclass(frozen=True)
class Part:
    """One side's part of a report, still sealed.

    Attributes:
        id: The report's id, 16 bytes.
        time: When it was made, rounded, seconds since 1970.
        public: What both sides know of it.
        sealed: The share.
    """

    id: bytes
    time: int
    public: bytes
    sealed: bytes


class Prepared(Protocol):
    """Reports that one side has looked at; see ``homespun.protocol.collection.shares.Prepared``."""

    @property
    def messages(self) -> tuple[bytes | None, ...]:
        """What to tell the other side of each report; None: it is refused already."""

    def accepted(self, others: Sequence[bytes | None]) -> NDArray[np.bool_]:
        """Return which reports hold, given what the other side tells."""

    def add_accepted(self, accepted: NDArray[np.bool_], total: NDArray[np.uint64]) -> None:
        """Add the shares of accepted reports to a total, modulo the task's modulus."""


class Checker:
    """Checks reports for one side."""

    def __init__(self, role: Role, secrets: Secrets) -> None:
        """Check with a side's secrets.

        Args:
            role: Which side.
            secrets: Its own.
        """
        self._role: Role = role
        self._secrets = secrets

    def prepare(self, known: Known, parts: Iterable[Part]) -> Prepared:
        """Open shares and look at them, in memory; what does not open is refused.

        Args:
            known: The task.
            parts: Taken one after the other, so that of what is sealed only one is needed at a time.

        Raises:
            AggregationError: The key is not the one that the task began with. Nothing was opened: the answers about a
                report under two keys tell what is in it.
        """
        key = self._secrets.verification_key(known.id)
        if known.key is not None and known.key != sha256(key).digest():
            raise AggregationError(f"{known.task.name} began under another pairing; nothing of it is opened.")
        verifier = ShareVerifier(known.form, self._role, key)
        shares, publics, bindings = [], [], []
        for part in parts:
            shares.append(self._opened(known, part))
            publics.append(part.public)
            bindings.append(binding_of(known.id, part.id, part.time))
        return verifier.prepare(shares, publics, bindings)

    def _opened(self, known: Known, part: Part) -> bytes:
        info = seal_info(self._role, known.id, part.id, part.time, part.public)
        # What is empty is no share, and refused as such.
        return open_sealed(part.sealed, self._secrets.private, info) or b""
