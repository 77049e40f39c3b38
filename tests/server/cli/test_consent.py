"""A command makes keys twice, shows a person without a case, or loses a document's choices on the way."""

import hashlib
import re
from pathlib import Path

import msgspec
import pytest

from homespun.consent import ConsentLedger as Choices
from homespun.consent import Controller, Notice, Purpose, to_27560
from homespun.protocol.consent import ConsentRecord, ShownNotice
from homespun.protocol.consent_report import report_of
from homespun_server.cli import main
from homespun_server.compliance.keys import public_compliance_keys
from homespun_server.compliance.opening import open_compliance
from homespun_server.settings import PASSPHRASE_VARIABLE, ServerSettings, read_settings
from homespun_server.store import AuditLog, open_store
from tests.server.api.support import PASSPHRASE, make_directory

ADA = "ada-5f1c"
CONTROLLER = Controller(
    identifier="https://films.example", name="Films", address="1 Street", contact="a@b.example", jurisdictions=("IE",)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ServerSettings:
    settings = make_directory(tmp_path_factory.mktemp("service") / "wd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
        assert main(["compliance", "init", "--in", str(settings.folder)]) == 0
    return settings


@pytest.fixture
def folder(made: ServerSettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    return made.folder


@pytest.fixture
def case(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """An open request of hers."""
    assert run("request", "open", "access", "--under", "gdpr", "--person", ADA, folder=folder) == 0
    found = re.search(r"[0-9a-f]{32}", capsys.readouterr().out)
    assert found is not None
    return found[0]


@pytest.fixture
def about(case: str) -> tuple[str, ...]:
    return ("--subject", ADA, "--case", case)


def run(*arguments: str, folder: Path) -> int:
    return main([*arguments, "--in", str(folder)])


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """What a device exports."""
    asked = (Purpose.MEASUREMENT, Purpose.PERSONALIZATION)
    choices = Choices()
    choices = choices.extended(choices.grant(*asked, notice=Notice("Ok?"), now=1e9))
    choices = choices.extended(choices.withdraw(Purpose.PERSONALIZATION, now=1e9 + 60))
    path = tmp_path / "consents.json"
    path.write_bytes(msgspec.json.encode(to_27560(choices.records, profile="c" * 32, controller=CONTROLLER)))
    return path


def test_keys_are_made_twice_or_by_a_passphrase_that_is_none(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = public_compliance_keys(read_settings(folder))
    assert run("compliance", "init", folder=folder) == 1
    assert "there already" in " ".join(capsys.readouterr().err.split())
    assert public_compliance_keys(read_settings(folder)) == keys
    assert run("compliance", "status", folder=folder) == 0
    told = capsys.readouterr().out
    assert keys.receipts in told
    assert "reports refused: 0" in told
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    assert run("compliance", "status", folder=folder) == 0
    assert PASSPHRASE_VARIABLE in capsys.readouterr().out
    assert run("consent", "counts", folder=folder) == 1


def test_a_document_loses_something_on_the_way_in_and_out(
    folder: Path, about: tuple[str, ...], document: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run("consent", "import", str(document), *about, folder=folder) == 0
        assert "3 choices" in capsys.readouterr().out
    assert run("consent", "status", *about, folder=folder) == 0
    told = capsys.readouterr().out
    assert "withdrawn" in told
    assert run("consent", "events", *about, folder=folder) == 0
    assert "withdraw" in capsys.readouterr().out
    assert run("consent", "counts", "--since", "2020-01-01", folder=folder) == 0
    told = capsys.readouterr().out
    assert "measurement" in told
    assert ADA not in told
    # Nobody is named in the settings yet.
    assert run("consent", "export", "--out", str(tmp_path / "out.json"), *about, folder=folder) == 1
    assert "compliance.controller" in capsys.readouterr().err


def test_a_look_at_a_person_leaves_no_trace(folder: Path, case: str, about: tuple[str, ...], document: Path) -> None:
    run("consent", "import", str(document), *about, folder=folder)
    run("consent", "events", *about, folder=folder)
    with open_store(read_settings(folder).store) as store:
        found = AuditLog(store).entries()
    assert [(each.action, each.subject) for each in found][-2:] == [
        ("import-consent", case),
        ("read-person", case),
    ]
    assert ADA not in repr(found)


@pytest.mark.parametrize("without", ["--subject", "--case"])
def test_a_person_is_shown_without_a_case(folder: Path, about: tuple[str, ...], without: str) -> None:
    at = about.index(without)
    with pytest.raises(SystemExit):
        run("consent", "status", *about[:at], *about[at + 2 :], folder=folder)


def test_a_case_about_another_opens_a_person(
    folder: Path, case: str, document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("consent", "import", str(document), "--subject", "bob", "--case", case, folder=folder)
    assert run("consent", "events", "--subject", "bob", "--case", case, folder=folder) == 1
    assert "no such case" in capsys.readouterr().err


def test_an_export_replaces_a_file(
    folder: Path, about: tuple[str, ...], document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("consent", "import", str(document), *about, folder=folder)
    toml = folder / "homespun.toml"
    before = toml.read_text(encoding="utf-8")
    toml.write_text(
        f'{before}\n[compliance.controller]\nname = "Films"\naddress = "1 Street"\ncontact = "p@films.example"\n',
        encoding="utf-8",
    )
    try:
        out = document.with_name("out.json")
        assert run("consent", "export", "--out", str(out), *about, folder=folder) == 0
        assert b"mailto:p@films.example" in out.read_bytes()
        assert run("consent", "export", "--out", str(out), *about, folder=folder) == 1
        assert "not there yet" in capsys.readouterr().err
    finally:
        toml.write_text(before, encoding="utf-8")


def test_words_are_registered_as_others_or_without_a_trace(
    folder: Path, about: tuple[str, ...], document: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("consent", "import", str(document), *about, folder=folder) == 0
    assert run("consent", "counts", folder=folder) == 0
    told = capsys.readouterr().out
    assert "registered" in told
    assert "b0195cdd" in told
    words = tmp_path / "notice.txt"
    add = ("consent", "notice", "add", str(words), "--language", "en", "--version", "2025-03")
    # A line's end more is other words.
    words.write_bytes(b"Ok?\n")
    assert run(*add, folder=folder) == 0
    assert "0 choices" in capsys.readouterr().out
    words.write_bytes(b"Ok?")
    for _ in range(2):
        assert run(*add, folder=folder) == 0
        assert re.search(r"^[1-9]\d* choices", capsys.readouterr().out, re.MULTILINE)
    assert run(*add[:-1], "2025-04", folder=folder) == 1
    assert "proof rests on" in capsys.readouterr().err
    assert run("consent", "notice", "list", folder=folder) == 0
    assert "2025-03" in capsys.readouterr().out
    with open_store(read_settings(folder).store) as store:
        last = AuditLog(store).entries()[-1]
    assert (last.action, last.detail) == ("register-notice", {"version": "2025-03", "language": "en"})


@pytest.mark.parametrize("content", [None, b"\xff"], ids=["no file", "no text"])
def test_something_else_than_words_is_registered(
    folder: Path, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = tmp_path / "notice.txt"
    if content is not None:
        words.write_bytes(content)
    add = ("consent", "notice", "add", str(words), "--language", "en", "--version", "1")
    assert run(*add, folder=folder) == 1
    assert "Nothing was kept" in capsys.readouterr().err


def test_it_is_not_told_who_says_it(
    folder: Path, about: tuple[str, ...], document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("consent", "import", str(document), *about, folder=folder)
    for action in ("status", "events"):
        capsys.readouterr()
        assert run("consent", action, *about, folder=folder) == 0
        assert "import" in capsys.readouterr().out


def test_a_strangers_text_is_obeyed_by_the_terminal_or_breaks_the_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = read_settings(folder)
    notice = ShownNotice("", "[red]en", "\x1b[31m9", hashlib.sha256(b"?").hexdigest())
    made = ConsentRecord(
        sequence=1,
        purpose="personalization",
        action="refuse",
        notice=notice,
        surface="[/b]\x1b]0;owned\x07",
        method="[link=x",
        time=1e9,
    )
    with open_store(settings.store) as store:
        compliance = open_compliance(settings, store)
        assert compliance is not None
        compliance.consents.record(report_of(made, subject="bob", known_as="account", source="e" * 32, sdk="1"))
    assert run("request", "open", "access", "--under", "gdpr", "--person", "bob", folder=folder) == 0
    case = re.search(r"[0-9a-f]{32}", capsys.readouterr().out)
    assert case is not None
    assert run("consent", "events", "--subject", "bob", "--case", case[0], folder=folder) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\x07" not in told
    assert "[link=x" in "".join(told.split())
