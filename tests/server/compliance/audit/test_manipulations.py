"""Whoever has the audit bundle could change it, and write its hashes anew; they cannot sign. Each has its check."""

import hashlib
import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homespun.errors import ProofError
from homespun.protocol.canonical import canonical
from homespun.protocol.checkpoint import Checkpoint, NoteSignature
from homespun.protocol.checkpoint import decode as decode_checkpoint
from homespun_server.compliance.audit import verify
from homespun_server.compliance.audit.container import pack, unpack
from homespun_server.compliance.audit.contents import MANIFEST, SIGNATURE
from homespun_server.compliance.audit.verifying import CHECKS
from homespun_server.privacy.ledger.events import hash_of
from tests.server.compliance.audit.conftest import Audited

Members = dict[str, bytes]


def failed(audited: Audited, members: Members) -> set[str]:
    return {each.name for each in verify(pack(members), audited.pins) if each.failed}


def rehashed(members: Members) -> Members:
    """Write the manifest's hashes anew, as everybody can."""
    manifest = json.loads(members[MANIFEST])
    manifest["members"] = {
        name: hashlib.sha256(raw).hexdigest() for name, raw in members.items() if name not in (MANIFEST, SIGNATURE)
    }
    return {**members, MANIFEST: canonical(manifest)}


def only(members: Members, beginning: str, has: str = "") -> str:
    return next(name for name in sorted(members) if name.startswith(beginning) and has.encode() in members[name])


def edit(members: Members, name: str, change: Callable[[Any], None]) -> None:
    content = json.loads(members[name])
    change(content)
    members[name] = msgspec.json.encode(content)


def chained(events: list[dict[str, Any]]) -> bytes:
    """Chain a ledger's events anew: the chain has no key."""
    previous, found = "0" * 64, b""
    for number, event in enumerate(events, 1):
        event.update(sequence=number, previous=previous)
        raw = canonical(event)
        previous, found = hash_of(raw), found + raw + b"\n"
    return found


def ledger(members: Members) -> list[dict[str, Any]]:
    return [json.loads(line) for line in members["budget/people.jsonl"].splitlines()]


def remove_a_spend(members: Members) -> None:
    events = ledger(members)
    # The last reservation, with what was spent and released of it.
    kept = [each for each in events if each["sequence"] < 6]
    members["budget/people.jsonl"] = chained(kept)


def lower_sigma(members: Members) -> None:
    events = ledger(members)
    spend = next(each["what"]["spend"] for each in events if each["what"]["kind"] == "spent")
    spend["sigma"] -= 1
    members["budget/people.jsonl"] = chained(events)


def raise_sigma_with_its_cost(members: Members) -> None:
    """Claim more noise than there was, and do all the sums."""
    events = ledger(members)
    spend = next(each["what"]["spend"] for each in events if each["what"]["kind"] == "spent")
    spend["sigma"] += 1
    rho = Fraction(spend["l2_bound"] ** 2, 2 * spend["sigma"] ** 2)
    spend["rho"] = f"{rho.numerator}/{rho.denominator}"
    members["budget/people.jsonl"] = chained(events)


def move_a_deadline(members: Members) -> None:
    edit(members, only(members, "requests/request-", '"state":"received"'), lambda it: it["request"].update(due=LATE))


LATE = "2031-01-01T00:00:00+00:00"


def lengthen_the_term(members: Members) -> None:
    def change(content: Any) -> None:
        content["rules"]["answer"]["number" if "number" in content["rules"]["answer"] else "days"] = 99

    edit(members, only(members, "requests/request-", '"state":"received"'), change)


def change_epsilon_on_a_card(members: Members) -> None:
    name = only(members, "bundles/", '"differential_privacy"').rpartition("/")[0] + "/card.json"
    edit(members, name, lambda card: card["privacy"].update(epsilon="0.01"))


