"""The operator, who holds the log's key, could sign a bundle that leaves out what the log knows, or vouches for itself.

Every bundle here has right hashes and a right signature.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from homespun.protocol import receipts
from homespun.protocol.asking.receipt import DeviceReceipt, encode_receipt, sign
from homespun.protocol.canonical import canonical
from homespun_server.compliance.audit import Pins, export, verify
from homespun_server.compliance.audit.container import pack, unpack
from homespun_server.compliance.audit.contents import MANIFEST, SIGNATURE, AuditManifest
from homespun_server.compliance.audit.exporting import Wanted, signed_manifest
from homespun_server.compliance.checks import Check
from homespun_server.compliance.log import open_log
from homespun_server.compliance.requests.profile import read_profiles
from homespun_server.compliance.requests.requests import Requests
from homespun_server.publishing.directory import open_registry
from homespun_server.store import open_store
from tests.server.api.support import NOON, TESTER, Hands, bundle_of
from tests.server.compliance.audit.conftest import Audited, Nobody
from tests.server.compliance.requests.support import ADA, KEYS, Office, office

Members = dict[str, bytes]
OPENINGS = "log/openings.jsonl"


def signed(audited: Audited, members: Members) -> dict[str, Check]:
    """Let the operator sign what they like; return what the checks find."""
    manifest = msgspec.json.decode(members[MANIFEST], type=AuditManifest)
    hashes = {
        name: hashlib.sha256(raw).hexdigest() for name, raw in members.items() if name not in (MANIFEST, SIGNATURE)
    }
    told = {**members, **signed_manifest(msgspec.structs.replace(manifest, members=hashes), audited.keys)}
    return {each.name: each for each in verify(pack(told), audited.pins)}


def failed(audited: Audited, members: Members) -> set[str]:
    return {name for name, each in signed(audited, members).items() if each.failed}


def without(members: Members, *beginnings: str) -> Members:
    return {name: raw for name, raw in members.items() if not name.startswith(beginnings)}


def overridden(members: Members) -> Members:
    """Leave out a bundle one of whose gates was let pass, with its card."""
    bundle = next(name for name in members if name.startswith("registry/") and b"the first model" in members[name])
    return {name: raw for name, raw in members.items() if bundle[9:-5] not in name}


def unshown(has: str) -> Callable[[Members], Members]:
    """Leave out openings that have something, and so what they would demand."""

    def leave_out(members: Members) -> Members:
        kept = [line for line in members[OPENINGS].splitlines(keepends=True) if has.encode() not in line]
        return {**members, OPENINGS: b"".join(kept)}

    return leave_out


def counted(*counts: dict[str, object]) -> Callable[[Members], Members]:
    return lambda members: {**members, "consents/counts.json": canonical({"schema": 1, "counts": list(counts)})}


GRANT = {"day": "2025-03-01", "purpose": "personalization", "notice": "", "action": "grant", "number": 1}

LEFT_OUT: dict[str, tuple[Callable[[Members], Members], set[str]]] = {
    "a bundle with an overridden gate": (overridden, {"registry in the log", "overrides"}),
    "every bundle and the repository": (
        lambda members: without(members, "registry/", "bundles/", "repository/", "explanations/"),
        {"registry in the log", "overrides", "signed repository"},
    ),
    "the repository that a root is pinned of": (lambda members: without(members, "repository/"), {"signed repository"}),
    "every ledger": (lambda members: without(members, "budget/"), {"budget in the log"}),
    "every ledger, and what the log says of it": (
        lambda members: without(unshown("data_set")(members), "budget/"),
        {"openings"},
    ),
    "every request": (lambda members: without(members, "requests/"), {"requests"}),
    "what the log says of overrides": (unshown("the first model"), {"openings"}),
    "the counts of consents": (counted(), {"consents"}),
    "a consent, for an invented one": (counted(GRANT), {"consents"}),
    "what the log says of erased consents": (unshown("consents erased"), {"consents"}),
    "what the log says of a device's receipt": (unshown("device receipt"), {"receipts"}),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_something_that_the_log_knows_is_left_out(audited: Audited, what: str) -> None:
    leave_out, checks = LEFT_OUT[what]
    members = leave_out(audited.members)
    assert members != audited.members
    assert checks <= failed(audited, members)
    assert not failed(audited, audited.members)


def test_a_bundle_begins_after_what_it_leaves_out(changeable: Audited) -> None:
    """A later audited time: what happened before is demanded all the same."""
    clock = Hands(NOON + timedelta(days=5))
    with open_store(changeable.settings.store) as store:
        open_log(changeable.settings, store, changeable.keys, clock).checkpoint()
        clock.pass_(days=1)
        raw = export(changeable.settings, store, changeable.keys, Wanted(since=clock() - timedelta(hours=2)), now=clock)
    members = unpack(raw)
    assert "log/earlier.txt" in members
    assert not failed(changeable, members)
    assert "openings" in failed(changeable, without(unshown("data_set")(members), "budget/"))
    assert "requests" in failed(changeable, without(members, "requests/"))


def test_a_request_that_was_taken_back_passes_for_one_that_was_answered(changeable: Audited) -> None:
    clock = Hands(NOON + timedelta(days=5))
    with open_store(changeable.settings.store) as store:
        log = open_log(changeable.settings, store, changeable.keys, clock)
        subjects, profiles = Nobody(), read_profiles(changeable.settings)
        desk = Requests(store, changeable.keys, log, subjects=subjects, profiles=profiles, now=clock)
        taken_back = desk.open("access", "gdpr", actor=TESTER, identifier="person 9")
        said = {"reason": "found it in the settings", "evidence": "mail of today"}
        desk.act(taken_back.id, "withdrawn", TESTER, said)
        raw = export(changeable.settings, store, changeable.keys, Wanted(since=NOON), now=clock)
    told = {each.name: each for each in verify(raw, changeable.pins)}
    assert told["deadlines"].figure.startswith("4 requests kept their deadlines")
    assert told["deadlines"].figure.endswith(", 1 were withdrawn")
    before = {each.name: each for each in verify(changeable.raw, changeable.pins)}
    assert before["deadlines"].figure.endswith(", 0 were withdrawn")


def test_a_receipt_of_a_device_that_never_registered_fits_the_key_in_it(audited: Audited) -> None:
    forger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = forger.public_key().public_bytes_raw().hex()
    erasure = receipts.sign(receipts.Receipt(profile="", time="1741000000.000000", stores=()), forger.sign, key)
    members = audited.members
    name = next(name for name in members if name.startswith("requests/") and b"answered" in members[name])
    told: Any = json.loads(members[name])
    (answered,) = (each for each in told["timeline"] if each["what"] == "answered")
    forged = DeviceReceipt(
        request=told["request"]["id"],
        kind="erasure",
        device="0b" * 16,
        sequence=1,
        time="1741000000.000000",
        outcome="done",
        by="person",
        erasure=erasure,
    )
    answered["detail"]["receipt"] = encode_receipt(sign(forged, forger.sign)).decode()
    found = signed(audited, {**members, name: canonical(told)})["receipts"]
    assert found.failed
    assert "the log does not know it" in found.wrong


def test_a_receipt_whose_key_was_forgotten_counts_as_fitting(audited: Audited) -> None:
    found = signed(audited, unshown("device key")(audited.members))["receipts"]
    assert (found.outcome, found.figure[:2]) == ("nothing", "0 ")
    assert "1 are of devices that were forgotten" in found.figure


def verified(at: Office, since: timedelta) -> dict[str, Check]:
    """Export what happened for so long, and verify it."""
    raw = export(at.settings, at.store, KEYS, Wanted(since=at.clock() - since), now=at.clock)
    return {each.name: each for each in verify(raw, Pins(log=bytes.fromhex(KEYS.log_key)))}


def test_a_late_answer_falls_between_two_bundles(tmp_path: Path) -> None:
    """The request was received before the audited time, was not due in the bundle before, and has ended in this one."""
    with office(tmp_path / "wd") as at:
        request = at.opened("erasure")
        at.clock.pass_(days=20)
        assert verified(at, timedelta(days=21))["deadlines"].outcome == "pass"
        at.clock.pass_(days=100)
        at.desk.saga.work(request.id, ADA)
        at.desk.exporter.answer(request.id, ADA)
        at.desk.requests.act(request.id, "closed", ADA, {"pending": True})
        at.clock.pass_(days=1)
        found = verified(at, timedelta(days=2))
        assert found["requests"].outcome == "pass"
        assert found["deadlines"].failed


def test_receipt_is_never_confirmed(tmp_path: Path) -> None:
    with office(tmp_path / "wd") as at:
        at.opened("erasure", regulation="ccpa")
        assert verified(at, timedelta(days=1))["deadlines"].outcome == "pass"
        at.clock.pass_(days=30)
        found = verified(at, timedelta(days=60))["deadlines"]
        assert found.failed
        assert "never confirmed" in found.wrong


def test_a_bundle_goes_missing_after_its_draft_was_deleted_once(changeable: Audited, tmp_path: Path) -> None:
    """A deleted draft may be missing; once it is registered again it may not."""
    clock = Hands(NOON + timedelta(days=10))
    with open_store(changeable.settings.store) as store:
        registry, log = (
            open_registry(changeable.settings, store, clock),
            open_log(changeable.settings, store, changeable.keys, clock),
        )

        def exported() -> Members:
            clock.pass_(minutes=1)
            return unpack(export(changeable.settings, store, changeable.keys, Wanted(since=NOON), now=clock))

        draft = registry.add(bundle_of(tmp_path / "draft", 9), lineage={}, gates={})
        log.catch_up()
        registry.delete(draft.id)
        members = exported()
        found = signed(changeable, members)["registry in the log"]
        assert found.outcome == "pass"
        assert "1 more were deleted" in found.figure
        clock.pass_(minutes=1)
        registry.add(tmp_path / "draft", lineage={}, gates={})
        members = exported()
        assert not failed(changeable, members)
        gone = {name: raw for name, raw in members.items() if draft.id not in name}
        assert "registry in the log" in failed(changeable, gone)
        registry.delete(draft.id)
        assert not failed(changeable, exported())
