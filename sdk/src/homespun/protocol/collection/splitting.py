"""What a device does: splits a vector into two shares, commits to both, and proves that the vector is short.

Pure: who calls gives randomness.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.collection import field
from homespun.protocol.collection.bit_proof import POINTS
from homespun.protocol.collection.field import Elements, Words, centre
from homespun.protocol.collection.form import BLIND_BYTES, SEED_BYTES, ShareForm
from homespun.protocol.collection.norm_proof import Numbers, prove
from homespun.protocol.collection.opening import Opened, expanded, helper_commitment, leader_commitment
from homespun.protocol.collection.xof import elements

Entropy = Callable[[int], bytes]
"""Returns so many secret random bytes."""


@dataclass(frozen=True, repr=False)
class Split:
    """A report in shares, in plain text: each is sealed before it leaves, and none is shown where one is printed.

    Attributes:
        public: Commitments to both, ``PUBLIC_BYTES``.
        leader: The leader's share.
        helper: The helper's share.
    """

    public: bytes
    leader: bytes
    helper: bytes


def split(form: ShareForm, vector: NDArray[np.int64], binding: bytes, entropy: Entropy) -> Split:
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
        draft = Draft.draw(form, words, binding, entropy)
        proof = prove(form, centre(numbers.of(words, binding, draft.public)), draft.masks)
        if proof is not None:
            return draft.finished(proof)


@dataclass(frozen=True, repr=False)
class Draft:
    """Shares of a vector that are committed to, before the proof.

    Attributes:
        public: Commitments to both.
        masks: uint64 [wires · POINTS], uniform elements for the proof.
        leader: The leader's blind and share of the vector.
        helper: The helper's share.
        expanded: What the helper's share stands for.
    """

    public: bytes
    masks: Elements
    leader: bytes
    helper: bytes
    expanded: Opened

    @classmethod
    def draw(cls, form: ShareForm, words: Words, binding: bytes, entropy: Entropy) -> Self:
        """Split elements, whatever they are."""
        seed, leader_blind, helper_blind = entropy(SEED_BYTES), entropy(BLIND_BYTES), entropy(BLIND_BYTES)
        other = expanded(form, seed, binding)
        share = field.encoded(field.subtract_words(words, other.vector))
        helper = seed + helper_blind
        public = leader_commitment(binding, leader_blind, share) + helper_commitment(binding, helper)
        masks = elements(form.proof.wires * POINTS, "masks", entropy(SEED_BYTES), binding).astype(np.uint64)
        return cls(public, masks, leader_blind + share, helper, other)

    def finished(self, proof: Elements) -> Split:
        """Return the shares, with a proof: uint64 [proof.size], elements."""
        rest = field.encoded(field.subtract_words(proof.astype(np.uint32), self.expanded.proof))
        return Split(self.public, self.leader + rest, self.helper)


def _check(form: ShareForm, vector: NDArray[np.int64]) -> None:
    if vector.shape != (form.size,) or vector.dtype != np.int64:
        raise MisuseError(f"a report has {form.size:,} integers of 64 bits, and this one is {vector.shape} of others.")
    most = form.bound if form.projected else form.largest
    if int(vector.min()) < 0 or int(vector.max()) > most:
        raise MisuseError(f"a number is not in 0..{most:,}; give what the encoder made, which is.")
    if int(vector @ vector) > form.bound**2:
        raise MisuseError(f"the norm is above {form.bound:,}; give what the encoder made, whose norm never is.")
