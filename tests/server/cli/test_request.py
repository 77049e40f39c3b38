"""An officer at a terminal: from a person's letter to an answer, a deadline that moves, and a restore."""

import json
import re
import zipfile
from pathlib import Path

import pytest

from homespun.model.sample import sample_folder
from homespun_server.cli import main
from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.settings import FILE, read_settings, settings_text
from homespun_server.store import open_store
from tests.server.api.support import CHEAP, PASSPHRASE
from tests.server.compliance.audit.conftest import explained
from tests.server.compliance.requests.test_identity import TOKEN

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
    worked = told(capsys, wd, "work", request)
    assert "The request is completed." in worked
    assert re.search(r"table people\.csv +done +logical +1 +1 row was removed", worked), worked
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
    late = wd / "late.zip"
    told(capsys, wd, "export", request, "--out", str(late))
    with zipfile.ZipFile(out) as before, zipfile.ZipFile(late) as after:
        assert set(after.namelist()) == set(before.namelist())
        assert "people.csv" in after.read("effects.json").decode()
    assert "state closed" in re.sub(r" +", " ", told(capsys, wd, "show", request))
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


def accepted(capsys: pytest.CaptureFixture[str], wd: Path, kind: str) -> str:
    said = told(capsys, wd, "open", kind, "--under", "gdpr", "--person", "user-000017")
    request = str(re.findall(r"Request ([0-9a-f]{32})", said)[0])
    told(capsys, wd, "act", request, "identify", "--method", "seen", "--evidence", "case 1")
    told(capsys, wd, "act", request, "accept")
    return request


def test_an_explanation_is_none(wd: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    request, records, out = accepted(capsys, wd, "explanation"), tmp_path / "decisions.jsonl", tmp_path / "why.zip"
    assert "The request is partial. No evidence yet: explanations." in told(capsys, wd, "work", request)
    assert "No list was explained yet" in told(capsys, wd, "export", request, "--out", str(out), status=1)
    records.write_bytes(explained())
    given = ("--out", str(out), "--explanations", str(records))
    assert "not registered here and was not given" in told(capsys, wd, "export", request, *given, status=1)
    assert not out.exists()
    first = json.loads(records.read_bytes().splitlines()[0])["items"][0]["item"]
    (wd / "films.csv").write_text(f"ID,NAME,tags\n{first},A film of another name,all\n", encoding="utf-8")
    titles = ("--items", str(wd / "films.csv"), "--item-columns", "item=ID", "title=NAME")
    told(capsys, wd, "export", request, *given, "--bundle", str(sample_folder()), "--language", "de", *titles)
    with zipfile.ZipFile(out) as file:
        page = file.read("explanations/lists.html").decode()
        assert 'lang="de"' in page
        assert "A film of another name" in page
    assert "is closed" in told(capsys, wd, "close", request)


def test_why_there_is_no_explanation_is_not_taken(wd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = accepted(capsys, wd, "explanation")
    told(capsys, wd, "work", request)
    assert "needs 'evidence'" in told(capsys, wd, "act", request, "no-records", "--reason", "none kept", status=1)
    said = told(capsys, wd, "act", request, "no-records", "--reason", "none kept", "--evidence", "mail of today")
    assert "is completed" in said
    assert "copy was not made yet" in told(capsys, wd, "close", request, status=1)


def test_identity_is_settled_without_the_registered_check(
    wd: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = told(capsys, wd, "open", "erasure", "--under", "gdpr", "--person", "user-000017")
    request = re.findall(r"Request ([0-9a-f]{32})", said)[0]
    offered = tmp_path / "offered.json"
    offered.write_text(f'{{"token": "{TOKEN}"}}')
    given = ("act", request, "identify", "--offered")
    assert "no check of identity is registered" in told(capsys, wd, *given, str(offered), status=1)
    settings = (wd / FILE).read_text(encoding="utf-8")
    check = "[compliance]\nidentify = 'tests.server.compliance.requests.test_identity:by_token'\n"
    (wd / FILE).write_text(settings.replace("\n[[compliance.tables]]", f"\n{check}[[compliance.tables]]"), "utf-8")
    assert "--offered is for identify" in told(
        capsys, wd, "act", request, "accept", "--offered", str(offered), status=1
    )
    (tmp_path / "broken.json").write_text("token")
    assert "is not JSON of names and texts" in told(capsys, wd, *given, str(tmp_path / "broken.json"), status=1)
    assert "cannot be read" in told(capsys, wd, *given, str(tmp_path / "none.json"), status=1)
    assert "is identified" in told(capsys, wd, *given, str(offered))
    assert TOKEN not in told(capsys, wd, "show", request)


def test_an_id_is_broken_or_a_request_is_on_no_page(
    wd: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for person in ("user-000017", "user-000018", "user-000019"):
        told(capsys, wd, "open", "rectification", "--under", "gdpr", "--person", person)
    first = told(capsys, wd, "list", "--limit", "2")
    assert re.search(r"[0-9a-f]{32} rectification gdpr +received +\d{4}-\d{2}-\d{2} +\d\d *\n", first)
    place = re.findall(r"--after (\S+)", first)[0]
    rest = told(capsys, wd, "list", "--limit", "2", "--after", place)
    ids = [*re.findall(r"\b[0-9a-f]{32}\b", first.partition("There are more")[0])]
    ids += re.findall(r"\b[0-9a-f]{32}\b", rest)
    assert (len(ids), len(set(ids)), "--after" in rest) == (3, 3, False)
    whole = json.loads(told(capsys, wd, "list", "--json"))
    assert ([each["id"] for each in whole["requests"]], whole["after"]) == (ids, None)
    for wrong, problem in ((("--after", "x"), "no place in the queue"), (("--limit", "0"), "no number of requests")):
        with pytest.raises(SystemExit):
            main(["request", "list", "--in", str(wd), *wrong])
        assert problem in capsys.readouterr().err
    assert ids[0] in told(capsys, wd, "show", ids[0])
