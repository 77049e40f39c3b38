"""What an aggregator does: opens its shares of a few reports, compares with the other aggregator, adds up.

Pure.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.collection import field
from homespun.protocol.collection.field import Elements, Words, add_vectors
from homespun.protocol.collection.form import ShareForm
from homespun.protocol.collection.norm_proof import Numbers, Query, answer, convinced
from homespun.protocol.collection.opening import Opened, Role, opened

KEY_BYTES = 32
"""Bytes of the key that both aggregators check with."""


class ShareVerifier:
    """One aggregator's checks of the reports of one task; for one thread.

    Attributes:
        form: That of the shares.
        role: Whose shares.
    """

    def __init__(self, form: ShareForm, role: Role, key: bytes) -> None:
        """Prepare the checks.

        Args:
            form: That of the shares.
            role: Whose shares are checked.
            key: 32 secret bytes that both aggregators have for this task, and no device or collector.

        Raises:
            MisuseError: If the key has another length.
        """
        if len(key) != KEY_BYTES:
            raise MisuseError(f"a verification key has {KEY_BYTES} bytes, and this one {len(key)}.")
        self.form = form
        self.role = role
        self._key = key
        self._numbers = Numbers(form)

    def prepare(self, shares: Sequence[bytes], publics: Sequence[bytes], bindings: Sequence[bytes]) -> "Prepared":
        """Open a few reports' shares and say what the other aggregator has to know of each.

        Keeps the vectors of all of them, 4 · size bytes each, until the result is dropped.

        Args:
            shares: This aggregator's shares, in plain text.
            publics: The reports' public parts.
            bindings: What the reports are bound to.
        """
        read = [opened(self.form, self.role, *one) for one in zip(shares, publics, bindings, strict=True)]
        found = {place: one for place, one in enumerate(read) if one is not None}
        asked = [(bindings[place], publics[place]) for place in found]
        query = Query.draw(self.form, self._key, asked)
        numbers = [self._numbers.of(one.vector, *of) for one, of in zip(found.values(), asked, strict=True)]
        answers = self._answers(list(found.values()), numbers, query)
        return Prepared(len(read), {place: one.vector for place, one in found.items()}, query, answers)

    def _answers(self, found: list[Opened], numbers: list[Elements], query: Query) -> Elements:
        proofs = np.array([one.proof for one in found], np.uint64).reshape(-1, self.form.proof.size)
        shares = np.array(numbers, np.uint64).reshape(-1, self.form.numbers)
        if self.role == "leader":
            shares = add_vectors(shares, np.full_like(shares, self.form.offset))
        return answer(self.form, query, proofs, shares)


class Prepared:
    """A few reports' shares, on the way to being accepted.

    Attributes:
        messages: What the other aggregator has to know of each report, ``form.verifier_bytes`` long; None: refused
            already, because the share is malformed or is not the one that was committed to.
    """

    def __init__(self, count: int, vectors: dict[int, Words], query: Query, answers: Elements) -> None:
        """Keep what was opened.

        Args:
            count: How many reports there are.
            vectors: The share of the vector of each one that opened.
            query: What is asked of these.
            answers: And what it yields.
        """
        self._count = count
        self._vectors = vectors
        self._query = query
        self._answers = answers
        told = dict(zip(vectors, map(field.encoded, answers), strict=True))
        self.messages: tuple[bytes | None, ...] = tuple(told.get(place) for place in range(count))

    def accepted(self, others: Sequence[bytes | None]) -> NDArray[np.bool_]:
        """Return which reports count; both aggregators come to the same answer.

        Args:
            others: The other aggregator's messages, in the same order.

        Returns:
            bool, one a report.

        Raises:
            MisuseError: If there are not as many messages as reports.
        """
        if len(others) != self._count:
            raise MisuseError(f"{len(others)} messages for {self._count} reports; give one a report, or None.")
        read = [self._read(others[place]) for place in self._vectors]
        known = np.array([one is not None for one in read], np.bool_)
        nothing = np.zeros(self._answers.shape[1:], np.uint64)
        other = np.array([nothing if one is None else one for one in read], np.uint64).reshape(self._answers.shape)
        accepted = np.zeros(self._count, np.bool_)
        accepted[list(self._vectors)] = convinced(self._query, self._answers, other) & known
        return accepted

    def add_accepted(self, accepted: NDArray[np.bool_], total: Elements) -> None:
        """Add the vectors of accepted reports to a running sum, mod p, in place.

        Args:
            accepted: bool, one a report.
            total: uint64 [size], the running sum.

        Raises:
            MisuseError: If a report is to be added that was refused.
        """
        for place in np.flatnonzero(accepted).tolist():
            if place not in self._vectors:
                raise MisuseError("a report that was refused cannot be added; add what accepted() says.")
            np.add(total, self._vectors[place], out=total)
        np.remainder(total, np.uint64(field.MODULUS), out=total)

    def _read(self, message: bytes | None) -> Words | None:
        points, values = self._answers.shape[1:]
        if message is None or len(message) != field.ELEMENT_BYTES * points * values:
            return None
        words = field.elements_of(message)
        return None if words is None else words.reshape(points, values)
