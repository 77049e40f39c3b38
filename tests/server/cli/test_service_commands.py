"""A working directory could be made over another, half, or by surprise; a token shown twice; a draft lost."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from homespun_server import cli
from homespun_server.cli import init
from homespun_server.publishing import directory
from homespun_server.publishing.directory import open_repository
from homespun_server.publishing.repository import KeyStore
from homespun_server.settings import DATABASE_VARIABLE, PASSPHRASE_VARIABLE, read_settings
from homespun_server.store import AuditLog, Tokens, open_store
from tests.server.api.support import CHEAP, PASSPHRASE, bundle_of


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let keys cost little, and the passphrase be given."""

    def store(*arguments: Any, **named: Any) -> KeyStore:
        return KeyStore(*arguments, costs=CHEAP, **named)

    monkeypatch.setattr(directory, "KeyStore", store)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)


def run(*arguments: object) -> int:
    return cli.main([str(each) for each in arguments])


def words(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "wd"
    assert run("init", folder) == 0
    capsys.readouterr()
    return folder


def test_a_directory_cannot_be_worked_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "wd"
    assert run("init", folder, "--application", "songs", "--stages", "beta,canary,production") == 0
    told = capsys.readouterr().out
    settings = read_settings(folder, {PASSPHRASE_VARIABLE: PASSPHRASE})
    assert settings.channels == ("songs/beta", "songs/canary", "songs/production")
    repository = open_repository(settings)
    assert repository.channels() == settings.channels
    repository.check()
    repository.refresh()
    (secret,) = re.findall(r"hsp_\S+", told)
    with open_store(settings.store, create=False) as store:
        assert Tokens(store).check(secret).role == "operator"
        assert [entry.who for entry in AuditLog(store).entries()] == ["command init"]
    assert {path.name for path in folder.iterdir()} >= {
        "homespun.toml",
        "store.sqlite",
        "keys",
        "repository",
        "bundles",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["wd"]
    for path in folder.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes()
            assert PASSPHRASE.encode() not in path.read_bytes()


def test_a_directory_is_made_over_another(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "note.txt").write_text("mine", encoding="utf-8")
    for folder in (place, notes, notes / "note.txt"):
        assert run("init", folder) == 1
        assert "left alone" in words(capsys)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run("init", empty) == 0


def test_a_directory_is_left_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(init, "open_store", full)
    assert run("init", tmp_path / "wd") == 1
    assert "No space left" in words(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [("--application", "Films"), ("--application", "../x"), ("--stages", ""), ("--stages", "a,a"), ("--stages", "a b")],
)
def test_a_name_that_no_channel_has_is_taken(
    tmp_path: Path, options: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("init", tmp_path / "wd", *options) == 1
    assert list(tmp_path.iterdir()) == []
    assert "the options" in words(capsys)


def test_keys_are_made_without_a_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    assert run("init", tmp_path / "wd") == 1
    assert PASSPHRASE_VARIABLE in words(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_listed_with_itself_or_opens_after_it_was_revoked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("tokens", "create", "--in", place, "--role", "auditor", "--days", 3, "--note", "for a tool") == 0
    told = capsys.readouterr().out
    (secret,) = re.findall(r"hsp_\S+", told)
    found = re.search(r"The token ([0-9a-f]{16})", told)
    assert found is not None
    assert run("tokens", "list", "--in", place) == 0
    listed = words(capsys)
    assert found[1] in listed
    assert "hsp_" not in listed
    assert run("tokens", "revoke", found[1], "--in", place) == 0
    assert "refused since" in words(capsys)
    assert run("tokens", "revoke", "0" * 16, "--in", place) == 1
    with open_store(place / "store.sqlite", create=False) as store:
        assert sorted(token.revoked is None for token in Tokens(store).tokens()) == [False, True]
        assert [entry.action for entry in AuditLog(store).entries()] == ["create-token", "create-token", "revoke-token"]
    assert secret not in listed


@pytest.mark.parametrize("days", ["0", "-1", "3651", "soon"])
def test_a_token_for_no_time_or_for_ever_is_made(place: Path, days: str) -> None:
    with pytest.raises(SystemExit) as ending:
        run("tokens", "create", "--in", place, "--role", "auditor", "--days", days)
    assert ending.value.code == 2


def test_the_registry_shows_another_bundle_than_it_has(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        made = bundle_of(tmp_path / str(number), number)
        assert run("registry", "add", made, "--in", place, "--note", f"number {number}") == 0
    assert "tiny@2 is registered" in words(capsys)
    assert run("registry", "show", "tiny@1", "--in", place) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["version"]["note"], shown["version"]["stage"]) == ("number 1", "draft")
    assert run("registry", "move", "tiny@1", "canary", "--why", "to try", "--in", place) == 0
    assert run("registry", "list", "--in", place, "--stage", "canary") == 0
    listed = words(capsys)
    assert shown["version"]["id"][:12] in listed
    assert "number 2" not in listed
    assert run("registry", "compare", "tiny@1", "tiny@2", "--in", place) == 0
    assert "0 new, 0 gone" in words(capsys)
    assert run("registry", "compare", "tiny@1", "tiny@2", "--json", "--in", place) == 0
    assert json.loads(capsys.readouterr().out)["before"]["id"] == shown["version"]["id"]
    assert run("registry", "delete", "tiny@1", "--in", place) == 1
    assert "only drafts" in words(capsys)
    assert run("registry", "delete", "tiny@2", "--in", place) == 0
    assert run("registry", "show", "tiny@2", "--in", place) == 1
    with open_store(place / "store.sqlite", create=False) as store:
        actions = [entry.action for entry in AuditLog(store).entries()][1:]
    assert actions == ["add-bundle", "add-bundle", "move-stage", "delete-bundle"]


@pytest.mark.parametrize("command", ["tokens list", "registry list", "serve"])
def test_a_folder_that_is_no_working_directory_becomes_one(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command.split(), "--in", tmp_path) == 1
    assert "no working directory" in words(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("schema = 2", "schema"),
        ("", "schema"),
        ("schema = 1\napplication = 1\nstages = ['a']", "application"),
        ("schema = 1\napplication = 'films'\nstages = []", "stages"),
        ("schema = 1\napplication = 'films'\nstages = ['a', 'a']", "once each"),
        ("schema = 1\napplication = 'films'\nstages = ['A']", "not the name of a channel"),
        ("schema = 1\napplication = 'films'\nstages = ['a']\nport = 1", "port"),
        ("schema = 1\napplication = 'films'\nstages = ['a']\n[service]\ntoken_rate = 0", "token_rate"),
        ("schema = 1\napplication = 'films'\nstages = ['a']\n[service]\nmax_bodi = 1", "max_bodi"),
        ("schema = ", "cannot be read"),
    ],
)
def test_settings_that_cannot_be_are_taken(
    place: Path, wrong: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "homespun.toml").write_text(wrong, encoding="utf-8")
    assert run("tokens", "list", "--in", place) == 1
    assert told in words(capsys)


def test_a_secret_is_in_the_settings_representation(place: Path) -> None:
    environment = {PASSPHRASE_VARIABLE: "geheim-1", DATABASE_VARIABLE: "postgresql://u:geheim-2@h/d"}
    settings = read_settings(place, environment)
    assert (settings.passphrase, settings.store) == ("geheim-1", "postgresql://u:geheim-2@h/d")
    assert "geheim" not in repr(settings)
    assert read_settings(place, {}).store == str(place / "store.sqlite")
