"""An account that is made by command does not open the pages, opens them too easily, or cannot be taken away."""

from pathlib import Path

import pytest

from homespun_server import cli
from homespun_server.console.accounts import Accounts
from homespun_server.settings import ServerSettings
from homespun_server.store import AuditLog
from tests.server.api.support import store_of

PASSWORD = "four quiet wooden lamps"  # noqa: S105 - opens nothing that matters


def run(*arguments: object) -> int:
    return cli.main(["console", "account", *map(str, arguments)])


def words(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n", encoding="utf-8")
    return path


def test_an_account_is_not_made_listed_or_taken_away(
    directory: ServerSettings, secret: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--in", directory.folder)
    assert run("create", "ada", "--role", "compliance", "--password-file", secret, *where) == 0
    assert PASSWORD not in words(capsys)
    assert run("list", *where) == 0
    listed = words(capsys)
    assert "ada compliance" in listed
    assert "argon2" not in listed
    with store_of(directory) as store:
        assert Accounts(store).matching("ada", PASSWORD) is not None
    assert run("create", "ada", "--role", "operator", "--password-file", secret, *where) == 1
    assert "a name is not used twice" in words(capsys)
    other = tmp_path / "other"
    other.write_text("four other wooden lamps", encoding="utf-8")
    assert run("password", "ada", "--password-file", other, *where) == 0
    assert run("disable", "ada", *where) == 0
    assert run("disable", "nobody", *where) == 1
    with store_of(directory) as store:
        assert Accounts(store).matching("ada", "four other wooden lamps") is None
        (account,) = Accounts(store).accounts()
        actions = [each.action for each in AuditLog(store).entries() if each.subject == "ada"]
    assert account.disabled is not None
    assert actions == ["create-account", "set-password", "disable-account"]


@pytest.mark.parametrize("text", ["short", "", "x" * 2000])
def test_a_password_is_short_or_no_password(
    directory: ServerSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "password"
    path.write_text(text, encoding="utf-8")
    assert run("create", "ada", "--role", "auditor", "--password-file", path, "--in", directory.folder) == 1
    assert "a password has at least" in words(capsys)


@pytest.mark.parametrize("name", ["Ada", "a", "ada lovelace", "<b>", "-ada", "a" * 41, "ada\n"])
def test_a_name_is_none(directory: ServerSettings, secret: Path, name: str) -> None:
    assert run("create", "--role", "auditor", "--password-file", secret, "--in", directory.folder, "--", name) == 1


def test_a_password_is_asked_for_where_nobody_is(directory: ServerSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("create", "ada", "--role", "auditor", "--in", directory.folder) == 1
    assert "there is no terminal" in words(capsys)
