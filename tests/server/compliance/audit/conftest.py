"""A working directory in which everything happened that is audited, and the bundle that was exported of it."""

import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from homespun.explain.recording import record_of
from homespun.model.bundle import Bundle
from homespun.model.sample import sample_folder
from homespun.protocol.asking.receipt import DeviceReceipt, encode_receipt
from homespun.protocol.asking.receipt import sign as sign_receipt
from homespun.protocol.events import Event
from homespun_server.compliance.audit import Pins, export
from homespun_server.compliance.audit.container import unpack
from homespun_server.compliance.audit.exporting import Wanted
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.consent.subjects import Subjects
from homespun_server.compliance.keys import ComplianceKeys, create_compliance_keys, open_compliance_keys
from homespun_server.compliance.log import open_log
from homespun_server.compliance.log.published import continuation
from homespun_server.compliance.log.witness import create_witness
from homespun_server.compliance.requests.asking.devices import Devices
from homespun_server.compliance.requests.profile import read_profiles
from homespun_server.compliance.requests.requests import Requests
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.publishing.directory import open_registry, open_repository
from homespun_server.settings import FILE, ServerSettings, read_settings
from homespun_server.store import SqlLog, Store, open_store
from homespun_server.store.schema_asking import asking_devices
from tests.sdk.deciding import decide
from tests.server.api.support import CANARY, CHEAP, NOON, PASSPHRASE, TESTER, Hands, bundle_of, make_directory
from tests.server.compliance.consent.support import record, report
from tests.server.privacy.ledger.support import spend_of

DEVICE = Ed25519PrivateKey.from_private_bytes(bytes(range(7, 39)))
CONTROLLER = """
[compliance.controller]
name = "Films Ltd"
address = "1 Example Street, Example"
contact = "privacy@example.org"
"""
OVERRIDE = {"gate": "quality", "reason": "the first model of this channel"}


class Nobody:
    """Pseudonyms of nobody."""

    def pseudonym(self, identifier: str) -> str | None:
        del identifier
        return None

    def forget_within(self, connection: object, identifier: str) -> str | None:
        del connection, identifier
        return None


@dataclass(frozen=True)
class Audited:
    """A working directory, what was exported of it, and what an auditor knows."""

    settings: ServerSettings
    keys: ComplianceKeys
    raw: bytes
    pins: Pins

    @property
    def members(self) -> dict[str, bytes]:
        return unpack(self.raw)


def with_controller(settings: ServerSettings) -> ServerSettings:
    """Say who decides about the processing, in the file and in what was read of it."""
    path = settings.folder / FILE
    text = path.read_text(encoding="utf-8").partition("# Who decides")[0]
    path.write_text(f"{text}{CONTROLLER}", encoding="utf-8")
    return replace(settings, compliance=read_settings(settings.folder, {}).compliance)


def charge(store: Store, clock: Hands) -> None:
    """Make two releases, a month apart."""
    ledger = BudgetLedger(SqlLog(store), "people", lambda: clock().timestamp())
    ledger.open(BudgetPolicy(epsilon=2.0, lifetime=4.0))
    for number in range(2):
        with ledger.reserve([((), Fraction(1, 50))], f"fit {number}") as reservation:
            spent = reservation.spend(spend_of(Fraction(1, 50)))
            spent.claim()
            spent.released(f"{number:064x}")


