"""Checks of the file itself and of the transparency log in it."""

from collections import Counter

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from homespun.errors import ProofError
from homespun.protocol.checkpoint import decode as decode_checkpoint
from homespun.protocol.checkpoint import epoch_of, verify_log, verify_witness
from homespun.protocol.merkle import EMPTY, grown, leaf_hash, root_of_peaks, verify_consistency
from homespun_server.compliance.audit.container import check_packed
from homespun_server.compliance.audit.contents import (
    CONSISTENCY,
    COSIGNED,
    COSIGNED_CONSISTENCY,
    MANIFEST,
    PREFIX,
    SHOWN,
    SIGNATURE,
    Hex,
    decoded,
)
from homespun_server.compliance.audit.evidence import Evidence, sha256
from homespun_server.compliance.log.beginnings import epoch_in, verified
from homespun_server.compliance.log.entries import Opening, verify_opening
from homespun_server.store.moments import utc_now


def container(evidence: Evidence) -> tuple[int, str]:
    """Check that the file is its members and nothing else."""
    check_packed(evidence.raw, evidence.members)
    return len(evidence.raw), "bytes, each of them accounted for"


def members(evidence: Evidence) -> tuple[int, str]:
    """Check every member against its hash in the manifest."""
    found = {name: sha256(raw) for name, raw in evidence.members.items() if name not in (MANIFEST, SIGNATURE)}
    listed = evidence.manifest.members
    wrong = sorted(name for name in found.keys() | listed.keys() if found.get(name) != listed.get(name))
    if wrong:
        raise ProofError(f"{len(wrong)} members are not as the manifest lists them, {wrong[0]} among them.")
    return len(found), "members have the hashes that the manifest lists"


def signature(evidence: Evidence) -> tuple[int, str]:
    """Check the manifest's signature, and that the keys in it are the pinned ones."""
    manifest, pins = evidence.manifest, evidence.pins
    for what, pinned, said in (
        ("log", pins.log, manifest.log_key),
        ("receipts", pins.receipts, manifest.receipts_key),
    ):
        if pinned is not None and pinned.hex() != said:
            raise ProofError(f"the bundle names another {what} key than the pinned one.")
    written = evidence.member(SIGNATURE)
    try:
        value = bytes.fromhex(written.decode("ascii"))
        Ed25519PublicKey.from_public_bytes(evidence.log_key).verify(value, PREFIX + evidence.member(MANIFEST))
    except (ValueError, InvalidSignature) as error:
        raise ProofError("the manifest is not signed with the log's key: the bundle was changed or forged.") from error
    if value.hex().encode() != written:
        raise ProofError("the manifest's signature is not written as signatures are: the bundle was changed.")
    return 1, "manifest is signed with the log's key"


def checkpoints(evidence: Evidence) -> tuple[int, str]:
    """Check that the log signed its checkpoints."""
    found = [each for each in (evidence.earlier, evidence.checkpoint) if each is not None]
    for each in found:
        verify_log(each, evidence.log_key)
    return len(found), f"checkpoints are signed; the last has {evidence.checkpoint.size:,} entries"


def root(evidence: Evidence) -> tuple[int, str]:
    """Compute the root anew from the entries, and the one that the log had before the audited time."""
    earlier, last = evidence.earlier, evidence.checkpoint
    peaks: list[bytes] = []
    for size, entry in enumerate(evidence.entries):
        if earlier is not None and earlier.size == size and root_of_peaks(peaks) != earlier.root:
            raise ProofError("the first entries do not lead to the root of the earlier checkpoint: one was changed.")
        peaks, _ = grown(peaks, size, leaf_hash(entry))
    if (len(evidence.kinds), root_of_peaks(peaks)) != (last.size, last.root):
        raise ProofError("the entries do not lead to the root that was signed: one was changed, added or removed.")
    return len(evidence.entries), f"entries, all from the first on, lead to the root {last.root.hex()[:16]}…"


def predecessors(evidence: Evidence) -> tuple[int, str]:
    """Check what the log says of logs that ended before it, and tell it: what is lost is never passed over."""
    begun = verified(evidence.begun, evidence.log_key, utc_now())
    if epoch_in(begun) != epoch_of(evidence.checkpoint, evidence.log_key):
        raise ProofError(f"the log is {evidence.checkpoint.origin}, and does not tell what came before it.")
    for each in begun:
        kept = each.continued
        if kept is not None and evidence.root_at(kept.size) != kept.root:
            raise ProofError(f"the log says that it continues the {kept.size} first entries of a predecessor: not so.")
    return len(begun), "predecessors" + "".join(f"; {each.told()}" for each in begun)


def consistency(evidence: Evidence) -> tuple[int, str]:
    """Check the proof that the log only grew since the earlier checkpoint."""
    earlier, last = evidence.earlier, evidence.checkpoint
    size, before = (0, EMPTY) if earlier is None else (earlier.size, earlier.root)
    verify_consistency(size, last.size, before, last.root, _proof(evidence, CONSISTENCY))
    return 1, f"proof: the log of {last.size:,} entries continues that of {size:,}"


def cosignatures(evidence: Evidence) -> tuple[int, str]:
    """Check the last cosigned checkpoint: that pinned witnesses cosigned it, and that the log only grew since."""
    if COSIGNED not in evidence.members and not evidence.pins.witnesses:
        return 0, "witnesses: nobody cosigned, and none is pinned"
    found, last = decode_checkpoint(evidence.member(COSIGNED)), evidence.checkpoint
    verify_log(found, evidence.log_key)
    for name, key in evidence.pins.witnesses.items():
        verify_witness(found, name, key)
    verify_consistency(found.size, last.size, found.root, last.root, _proof(evidence, COSIGNED_CONSISTENCY))
    others = len(found.signatures) - 1 - len(evidence.pins.witnesses)
    told = f"; {others} more cosignatures are of witnesses who are not pinned" if others > 0 else ""
    return len(evidence.pins.witnesses), f"pinned witnesses cosigned the log of {found.size:,} entries{told}"


def openings(evidence: Evidence) -> tuple[int, str]:
    """Check that every shown entry is in the log and commits to what is shown, and that none is kept back."""
    for each in evidence.openings:
        if not 0 <= each.index < len(evidence.entries):
            raise ProofError(f"entry {each.index} is shown, and the log has {len(evidence.entries)}.")
        # The root is computed anew from these very entries.
        verify_opening(evidence.entries[each.index], Opening(bytes.fromhex(each.salt), each.content.encode()))
    shown = {each.index for each in evidence.openings}
    if len(shown) != len(evidence.openings):
        raise ProofError("an entry is shown twice.")
    closed = Counter(kind for index, kind in enumerate(evidence.kinds) if index not in shown)
    back = next((i for i, kind in enumerate(evidence.kinds) if kind in SHOWN and i not in shown), None)
    if back is not None:
        raise ProofError(f"entry {back} of the log is not shown, though entries of its kind always can be.")
    told = f"{closed['consent']:,} of consents are people's own, {closed['receipt']:,} of forgotten devices"
    return len(shown), f"shown entries are in the log, and say what they commit to; of the others {told}"


def _proof(evidence: Evidence, name: str) -> list[bytes]:
    return [bytes.fromhex(each) for each in decoded(evidence.member(name), tuple[Hex, ...], name)]
