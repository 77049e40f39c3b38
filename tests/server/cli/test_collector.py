"""What ``collector`` and ``collect`` would do with a wrong directory, key or token; and what they write."""

from pathlib import Path

import msgspec
import pytest

from homespun.protocol.collection.task import encode_task, parse_universe
from homespun.protocol.statistics.declaration import Statistic
from homespun_server.cli import main
from homespun_server.collection.collector import KEY_FILE, collector_public, make_collector, open_collector
from homespun_server.errors import SigningKeyError
from homespun_server.passphrase import KeyCosts
from homespun_server.settings import PASSPHRASE_VARIABLE
from tests.sdk.protocol.collection.support import task
from tests.server.support import catalogue, write_items

PASSPHRASE = "a passphrase of a test"  # noqa: S105 - a test's
CHEAP = KeyCosts(memory_kib=8 * 1024, iterations=1, lanes=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, PASSPHRASE)
    make_collector(tmp_path / "collector", PASSPHRASE.encode(), costs=CHEAP)
    return tmp_path / "collector"


def test_a_key_is_replaced_or_made_without_a_passphrase(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / KEY_FILE).read_bytes()
    assert main(["collector", "init", str(folder)]) == 1
    assert "it was left alone" in " ".join(capsys.readouterr().err.split())
    assert (folder / KEY_FILE).read_bytes() == before
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    assert main(["collector", "init", str(folder.parent / "other")]) == 1
    assert PASSPHRASE_VARIABLE in capsys.readouterr().err
    assert not (folder.parent / "other").exists()


def test_the_key_that_is_shown_is_another_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collector", "show", "--in", str(folder)]) == 0
    shown = capsys.readouterr().out.strip()
    assert shown == collector_public(folder) == open_collector(folder).public_key().public_bytes_raw().hex()


def test_an_aggregator_s_key_is_opened_as_the_collector_s(folder: Path) -> None:
    path = folder / KEY_FILE
    path.write_bytes(path.read_bytes().replace(b'"collector"', b'"helper"'))
    with pytest.raises(SigningKeyError, match="must not collect"):
        open_collector(folder)
    path.write_bytes(b"{")
    with pytest.raises(SigningKeyError, match="damaged"):
        open_collector(folder)
    path.unlink()
    with pytest.raises(SigningKeyError, match="no collector's directory"):
        open_collector(folder)


def test_a_wrong_passphrase_opens_the_key(folder: Path) -> None:
    with pytest.raises(SigningKeyError, match="does not open"):
        open_collector(folder, "another passphrase")


def test_what_is_asked_first_is_about_other_items(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = catalogue(7)
    table = write_items(folder.parent / "items.csv", items)
    out = folder.parent / "asked"
    assert main(["collector", "next", "--in", str(folder), "--items", str(table), "--out", str(out)]) == 0
    assert "item-counts: 7 numbers." in capsys.readouterr().out
    statistic = msgspec.json.decode((out / "item-counts/statistic.json").read_bytes(), type=Statistic)
    assert list(parse_universe((out / "item-counts/universe.txt").read_bytes(), statistic)) == items.ids


def test_a_task_is_charged_without_a_token(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, token = folder.parent / "task.json", folder.parent / "token"
    path.write_bytes(encode_task(task(collector=collector_public(folder))))
    asked = ["collect", str(path), "--in", str(folder), "--leader-token", str(token)]
    assert main(asked) == 1
    assert "cannot be read" in " ".join(capsys.readouterr().err.split())
    token.write_text("\n", encoding="ascii")
    assert main(asked) == 1
    assert "holds no token" in " ".join(capsys.readouterr().err.split())
    # Neither a ledger nor a release: nothing was charged, and nobody asked.
    assert [each.name for each in folder.iterdir()] == [KEY_FILE]


def test_nothing_was_collected_and_a_model_is_trained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_items(folder.parent / "items.csv", catalogue(7))
    out = folder.parent / "learned"
    assert main(["collector", "train", "--in", str(folder), "--items", str(table), "--out", str(out)]) == 1
    assert "keeps no collected task" in " ".join(capsys.readouterr().err.split())
    assert not out.exists()
