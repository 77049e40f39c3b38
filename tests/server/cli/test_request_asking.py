"""An officer asks devices from a terminal: who is not done, what is signed, and what lets devices register."""

from pathlib import Path

import pytest

from homespun.protocol.asking.registration import voucher_of
from homespun_server.cli import main
from homespun_server.compliance.keys import create_compliance_keys, public_compliance_keys
from homespun_server.compliance.opening import open_compliance
from homespun_server.publishing.directory import open_repository
from homespun_server.settings import read_settings
from homespun_server.store import AuditLog, open_store
from tests.server.api.support import CHEAP, PASSPHRASE, TESTER, Hands, make_directory
from tests.server.compliance.requests.asking.phones import Phone

ADA = "ada@example.org"


@pytest.fixture
def wd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("COLUMNS", "200")
    settings = make_directory(tmp_path / "wd")
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP)
    return settings.folder


def told(capsys: pytest.CaptureFixture[str], wd: Path, *arguments: str, status: int = 0) -> str:
    assert main(["request", *arguments, "--in", str(wd)]) == status
    found = capsys.readouterr()
    return found.err if status else found.out


def test_devices_cannot_be_asked_or_seen(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = read_settings(wd)
    key = told(capsys, wd, "key").strip()
    assert key == public_compliance_keys(settings).asking
    vouching = bytes.fromhex(told(capsys, wd, "key", "--vouching").strip())
    voucher = told(capsys, wd, "voucher", ADA, "--hours", "2").strip()
    assert voucher == voucher_of(vouching, ADA, int(voucher.partition(".")[0]))
    phone = Phone("phone", ADA)
    with open_store(settings.store) as store:
        compliance = open_compliance(settings, store)
        assert compliance is not None
        compliance.asking.devices.register(phone.registration(compliance.keys, voucher))
        requests = compliance.requests.requests
        request = requests.open("objection", "gdpr", actor=TESTER, identifier=ADA).id
        requests.act(request, "identified", TESTER, {"method": "passport", "evidence": "seen"})
        requests.act(request, "accepted", TESTER)
        requests.act(request, "working", TESTER)
    assert "Registered devices: 1." in told(capsys, wd, "devices")
    assert "64 entries" in told(capsys, wd, "ask")
    assert "not time" in told(capsys, wd, "ask")
    assert "64 entries" in told(capsys, wd, "ask", "--now")
    shown = told(capsys, wd, "devices", request)
    assert f"{phone.device.hex()}" in shown
    assert "pending" in shown
    open_repository(settings, now=Hands()).check()
    with open_store(settings.store) as store:
        compliance = open_compliance(settings, store)
        assert compliance is not None
        compliance.asking.receive(phone.answer(request))
    assert "done" in told(capsys, wd, "devices", request)


def test_devices_are_let_in_or_looked_at_without_a_trace(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = read_settings(wd)
    with open_store(settings.store) as store:
        compliance = open_compliance(settings, store)
        assert compliance is not None
        request = compliance.requests.requests.open("objection", "gdpr", actor=TESTER, identifier=ADA).id
        before = len(AuditLog(store).entries())
    told(capsys, wd, "voucher", ADA, "--hours", "2")
    told(capsys, wd, "devices", request)
    told(capsys, wd, "devices")
    with open_store(settings.store) as store:
        entries = AuditLog(store).entries()[before:]
    assert [(each.who, each.action, each.subject, each.detail) for each in entries] == [
        ("command request voucher", "make-voucher", "nobody known", {"hours": 2.0}),
        ("command request devices", "view-devices", request, {}),
    ]
    assert ADA not in str(entries)


def test_devices_of_a_request_that_is_not_there_are_all_done(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no request" in told(capsys, wd, "devices", "0" * 32, status=1)


def test_there_are_no_keys_and_something_is_signed(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (wd / "keys" / "compliance.json").unlink()
    assert "compliance init" in told(capsys, wd, "ask", status=1)
    assert "compliance init" in told(capsys, wd, "voucher", ADA, status=1)
