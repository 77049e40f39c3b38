"""After a restore that lost entries, an auditor or a witness could be told of none that are missing."""

import json
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from homespun.protocol.checkpoint import Checkpoint
from homespun.protocol.consent_report import ConsentReceipt, encode_receipt, encode_report, sign_receipt
from homespun_server.cli import main
from homespun_server.compliance.audit import Pins, export, verify
from homespun_server.compliance.audit.container import pack, unpack
from homespun_server.compliance.audit.evidence import Evidence, sha256
from homespun_server.compliance.audit.exporting import Wanted, signed_manifest
from homespun_server.compliance.checks import Check
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.keys import ComplianceKeys, create_compliance_keys, open_compliance_keys
from homespun_server.compliance.log import open_log
from homespun_server.compliance.log.opening import memory_of
from homespun_server.compliance.log.published import predecessors
from homespun_server.console.views.log import log_view
from homespun_server.errors import TransparencyError
from homespun_server.settings import ServerSettings
from homespun_server.store import Actor, open_store
from tests.server.api.support import CHEAP, NOON, PASSPHRASE, Hands, make_directory, running
from tests.server.compliance.consent.support import record, report

_OFFICER = Actor("command log begin-anew", "command")
OPENINGS = "log/openings.jsonl"


@dataclass(frozen=True)
class Restored:
    """A working directory whose store was put back, and that has not noticed it yet."""

    settings: ServerSettings
    keys: ComplianceKeys
    clock: Hands
    ended: Checkpoint
    receipts: tuple[ConsentReceipt, ...]

    @property
    def pins(self) -> Pins:
        return Pins(log=bytes.fromhex(self.keys.log_key), receipts=bytes.fromhex(self.keys.receipts_key))

    def command(self, *words: str) -> int:
        return main([*words, "--in", str(self.settings.folder)])


@pytest.fixture
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restored:
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", PASSPHRASE)
    clock, settings = Hands(), make_directory(tmp_path / "wd")
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP, now=clock)
    keys = open_compliance_keys(settings)
    receipts = []
    for number in range(1, 4):
        with open_store(settings.store) as store:
            log = open_log(settings, store, keys, clock)
            receipts.append(ConsentLedger(store, keys, log, clock).record(report(record(number))))
            ended = log.checkpoint()
        if number == 1:
            shutil.copy(settings.store, tmp_path / "backup")
        clock.pass_(hours=1)
    for path in settings.folder.glob("store.sqlite*"):
        path.unlink()
    shutil.copy(tmp_path / "backup", settings.store)
    return Restored(settings, keys, clock, ended, tuple(receipts))


def exported(restored: Restored, tmp_path: Path, given: tuple[ConsentReceipt, ...]) -> dict[str, bytes]:
    (tmp_path / "receipts.jsonl").write_bytes(b"".join(encode_receipt(each) + b"\n" for each in given))
    with open_store(restored.settings.store) as store:
        wanted = Wanted(since=NOON - timedelta(days=1), consents=True, receipts=(tmp_path / "receipts.jsonl",))
        return unpack(export(restored.settings, store, restored.keys, wanted, now=restored.clock))


def found(restored: Restored, members: dict[str, bytes]) -> dict[str, Check]:
    return {each.name: each for each in verify(pack(members), restored.pins)}


def begin_anew(restored: Restored) -> ConsentReceipt:
    """Begin anew, and take in another consent."""
    with open_store(restored.settings.store) as store:
        log = open_log(restored.settings, store, restored.keys, restored.clock)
        ledger = ConsentLedger(store, restored.keys, log, restored.clock)
        with pytest.raises(TransparencyError):
            ledger.record(report(record(2)))
        assert len(ledger.events_of(ledger.subjects.pseudonym(report(record(2)).subject) or "")) == 1
        log.begin_anew("the disk broke", _OFFICER)
        restored.clock.pass_(hours=1)
        return ledger.record(report(record(4)))


def test_an_auditor_is_not_told_what_was_lost(restored: Restored, tmp_path: Path) -> None:
    later = begin_anew(restored)
    # The new log has other entries where the one that ended had the lost ones.
    assert later.log == restored.receipts[2].log
    members = exported(restored, tmp_path, (*restored.receipts, later))
    told = found(restored, members)
    assert {name: each.wrong for name, each in told.items() if each.failed} == {}
    assert told["predecessors"].figure.startswith("1 predecessors; a predecessor of 3 entries ended on 2025-")
    assert f"the root {restored.ended.root.hex()}" in told["predecessors"].figure
    assert "These entries continue its checkpoint of 1 entries; the 2 after them" in told["predecessors"].figure
    assert told["consent events"].figure.startswith("2 of 2 consent events")
    assert told["consent receipts"].figure.startswith("2 of 2 consent events have a receipt here")
    assert told["consent receipts"].figure.endswith(
        "2 more are of a predecessor's entries that are not shown to be here"
    )


def test_a_receipt_of_a_lost_entry_is_called_forged(restored: Restored, tmp_path: Path) -> None:
    """The copy beside the store was put back with it, and the service went on; then a witness showed what ended."""
    memory_of(restored.settings).unlink()
    with open_store(restored.settings.store) as store:
        log = open_log(restored.settings, store, restored.keys, restored.clock)
        other = report(record(1), subject="account-bob-77", source="b" * 32)
        later = ConsentLedger(store, restored.keys, log, restored.clock).record(other)
        # Its place in the log is that of an entry that was lost, and its checkpoint is no part of what ended.
        assert later.log == restored.receipts[1].log
        assert log.checkpoint().size < restored.ended.size
        restored.clock.pass_(hours=1)
        log.begin_anew("restored", _OFFICER, restored.ended)
    told = found(restored, exported(restored, tmp_path, (*restored.receipts, later)))
    assert {name: each.wrong for name, each in told.items() if each.failed} == {}
    assert "Of no checkpoint of it is known that these entries continue it" in told["predecessors"].figure
    assert "; 2 more are of a predecessor's entries" in told["consent receipts"].figure


