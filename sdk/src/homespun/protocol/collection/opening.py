"""What is in a share, and what commits to it: the part of the layout that devices and aggregators have in common.

Pure.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from homespun.protocol.collection import field
from homespun.protocol.collection.field import Words
from homespun.protocol.collection.form import BLIND_BYTES, COMMITMENT_BYTES, PUBLIC_BYTES, SEED_BYTES, ShareForm
from homespun.protocol.collection.xof import elements, framed

Role = Literal["leader", "helper"]


@dataclass(frozen=True, repr=False)
class Opened:
    """What one aggregator has of a report.

    Attributes:
        vector: uint32 [size], its share of the vector.
        proof: uint32 [proof.size], its share of the proof.
    """

    vector: Words
    proof: Words


def opened(form: ShareForm, role: Role, share: bytes, public: bytes, binding: bytes) -> Opened | None:
    """Return what is in a share; None: it is malformed, or not the one that was committed to.

    Args:
        form: That of the shares.
        role: Whose share.
        share: In plain text.
        public: The report's commitments.
        binding: What the report is bound to.
    """
    if len(public) != PUBLIC_BYTES:
        return None
    return (_leader if role == "leader" else _helper)(form, share, public, binding)


def leader_commitment(binding: bytes, blind: bytes, vector: bytes | memoryview) -> bytes:
    """Return the commitment to the leader's share of the vector, as it travels."""
    digest = hashlib.sha256(framed("leader's share", binding, blind))
    digest.update(vector)
    return digest.digest()


def helper_commitment(binding: bytes, share: bytes) -> bytes:
    """Return the commitment to the helper's share, as it travels."""
    return hashlib.sha256(framed("helper's share", binding, share)).digest()


def expanded(form: ShareForm, seed: bytes, binding: bytes) -> Opened:
    """Return what the helper's seed stands for."""
    return Opened(elements(form.size, "measurement", seed, binding), elements(form.proof.size, "proof", seed, binding))


def _leader(form: ShareForm, share: bytes, public: bytes, binding: bytes) -> Opened | None:
    if len(share) != form.leader_bytes:
        return None
    blind, rest = share[:BLIND_BYTES], memoryview(share)[BLIND_BYTES:]
    end = field.ELEMENT_BYTES * form.size
    if leader_commitment(binding, blind, rest[:end]) != public[:COMMITMENT_BYTES]:
        return None
    vector, proof = field.elements_of(rest[:end]), field.elements_of(rest[end:])
    return None if vector is None or proof is None else Opened(vector, proof)


def _helper(form: ShareForm, share: bytes, public: bytes, binding: bytes) -> Opened | None:
    if len(share) != form.helper_bytes or helper_commitment(binding, share) != public[COMMITMENT_BYTES:]:
        return None
    return expanded(form, share[:SEED_BYTES], binding)
