"""A bundle is written whole or not at all, over nothing but a bundle, the same every time."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.bundle import CARD_DATA, CARD_TEXT, FILES, MANIFEST, Manifest
from homespun_server.errors import OutputError
from homespun_server.publishing import bundle as module
from homespun_server.publishing.bundle import MAX_HISTORY, check_replaceable
from tests.server.publishing.support import NOON, contents, description_of, model_of, publish


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.txt": "three years of work"},
        {"manifest.json": '{"name": "a web page"}', "index.html": "<html>"},
        {"propose.onnx": "a model without a manifest"},
        {".hidden": ""},
        {"sub/manifest.json": "{}"},
    ],
)
def test_a_folder_of_something_else_is_replaced(files: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="is not a bundle"):
        publish(folder)
    assert contents(tmp_path) == before


def test_a_file_is_replaced_or_written_below(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept", encoding="utf-8")
    for folder in (file, file / "bundle", file / "deep" / "bundle"):
        with pytest.raises(OutputError, match="is not a folder"):
            publish(folder)
    assert contents(tmp_path) == {"file": b"kept"}


def test_a_relative_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (Path("bundle"), Path("deep/bundle"), Path("bundle")):
        publish(folder)
        Bundle.open(folder).close()


def test_an_old_bundle_is_mixed_with_the_new_one(tmp_path: Path) -> None:
    publish(tmp_path / "bundle", model_of(30))
    manifest = publish(tmp_path / "bundle", model_of(8))
    assert sorted(contents(tmp_path)) == sorted(f"bundle/{name}" for name in (MANIFEST, *FILES))
    opened = Bundle.open(tmp_path / "bundle")
    opened.close()
    assert opened.manifest == manifest
    assert manifest.items == 8


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    publish(tmp_path / "bundle")
    check_replaceable(tmp_path / "bundle")
    Bundle.open(tmp_path / "bundle").close()


@pytest.mark.parametrize("step", ["write_model", "write_catalogue", "_card", "_file_entry"])
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device"), RuntimeError("bug")])
def test_a_failure_half_way_destroys_the_old_bundle(
    step: str, failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "bundle", model_of(8))
    before = contents(tmp_path)

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(module, step, fail)
    expected = OutputError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected):
        publish(tmp_path / "bundle", model_of(9))
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("refused", [1, 2])
def test_a_failure_while_exchanging_loses_both_bundles(
    refused: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "bundle", model_of(8))
    before = contents(tmp_path)
    calls = 0
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == refused:
            raise PermissionError(13, "somebody holds a file open")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="left alone"):
        publish(tmp_path / "bundle", model_of(9))
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_the_same_model_makes_other_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        publish(tmp_path / name)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_the_date_changes_more_than_the_date(tmp_path: Path) -> None:
    publish(tmp_path / "first")
    publish(tmp_path / "second", description=description_of(created=NOON + timedelta(days=1)))
    first, second = contents(tmp_path / "first"), contents(tmp_path / "second")
    assert {name for name in first if first[name] != second[name]} == {MANIFEST, CARD_DATA, CARD_TEXT}


def test_a_time_of_elsewhere_is_stated_as_utc(tmp_path: Path) -> None:
    elsewhere = datetime(2025, 3, 1, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    manifest = publish(tmp_path / "bundle", description=description_of(created=elsewhere))
    assert manifest.created == "2025-03-01T12:00:00+00:00"


GOLDEN = {
    "schema": 1,
    "contract": 1,
    "name": "tiny",
    "created": "2025-03-01T12:00:00+00:00",
    "items": 12,
    "components": [
        {"name": "collaborative", "dimensions": 6, "weight": "1"},
        {"name": "content", "dimensions": 4, "weight": "0.25"},
    ],
    "history": {
        "min_weight": "3.5",
        "max_items": MAX_HISTORY,
        "negative_kinds": ["dislike", "dismiss", "hide", "skip"],
    },
    "privacy": {
        "kind": "no_personal_data",
        "unit": None,
        "neighbours": None,
        "epsilon": None,
        "delta": None,
        "rho": None,
        "releases": [],
        "statement": "Made from the catalogue alone. No data about people was used.",
    },
}


def test_the_manifest_of_a_known_bundle_changes(tmp_path: Path) -> None:
    manifest = publish(tmp_path / "bundle", description=description_of(min_weight=3.5))
    raw = (tmp_path / "bundle" / MANIFEST).read_bytes()
    stated = json.loads(raw)
    files = stated.pop("files")
    assert stated == GOLDEN
    assert list(stated) == list(GOLDEN)
    assert set(files) == set(FILES)
    assert msgspec.json.decode(raw, type=Manifest) == manifest


def test_the_card_says_something_else_than_the_manifest(tmp_path: Path) -> None:
    publish(tmp_path / "bundle", description=description_of(min_weight=3.5))
    card = json.loads((tmp_path / "bundle" / CARD_DATA).read_bytes())
    for field in ("name", "created", "items", "components", "history", "privacy"):
        assert card[field] == GOLDEN[field]
    text = (tmp_path / "bundle" / CARD_TEXT).read_bytes().decode()
    assert "\r" not in text
    assert text.startswith("# tiny\n\nMade 2025-03-01T12:00:00+00:00. 12 items")
    assert "- content: 4 dimensions, weight 0.25" in text
    assert "## What was counted\n\nNothing." in text