def test_a_receipt_that_no_log_had_counts_as_lost(restored: Restored, tmp_path: Path) -> None:
    begin_anew(restored)
    beyond = msgspec.structs.replace(restored.receipts[1], log=restored.ended.size)
    given = sign_receipt(beyond, restored.keys.receipts.sign)
    told = found(restored, exported(restored, tmp_path, (given,)))
    assert {name for name, each in told.items() if each.failed} == {"consent receipts"}


@pytest.mark.parametrize("way", ["left out", "another root"])
def test_an_operator_leaves_out_what_ended(restored: Restored, tmp_path: Path, way: str) -> None:
    begin_anew(restored)
    members = exported(restored, tmp_path, restored.receipts[:1])
    lines = members[OPENINGS].splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if b"log begun anew" in line)
    lines[at] = b"" if way == "left out" else lines[at].replace(b"the disk broke", b"it was planned")
    members[OPENINGS] = b"".join(lines)
    manifest = Evidence(b"", members, restored.pins).manifest
    changed = msgspec.structs.replace(manifest, members={**manifest.members, OPENINGS: sha256(members[OPENINGS])})
    told = found(restored, {**members, **signed_manifest(changed, restored.keys)})
    failed = {name for name, each in told.items() if each.failed}
    assert failed == ({"predecessors", "openings"} if way == "left out" else {"openings"})


def test_the_commands_hide_or_refuse_it(restored: Restored, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = ["--log-key", restored.keys.log_key, "--folder", str(tmp_path / "w")]
    assert main(["log", "witness", "new", "--name", "w1", "--folder", str(tmp_path / "w")]) == 0
    cosign = ["log", "witness", "cosign", "--proof", str(tmp_path / "proof"), "--out", str(tmp_path / "given"), *key]
    assert restored.command("log", "prove", "--out", str(tmp_path / "proof")) == 0
    assert main(cosign) == 0
    assert restored.command("log", "verify") == 1
    capsys.readouterr()
    assert restored.command("log", "status") == 0
    assert "WARNING: a checkpoint of 3 entries was signed before" in capsys.readouterr().out
    with open_store(restored.settings.store) as store:
        view = log_view(open_log(restored.settings, store, restored.keys, restored.clock))
    assert "a checkpoint of 3 entries was signed before" in view.problem
    assert not view.predecessors
    assert restored.command("log", "checkpoint") == 1
    assert "begin-anew" in capsys.readouterr().err
    assert restored.command("log", "begin-anew", "--reason", "the disk broke") == 0
    told = capsys.readouterr().out
    assert "a predecessor of 3 entries ended on" in told
    assert "The reason that was given: the disk broke. Tell your witnesses" in told
    assert restored.command("log", "begin-anew", "--reason", "once more") == 1
    assert restored.command("log", "verify") == 0
    capsys.readouterr()
    assert restored.command("log", "status") == 0
    told = capsys.readouterr().out
    assert "the 2 after them are not shown to be here" in told
    with open_store(restored.settings.store) as store:
        view = log_view(open_log(restored.settings, store, restored.keys, restored.clock))
    assert view.problem == ""
    assert "the 2 after them are not shown to be here" in view.predecessors[0]
    assert "WARNING" not in told
    # The witness is asked, reads it, and accepts it.
    assert restored.command("log", "prove", "--since", "1", "--out", str(tmp_path / "proof")) == 0
    assert main(cosign) == 1
    assert "log witness predecessors" in capsys.readouterr().err
    assert restored.command("log", "prove", "--predecessors", "--since", "1", "--out", str(tmp_path / "proof")) == 0
    assert main(["log", "witness", "predecessors", "--proof", str(tmp_path / "proof"), *key]) == 0
    told = capsys.readouterr().out
    assert "The reason that was given: the disk broke" in told
    assert "This witness last saw 1 entries" in told
    assert "All 1 entries that this witness saw are there." in told
    assert main([*cosign, "--begun-anew"]) == 0
    assert "All 1 entries that this witness saw are there." in capsys.readouterr().out
    assert restored.command("log", "checkpoint", "--add", str(tmp_path / "given")) == 0


def test_the_service_signs_receipts_after_a_restore(restored: Restored) -> None:
    def taken() -> int:
        content, headers = encode_report(report(record(9))), {"Content-Type": "application/json"}
        return int(service.client.post("/intake/v1/consents", content=content, headers=headers).status_code)

    with running(restored.settings) as service:
        assert taken() == 503
        answer = service.get("/ready")
        assert answer.json()["log"] is False
        assert service.get("/log/v1/predecessors").json()["begun"] == []
        (event,) = [each for each in service.events if each["event"] == "transparency log not kept"][:1]
        assert "put back" in json.dumps(event)
    begin_anew(restored)
    with running(restored.settings) as service:
        assert taken() == 200
        assert service.get("/ready").json()["log"] is True
        with open_store(restored.settings.store) as store:
            assert service.get("/log/v1/predecessors").content == predecessors(store).encode()
