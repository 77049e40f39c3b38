"""Shares of a report: split by a device, checked by leader and helper, added up.

A vector x is the sum of two shares mod p, each uniform by itself. The helper's is expanded from a seed; the leader's is
as long as x. Both are committed to, so that what is checked (``norm_proof``) cannot be chosen after the random halves
are known. An aggregator refuses a share that does not fit its commitment.

    leader's share: blind (16), x − expanded (4 each), proof − expanded (4 each)
    helper's share: seed (32), blind (16)
    public: SHA-256 of the leader's blind and vector, SHA-256 of the helper's share; each with the binding

Everything is bound to a task, a report and a time by ``binding``. A report is accepted by both aggregators or by
neither. Whoever is honest learns nothing of x; a dishonest aggregator can make reports count or not, and learns nothing
of x either.

Pure: who calls gives randomness.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.collection import field
from homespun.protocol.collection.bit_proof import POINTS
from homespun.protocol.collection.field import Elements, Words, add_vectors, centre
from homespun.protocol.collection.form import BLIND_BYTES, COMMITMENT_BYTES, PUBLIC_BYTES, SEED_BYTES, ShareForm
from homespun.protocol.collection.norm_proof import Numbers, Query, answer, convinced, prove
from homespun.protocol.collection.xof import elements, framed

__all__ = ["Prepared", "Role", "ShareForm", "ShareVerifier", "Split", "add_vectors", "centre", "split"]

Role = Literal["leader", "helper"]

KEY_BYTES = 32
"""Bytes of the key that both aggregators check with."""


@dataclass(frozen=True)
class Split:
    """A report in shares, in plain text: each is sealed before it leaves.

    Attributes:
        public: Commitments to both, ``PUBLIC_BYTES``.
        leader: The leader's share.
        helper: The helper's share.
    """

    public: bytes
    leader: bytes
    helper: bytes


def split(form: ShareForm, vector: NDArray[np.int64], binding: bytes, entropy: Callable[[int], bytes]) -> Split:
    """Split a vector into shares and prove that it is short.

    Args:
        form: That of the shares.
        vector: int64 [size], what the encoder made of a person: not negative, within the bound.
        binding: What the report is bound to: task, report and time.
        entropy: Returns so many secret random bytes.

    Returns:
        The shares. They are drawn anew where a projection is out of range: with a probability of at most
        ``NORM_PROOF_DELTA``.

    Raises:
        MisuseError: If the vector is not one of the statistic's.
    """
    _check(form, vector)
    numbers, words = Numbers(form), vector.astype(np.uint32)
    while True:
        seed, leader_blind, helper_blind = entropy(SEED_BYTES), entropy(BLIND_BYTES), entropy(BLIND_BYTES)
        share = field.encoded(field.subtract_words(words, _vector(form, seed, binding)))
        helper = seed + helper_blind
        public = _leader_commitment(binding, leader_blind, share) + _helper_commitment(binding, helper)
        masks = elements(form.proof.wires * POINTS, "masks", entropy(SEED_BYTES), binding)
        proof = prove(form, centre(numbers.of(words, binding, public)), masks)
        if proof is not None:
            rest = field.encoded(field.subtract_words(proof, _proof(form, seed, binding)))
            return Split(public, b"".join((leader_blind, share, rest)), helper)


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
        opened = [
            self._open(share, public, binding) for share, public, binding in zip(shares, publics, bindings, strict=True)
        ]
        fit = [place for place, one in enumerate(opened) if one is not None]
        found = [one for one in opened if one is not None]
        query = Query.draw(self.form, self._key, [(bindings[place], publics[place]) for place in fit])
        answers = self._answers(found, query)
        return Prepared(self.form, len(opened), fit, [one.vector for one in found], query, answers)

    def _answers(self, found: list["_Opened"], query: Query) -> Elements:
        proofs = np.array([one.proof for one in found], np.uint64).reshape(-1, self.form.proof.size)
        numbers = np.array([one.numbers for one in found], np.uint64).reshape(-1, self.form.numbers)
        if self.role == "leader":
            numbers = add_vectors(numbers, np.full_like(numbers, self.form.offset))
        return answer(self.form, query, proofs, numbers)

    def _open(self, share: bytes, public: bytes, binding: bytes) -> "_Opened | None":
        if len(public) != PUBLIC_BYTES:
            return None
        read = _leader_words if self.role == "leader" else _helper_words
        words = read(self.form, share, public, binding)
        if words is None:
            return None
        vector, proof = words
        return _Opened(vector, proof, self._numbers.of(vector, binding, public))


@dataclass(frozen=True)
class _Opened:
    vector: Words
    proof: Words
    numbers: Elements


class Prepared:
    """A few reports' shares, on the way to being accepted.

    Attributes:
        messages: What the other aggregator has to know of each report, ``form.verifier_bytes`` long; None: refused
            already, because the share is malformed or is not the one that was committed to.
    """

    def __init__(
        self, form: ShareForm, count: int, fit: list[int], vectors: list[Words], query: Query, answers: Elements
    ) -> None:
        """Keep what was opened."""
        self._form = form
        self._count = count
        self._vectors = dict(zip(fit, vectors, strict=True))
        self._query = query
        self._answers = answers
        self.messages: tuple[bytes | None, ...] = self._messages(fit)

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

    def _messages(self, fit: list[int]) -> tuple[bytes | None, ...]:
        messages: list[bytes | None] = [None] * self._count
        for place, one in zip(fit, self._answers, strict=True):
            messages[place] = field.encoded(one)
        return tuple(messages)

    def _read(self, message: bytes | None) -> Words | None:
        if message is None or len(message) != self._form.verifier_bytes:
            return None
        words = field.elements_of(message)
        return None if words is None else words.reshape(self._answers.shape[1:])


def _leader_words(form: ShareForm, share: bytes, public: bytes, binding: bytes) -> tuple[Words, Words] | None:
    if len(share) != form.leader_bytes:
        return None
    blind, rest = share[:BLIND_BYTES], memoryview(share)[BLIND_BYTES:]
    end = field.ELEMENT_BYTES * form.size
    if _leader_commitment(binding, blind, rest[:end]) != public[:COMMITMENT_BYTES]:
        return None
    vector, proof = field.elements_of(rest[:end]), field.elements_of(rest[end:])
    return None if vector is None or proof is None else (vector, proof)


def _helper_words(form: ShareForm, share: bytes, public: bytes, binding: bytes) -> tuple[Words, Words] | None:
    if len(share) != form.helper_bytes or _helper_commitment(binding, share) != public[COMMITMENT_BYTES:]:
        return None
    seed = share[:SEED_BYTES]
    return _vector(form, seed, binding), _proof(form, seed, binding)


def _leader_commitment(binding: bytes, blind: bytes, vector: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(framed("leader's share", binding, blind))
    digest.update(vector)
    return digest.digest()


def _helper_commitment(binding: bytes, share: bytes) -> bytes:
    return hashlib.sha256(framed("helper's share", binding, share)).digest()


def _vector(form: ShareForm, seed: bytes, binding: bytes) -> Words:
    return elements(form.size, "measurement", seed, binding)


def _proof(form: ShareForm, seed: bytes, binding: bytes) -> Words:
    return elements(form.proof.size, "proof", seed, binding)


def _check(form: ShareForm, vector: NDArray[np.int64]) -> None:
    if vector.shape != (form.size,) or vector.dtype != np.int64:
        raise MisuseError(f"a report has {form.size:,} integers of 64 bits, and this one is {vector.shape} of others.")
    most = form.bound if form.projected else form.largest
    if int(vector.min()) < 0 or int(vector.max()) > most:
        raise MisuseError(f"a number is not in 0..{most:,}; give what the encoder made, which is.")
    if int(vector @ vector) > form.bound**2:
        raise MisuseError(f"the norm is above {form.bound:,}; give what the encoder made, whose norm never is.")
