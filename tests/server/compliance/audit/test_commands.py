"""An auditor would need the operator's machine, or a witness the log's; the commands end to end."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from homespun_server.cli import main
from homespun_server.compliance.audit.verifying import CHECKS
from tests.server.api.support import PASSPHRASE, running
from tests.server.compliance.audit.conftest import Audited
from tests.server.compliance.audit.test_bundle import NOT_INCLUDED

FORBIDDEN = """
import sys
def refuse(event, arguments):
    # A library asks the system whether it knows IPv6; nothing is connected or looked up for that.
    asks = event.startswith("socket.") and event not in ("socket.__new__", "socket.bind")
    if asks or (event == "open" and "store.sqlite" in str(arguments[0])):
        raise SystemExit(f"it asked for what an auditor does not have: {event}")
import sqlalchemy, sqlalchemy.engine
sys.addaudithook(refuse)
sqlalchemy.create_engine = lambda *_, **__: refuse("socket.connect", ())
from homespun_server.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""A program that ends where somebody is asked, or a database is opened."""


def pins_of(audited: Audited, folder: Path) -> list[str]:
    (folder / "root.json").write_bytes(audited.pins.root or b"")
    return [
        *("--log-key", audited.keys.log_key, "--receipts-key", audited.keys.receipts_key),
        *("--root", str(folder / "root.json"), "--witness", f"w1={audited.pins.witnesses['w1'].hex()}"),
    ]


def test_verifying_asks_for_a_network_or_a_database(audited: Audited, tmp_path: Path) -> None:
    empty, given = tmp_path / "empty", tmp_path / "given"
    empty.mkdir()
    given.mkdir()
    (given / "audit.zip").write_bytes(audited.raw)
    command = ["audit", "verify", str(given / "audit.zip"), *pins_of(audited, given), "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOMESPUN")}
    found = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", FORBIDDEN, *command],
        cwd=empty,
        env={**environment, "HOME": str(empty)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    told = json.loads(found.stdout)
    assert told["passed"]
    assert {each["name"] for each in told["checks"] if each["outcome"] != "pass"} == set(NOT_INCLUDED)
    assert list(empty.iterdir()) == []


def test_a_bundle_that_was_changed_is_accepted(
    audited: Audited, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = bytearray(audited.raw)
    raw[len(raw) // 2] ^= 1
    (tmp_path / "audit.zip").write_bytes(raw)
    assert main(["audit", "verify", str(tmp_path / "audit.zip"), *pins_of(audited, tmp_path)]) == 1
    (tmp_path / "audit.zip").write_bytes(audited.raw)
    assert main(["audit", "verify", str(tmp_path / "audit.zip"), *pins_of(audited, tmp_path)]) == 0
    capsys.readouterr()
    # With another key pinned, it is another's bundle; with none, it says who vouches for it.
    assert main(["audit", "verify", str(tmp_path / "audit.zip"), "--log-key", "00" * 32]) == 1
    capsys.readouterr()
    assert main(["audit", "verify", str(tmp_path / "audit.zip"), "--json"]) == 0
    assert "vouches for its own key" in capsys.readouterr().out


@pytest.mark.parametrize("way", ["a flipped byte", "cut off", "no archive"])
def test_a_file_that_cannot_be_read_gets_no_verdict_by_check(
    way: str, audited: Audited, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = bytearray(audited.raw)
    raw[len(raw) // 2] ^= 1
    given = {"a flipped byte": bytes(raw), "cut off": audited.raw[:-30], "no archive": b"hello"}[way]
    (tmp_path / "audit.zip").write_bytes(given)
    command = ["audit", "verify", str(tmp_path / "audit.zip"), *pins_of(audited, tmp_path)]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert "container" in out
    assert "this is no audit bundle that can be read" in " ".join(out.split())
    assert "1 of 26 checks failed: container" in err
    assert main([*command, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    outcomes = {each["name"]: each["outcome"] for each in told["checks"]}
    assert not told["passed"]
    assert list(outcomes) == list(CHECKS)
    assert outcomes.pop("container") == "fail"
    assert set(outcomes.values()) == {"nothing"}


def test_the_bundle_that_is_exported_does_not_verify(
    changeable: Audited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", PASSPHRASE)
    folder, out = str(changeable.settings.folder), tmp_path / "audit.zip"
    export = ["audit", "export", "--since", "2025-03-02", "--out", str(out), "--in", folder]
    assert main(export) == 0
    assert main(export) == 1  # what is there is left alone
    capsys.readouterr()
    # By today's clock one request is late, which is all that is wrong.
    assert main(["audit", "verify", str(out), "--log-key", changeable.keys.log_key, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told["checks"] if each["outcome"] == "fail"] == ["deadlines"]
    for command in (
        ["status"],
        ["entries"],
        ["verify"],
        ["verify", "--json"],
        ["checkpoint"],
        ["prove", "--entry", "1"],
    ):
        capsys.readouterr()
        assert main(["log", *command, "--in", folder]) == 0
        assert capsys.readouterr().out


def test_a_witness_needs_the_logs_machine(
    changeable: Audited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", PASSPHRASE)
    folder = str(changeable.settings.folder)
    key = ["--log-key", changeable.keys.log_key, "--folder", str(tmp_path / "w")]
    assert main(["log", "witness", "new", "--name", "w2", "--folder", str(tmp_path / "w")]) == 0
    assert main(["log", "prove", "--since", "0", "--out", str(tmp_path / "proof.txt"), "--in", folder]) == 0
    cosign = ["log", "witness", "cosign", "--proof", str(tmp_path / "proof.txt"), "--out", str(tmp_path / "given.txt")]
    assert main([*cosign, *key]) == 0
    assert main(["log", "checkpoint", "--add", str(tmp_path / "given.txt"), "--in", folder]) == 0
    capsys.readouterr()
    assert main(["log", "witness", "last", *key]) == 0
    assert "entries" in capsys.readouterr().out
    assert main([*cosign, *key]) == 0  # the very same again
    assert main(["log", "prove", "--since", "1", "--out", str(tmp_path / "other.txt"), "--in", folder]) == 0
    cosign[4] = str(tmp_path / "other.txt")
    assert main([*cosign, *key]) == 1  # it begins at what this witness never saw


def test_the_service_tells_strangers_more_or_less_than_the_log(changeable: Audited) -> None:
    with running(changeable.settings) as service:
        checkpoint = service.get("/log/v1/checkpoint")
        assert checkpoint.status_code == 200
        assert checkpoint.text.startswith("homespun-log/")
        proof = service.get("/log/v1/proof?old=1")
        assert proof.text.startswith("old 1\n")
        assert service.get("/log/v1/proof?old=100000").status_code == 404
        assert service.get("/log/v1/proof?old=-1").status_code == 400


def test_a_log_is_asked_that_is_none(tmp_path: Path, audited: Audited) -> None:
    assert main(["log", "witness", "new", "--name", "w3", "--folder", str(tmp_path)]) == 0
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in ("http://example.org", "ftp://x", f"http://127.0.0.1:{port}"):
        command = ["log", "witness", "cosign", "--url", url, "--folder", str(tmp_path)]
        assert main([*command, "--log-key", audited.keys.log_key]) == 1