def answer(store: Store, settings: ServerSettings, keys: ComplianceKeys, clock: Hands) -> None:
    """Let three people ask: one is refused, one's device answers, one still waits."""
    log = open_log(settings, store, keys, clock)
    desk = Requests(store, keys, log, subjects=Nobody(), profiles=read_profiles(settings), now=clock)
    refused, asked, _ = (
        desk.open("erasure", "gdpr", actor=TESTER, identifier=f"person {number}") for number in range(3)
    )
    proof = {"method": "passport seen", "evidence": "case 1"}
    reason = next(iter(desk.get(refused.id).rules.refusals))
    desk.act(refused.id, "refused", TESTER, {"reason": reason, "notice": "letter 7"})
    for what in ("identified", "accepted", "working"):
        desk.act(asked.id, what, TESTER, proof)
    desk.devices_asked(asked.id, ["0a" * 16], TESTER)
    receipt = DeviceReceipt(
        request=asked.id,
        kind="erasure",
        device="0a" * 16,
        sequence=1,
        time="1741000000.000000",
        outcome="declined",
        by="person",
    )
    signed = sign_receipt(receipt, DEVICE.sign)
    with store.writing() as connection:
        row = {"device": "0a" * 16, "subject": "5e" * 32, "key": DEVICE.public_key().public_bytes_raw().hex()}
        rest = {"secret": b"", "sequence": 1, "renewed": "2025-03-04", "answered": 1}
        connection.execute(insert(asking_devices).values(**row, **rest))
        desk.device_answered_within(connection, signed, encode_receipt(signed))
        Devices(store, keys, Subjects(store, keys), log, clock).receipt_logged_within(
            connection, signed, encode_receipt(signed)
        )


def explained() -> bytes:
    """Return two recorded lists of the sample bundle, a line each."""
    with Bundle.open(sample_folder()) as bundle:
        items = bundle.items[:6]
        events = [Event(item, "rate", 100.0 * number, 5.0) for number, item in enumerate(items)]
        records = [
            record_of(decide(bundle, events[number:], k=4, now=5000.0), {"personalization": 3}) for number in (0, 2)
        ]
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    folder = tmp_path_factory.mktemp("audit")
    settings, clock = with_controller(make_directory(folder / "wd")), Hands()
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP, now=clock)
    keys = open_compliance_keys(settings)
    witness = replace(create_witness(folder / "witness", "w1"), now=clock)
    records = folder / "records.jsonl"
    records.write_bytes(explained())
    repository = open_repository(settings, now=clock)
    with open_store(settings.store) as store:
        registry, log = open_registry(settings, store, clock), open_log(settings, store, keys, clock)
        # What lies before the audited time is only continued.
        first = registry.add(bundle_of(folder / "one", 1), lineage={}, gates={})
        repository.publish(registry.folder(first.id), CANARY, note="the first")
        consents = ConsentLedger(store, keys, log, clock)
        consents.record(report(record(1, "analytics")))
        log.catch_up()
        log.checkpoint()
        clock.pass_(days=3)
        live = registry.add(sample_folder(), lineage={}, gates={"overrides": []})
        registry.move(live.id, "production", TESTER, "people have it")
        registry.add(bundle_of(folder / "two", 2), lineage={}, gates={"overrides": [OVERRIDE]})
        charge(store, clock)
        answer(store, settings, keys, clock)
        consents.record(report(record(1), subject="somebody"))
        consents.record(report(record(2, action="withdraw"), subject="somebody"))
        with store.writing() as connection:
            consents.erase_within(connection, consents.subjects.pseudonym("somebody") or "")
        log.catch_up()
        log.checkpoint()
        log_key = bytes.fromhex(keys.log_key)
        log.add_cosignature(witness.cosign(continuation(store, 0), log_key).encode())
        clock.pass_(hours=1)
        wanted = Wanted(since=NOON + timedelta(days=1), explanations=(records,))
        raw = export(settings, store, keys, wanted, now=clock)
        assert export(settings, store, keys, wanted, now=clock) == raw
    pins = Pins(
        log=log_key,
        receipts=bytes.fromhex(keys.receipts_key),
        root=(settings.repository / "metadata" / "1.root.json").read_bytes(),
        witnesses={"w1": witness.public_key},
    )
    return Audited(settings, keys, raw, pins)


@pytest.fixture
def changeable(audited: Audited, tmp_path: Path) -> Audited:
    """A copy for a test that goes on with the store, which later tests are to find as it was."""
    folder = shutil.copytree(audited.settings.folder, tmp_path / "copy-of-wd")
    return replace(audited, settings=replace(audited.settings, folder=folder))