def forge_a_receipt(members: Members) -> None:
    def change(content: Any) -> None:
        answered = next(each for each in content["timeline"] if each["what"] == "answered")
        receipt = json.loads(answered["detail"]["receipt"])
        answered["detail"]["receipt"] = canonical({**receipt, "by": "application"}).decode()

    edit(members, only(members, "requests/request-", "answered"), change)


def remove_an_entry(members: Members) -> None:
    lines = members["log/entries.jsonl"].splitlines(keepends=True)
    members["log/entries.jsonl"] = b"".join(lines[:1] + lines[2:])


def show_a_fork(members: Members) -> None:
    found = decode_checkpoint(members["log/checkpoint.txt"])
    signatures = (NoteSignature(found.origin, found.signatures[0].key_id, bytes(64)),)
    members["log/checkpoint.txt"] = Checkpoint(found.origin, found.size, bytes(32), signatures).encode()


def swap_a_bundle(members: Members) -> None:
    one, other = sorted({name.split("/")[1] for name in members if name.startswith("bundles/")})[:2]
    for name in ("manifest.json", "card.json"):
        first, second = f"bundles/{one}/{name}", f"bundles/{other}/{name}"
        members[first], members[second] = members[second], members[first]


def change_an_explained_score(members: Members) -> None:
    name = only(members, "explanations/")
    first, rest = members[name].split(b"\n", 1)
    record = json.loads(first)
    record["items"][0]["score"] = "9.5"
    record.pop("digest")
    members[name] = msgspec.json.encode(sealed(record)) + b"\n" + rest


def sealed(record: dict[str, Any]) -> Any:
    """Compute the record's digest anew, as everybody can."""
    from homespun.protocol.records import ExplanationRecord

    return msgspec.convert(record, ExplanationRecord, strict=False).sealed()


def hide_an_override(members: Members) -> None:
    edit(members, only(members, "registry/", "the first model"), lambda it: it.update(gates='{"overrides":[]}'))


def invent_consents(members: Members) -> None:
    one = {"day": "2025-03-01", "purpose": "a", "notice": "b", "action": "given", "number": 1_000}
    edit(members, "consents/counts.json", lambda it: it["counts"].append(one))


def rewrite_a_document(members: Members) -> None:
    name = "documents/notice.json"
    members[name] = members[name].replace(b"privacy@example.org", b"nobody@example.org")


def exchange_the_key(members: Members) -> None:
    edit(members, MANIFEST, lambda manifest: manifest.update(log_key="00" * 32))


