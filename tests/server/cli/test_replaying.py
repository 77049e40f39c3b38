"""A restore brings erased people back, and the next training reads them before anybody erases them again."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from homespun.model.sample import sample_folder
from homespun_server.cli import audit, evaluate, fit, main, refresh, run, simulate, split
from homespun_server.compliance.keys import create_compliance_keys, open_compliance_keys
from homespun_server.compliance.requests.connectors.tables import PEOPLE
from homespun_server.compliance.requests.holding import Holding
from homespun_server.compliance.requests.tombstones import Tombstones
from homespun_server.errors import TrainingError
from homespun_server.settings import FILE, read_settings, settings_text
from homespun_server.store import AuditLog, open_store
from tests.server.api.support import CHEAP, PASSPHRASE

TABLES = '\n[[compliance.tables]]\npath = "people.csv"\n'
PERSON = "user-000017"
TABLE = f"user,item\n{PERSON},a\nuser-000018,b\n"


class Training:
    """Reads the table as a training does, and ends."""

    def __init__(self, table: Path) -> None:
        self.table = table
        self.read: list[str] = []

    def __call__(self, *_: object, **__: object) -> None:
        self.read.append(self.table.read_text())
        raise TrainingError("this is as far as it goes.")


@pytest.fixture
def wd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory where somebody was erased, and a restore brought their rows back."""
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", PASSPHRASE)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    folder = tmp_path / "wd"
    folder.mkdir()
    (folder / FILE).write_text(settings_text("films", ("canary", "production")) + TABLES, encoding="utf-8")
    (folder / "people.csv").write_text(TABLE)
    settings = read_settings(folder)
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP)
    with open_store(settings.store) as store:
        Tombstones(store, open_compliance_keys(settings), folder).add([(PEOPLE, PERSON)])
    return folder


@pytest.fixture
def training(wd: Path, monkeypatch: pytest.MonkeyPatch) -> Training:
    found = Training(wd / "people.csv")
    monkeypatch.setattr(fit, "fit", found)
    monkeypatch.setattr(refresh, "refresh", found)
    monkeypatch.setattr(run, "prepare", found)
    monkeypatch.setattr(run, "read_pipeline", lambda _: SimpleNamespace(publish=None))
    for module in (evaluate, split, audit, simulate):
        monkeypatch.setattr(module, "Interactions", SimpleNamespace(read=found))
    return found


def commands(wd: Path) -> dict[str, list[str]]:
    table, out, bundle = str(wd / "people.csv"), str(wd / "out"), str(sample_folder())
    return {
        "run": ["run", "pipeline.toml", "--in", str(wd)],
        "fit": ["fit", table, "--out", out, "--non-private"],
        "refresh": ["refresh", out, "--interactions", table, "--items", table, "--out", out, "--epsilon", "1"],
        "evaluate": ["evaluate", table, "--bundle", bundle, "--out", out, "--protocol", "leave-last-out"],
        "split": ["split", table, "--out", out, "--protocol", "leave-last-out"],
        "audit membership": ["audit", "membership", table, "--bundle", bundle],
        "simulate": ["simulate", "--interactions", table],
    }


READING = ("run", "fit", "refresh", "evaluate", "split", "audit membership", "simulate")


@pytest.mark.parametrize("command", READING)
def test_a_training_after_a_restore_reads_who_was_erased(wd: Path, training: Training, command: str) -> None:
    assert main(commands(wd)[command]) == 1
    (read,) = training.read
    assert PERSON not in read
    assert "user-000018" in read
    with open_store(read_settings(wd).store) as store:
        last = AuditLog(store).entries()[-1]
    assert (last.who, last.action) == (f"command {command}", "replay-tombstones")


@pytest.mark.parametrize("command", READING)
def test_rows_of_somebody_who_objected_come_back_with_an_export(wd: Path, training: Training, command: str) -> None:
    settings = read_settings(wd)
    with open_store(settings.store) as store:
        Holding(Tombstones(store, open_compliance_keys(settings), wd)).hold("0" * 32, "objection", "user-000018")
    assert main(commands(wd)[command]) == 1
    (read,) = training.read
    assert read == "user,item\n"
    (aside,) = (wd / "compliance" / "set-aside").glob("*.jsonl")
    assert "user-000018" in aside.read_text()


@pytest.mark.parametrize("command", READING)
def test_a_training_goes_on_where_nobody_can_say_who_was_erased(
    wd: Path, training: Training, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HOMESPUN_KEY_PASSPHRASE")
    assert main(commands(wd)[command]) == 1
    assert not training.read
    assert "passphrase" in capsys.readouterr().err


def test_a_training_goes_on_where_a_table_cannot_be_looked_at(
    wd: Path, training: Training, capsys: pytest.CaptureFixture[str]
) -> None:
    (wd / "people.csv").write_text("nobody\n1\n")
    assert main(commands(wd)["run"]) == 1
    assert not training.read
    assert "may be back" in capsys.readouterr().err


def test_a_fit_elsewhere_goes_around_the_working_directory_it_is_told(
    wd: Path, training: Training, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere.csv"
    copy.write_text(TABLE)
    assert main(["fit", str(copy), "--out", str(tmp_path / "out"), "--non-private", "--in", str(wd)]) == 1
    assert PERSON not in training.read[0]


def test_a_training_where_nobody_was_erased_needs_a_passphrase(
    wd: Path, training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wd / "compliance" / "tombstones.log").unlink()
    for path in wd.glob("store.sqlite*"):
        path.unlink()
    monkeypatch.delenv("HOMESPUN_KEY_PASSPHRASE")
    assert main(commands(wd)["fit"]) == 1
    assert len(training.read) == 1


def test_what_a_dry_run_says_changes_tables(wd: Path, training: Training) -> None:
    assert main([*commands(wd)["run"], "--dry-run"]) == 1
    assert PERSON in training.read[0]
