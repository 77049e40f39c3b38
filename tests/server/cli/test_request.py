"""An officer at a terminal: from a person's letter to an answer, a deadline that moves, and a restore."""

import re
import zipfile
from pathlib import Path

import pytest

from homespun_server.cli import main
from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.settings import FILE, read_settings, settings_text
from homespun_server.store import open_store
from tests.server.api.support import CHEAP, PASSPHRASE

TABLES = '\n[[compliance.tables]]\npath = "people.csv"\n'
TABLE = "user,item\nuser-000017,a\nuser-000018,b\n"


@pytest.fixture
def wd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("COLUMNS", "240")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    folder = tmp_path / "wd"
    folder.mkdir()
    (folder / FILE).write_text(settings_text("films", ("canary", "production")) + TABLES, encoding="utf-8")
    (folder / "people.csv").write_text(TABLE)
    settings = read_settings(folder)
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP)
    open_store(settings.store).close()
    return folder


def told(capsys: pytest.CaptureFixture[str], wd: Path, *arguments: str, status: int = 0) -> str:
    """Run a part of the command, and return what it said."""
    assert main(["request", *arguments, "--in", str(wd)]) == status
    found = capsys.readouterr()
    return found.err if status else found.out


def test_an_erasure_leaves_something_or_cannot_be_shown(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, wd, "open", "erasure", "--under", "gdpr", "--person", "user-000017", "--how", "letter")
    request = re.findall(r"Request ([0-9a-f]{32})", said)[0]
    assert request in told(capsys, wd, "list")
    assert "needs 'method'" in told(capsys, wd, "act", request, "identify", status=1)
    told(capsys, wd, "act", request, "identify", "--method", "passport seen", "--evidence", "case 1")
    told(capsys, wd, "act", request, "accept")
    assert "cannot be closed" in told(capsys, wd, "close", request, status=1)
    told(capsys, wd, "extend", request, "--reason", "many", "--notice", "letter 2")
    assert "The request is completed." in told(capsys, wd, "work", request)
    assert "user-000017" not in (wd / "people.csv").read_text()
    out = wd / "answer.zip"
    told(capsys, wd, "export", request, "--out", str(out))
    assert out.stat().st_mode & 0o077 == 0
    assert "left alone" in told(capsys, wd, "export", request, "--out", str(out), status=1)
    assert {"effects.json", "stays.json", "manifest.json"} <= set(zipfile.ZipFile(out).namelist())
    shown = told(capsys, wd, "show", request)
    assert "passport seen" in shown
    assert "user-000017" in shown
    assert "is closed" in told(capsys, wd, "close", request)
    assert "user-000017" not in told(capsys, wd, "show", request)
    (wd / "people.csv").write_text(TABLE)
    assert "table people.csv: 1" in told(capsys, wd, "replay")
    assert "let in again" in told(capsys, wd, "replay", "--returned", "user-000017")
    (wd / "people.csv").write_text(TABLE)
    assert "nothing had come back" in told(capsys, wd, "replay")


def test_there_are_no_keys_and_nobody_says_so(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (wd / "keys" / "compliance.json").unlink()
    assert "compliance init" in told(capsys, wd, "list", status=1)


def test_a_value_is_put_right_in_somebody_elses_row(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, wd, "open", "rectification", "--under", "ccpa", "--person", "user-000018")
    request = re.findall(r"Request ([0-9a-f]{32})", said)[0]
    told(capsys, wd, "act", request, "identify", "--method", "seen", "--evidence", "case 1")
    told(capsys, wd, "act", request, "accept")
    told(capsys, wd, "work", request, "--correct", "item=b=c", "--correct", "item=a=z")
    assert (wd / "people.csv").read_text() == "user,item\nuser-000017,a\nuser-000018,c\n"


def test_a_restriction_is_lifted_and_rows_stay_away(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, wd, "open", "restriction", "--under", "gdpr", "--person", "user-000017")
    request = re.findall(r"Request ([0-9a-f]{32})", said)[0]
    told(capsys, wd, "act", request, "identify", "--method", "seen", "--evidence", "case 1")
    told(capsys, wd, "act", request, "accept")
    told(capsys, wd, "work", request)
    told(capsys, wd, "close", request)
    assert "user-000017" not in (wd / "people.csv").read_text()
    assert "needs 'notice'" in told(capsys, wd, "act", request, "lift", "--reason", "settled", status=1)
    lifted = told(capsys, wd, "act", request, "lift", "--reason", "settled", "--notice", "letter 14")
    assert "Rows put back: table people.csv: 1." in lifted
    assert sorted((wd / "people.csv").read_text().splitlines()) == sorted(TABLE.splitlines())