PLANTED: dict[str, tuple[Callable[[Members], None], str]] = {
    "a spend is removed": (remove_a_spend, "budget in the log"),
    "sigma is lowered": (lower_sigma, "budget chain"),
    "sigma is raised with its cost": (raise_sigma_with_its_cost, "budget in the log"),
    "a deadline is moved": (move_a_deadline, "requests"),
    "a term is lengthened": (lengthen_the_term, "requests"),
    "a card's epsilon is changed": (change_epsilon_on_a_card, "cards"),
    "a receipt is forged": (forge_a_receipt, "receipts"),
    "an entry is removed from the log": (remove_an_entry, "log root"),
    "a fork's checkpoint is shown": (show_a_fork, "checkpoints"),
    "a bundle is swapped": (swap_a_bundle, "cards"),
    "an explanation's score is changed": (change_an_explained_score, "explanations"),
    "an override is hidden": (hide_an_override, "overrides"),
    "consents are invented": (invent_consents, "consents"),
    "a document is rewritten": (rewrite_a_document, "documents"),
    "the key is exchanged": (exchange_the_key, "signature"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_manipulation_is_not_found(audited: Audited, planted: str) -> None:
    manipulate, check = PLANTED[planted]
    members = audited.members
    manipulate(members)
    assert members != audited.members
    found = failed(audited, members)
    assert {check, "signature" if members[MANIFEST] != audited.members[MANIFEST] else "members"} <= found
    # The hashes are written anew: the same check finds it, and nobody can sign it.
    assert {check, "signature"} <= failed(audited, rehashed(members))
    assert "members" not in failed(audited, rehashed(members))


def test_documents_of_other_ledgers_or_bundles_are_taken_for_those_of_these(audited: Audited) -> None:
    """The documents are as they were logged, and what they were made from is not what is shown."""
    members = audited.members
    remove_a_spend(members)
    assert "documents" in failed(audited, members)
    live = json.loads(audited.members["documents/dsa-27.json"])["sources"][-2]["digest"]
    assert "documents" in failed(
        audited, {name: raw for name, raw in audited.members.items() if name != f"registry/{live}.json"}
    )


def test_a_check_finds_nothing_that_is_planted() -> None:
    """Every check that claims something about the content has something planted that it finds."""
    found = {check for _, check in PLANTED.values()}
    assert found <= set(CHECKS)
    assert len(PLANTED) >= 10


@pytest.fixture(scope="module")
def names(audited: Audited) -> list[str]:
    return sorted(audited.members)


def test_a_flipped_byte_of_a_member_is_not_found(audited: Audited, names: list[str]) -> None:
    """Every member, at its beginning, middle and end; by the hash, and where that is written anew by the signature."""
    for name in names:
        for at in {0, len(audited.members[name]) // 2, len(audited.members[name]) - 1}:
            if at < 0:
                continue
            members = audited.members
            raw = bytearray(members[name])
            raw[at] ^= 1
            members[name] = bytes(raw)
            assert light(audited, members) & ({"signature"} if name in (MANIFEST, SIGNATURE) else {"members"}), name
            if name not in (MANIFEST, SIGNATURE):
                assert "signature" in light(audited, rehashed(members)), name


def light(audited: Audited, members: Members) -> set[str]:
    """Return which of the checks that every member has fail; the others are slow, and have their own tests."""
    from homespun_server.compliance.audit.evidence import Evidence
    from homespun_server.compliance.audit.verifying import _checked

    evidence = Evidence(b"", members, audited.pins)
    return {name for name in ("members", "signature") if _checked(name, CHECKS[name], evidence).failed}


@pytest.mark.parametrize(
    ("beginning", "checks"),
    [
        ("log/entries", {"log root"}),
        ("log/openings", {"openings"}),
        ("log/checkpoint", {"checkpoints", "log root"}),
        ("log/cosigned.txt", {"cosignatures"}),
        ("log/cosigned-consistency", {"cosignatures"}),
        ("log/consistency", {"consistency"}),
        ("log/earlier", {"checkpoints", "log root"}),
        ("budget/", {"budget chain", "budget in the log"}),
        ("registry/", {"registry in the log", "overrides", "cards"}),
        ("bundles/", {"cards", "explanations", "signed repository"}),
        ("repository/metadata/", {"signed repository"}),
        ("repository/targets/", {"signed repository"}),
        ("requests/request-", {"requests", "deadlines", "receipts"}),
        ("documents/", {"documents"}),
        ("explanations/", {"explanations", "chain"}),
    ],
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_is_found_by_no_check_of_its_own(
    audited: Audited, beginning: str, checks: set[str], data: st.DataObject
) -> None:
    """Even where all hashes are written anew."""
    members = audited.members
    name = data.draw(st.sampled_from([each for each in sorted(members) if each.startswith(beginning)]))
    raw = bytearray(members[name])
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.sampled_from([1, 2, 16]))
    members[name] = bytes(raw)
    assert failed(audited, rehashed(members)) & checks, (name, at)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_of_the_file_is_not_found(audited: Audited, data: st.DataObject) -> None:
    raw = bytearray(audited.raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        members = unpack(bytes(raw))
    except ProofError:
        return
    assert pack(members) != bytes(raw) or light(audited, members)


def test_bytes_are_added_around_the_file(audited: Audited) -> None:
    for raw in (audited.raw + b"x", b"x" + audited.raw):
        assert "container" in {each.name for each in verify(raw, audited.pins) if each.failed}
