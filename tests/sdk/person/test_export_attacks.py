import hashlib
import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import ExportError, ExportSchemaError
from homespun.person.export import directory, read_export
from homespun.person.export import members as members_module
from homespun.protocol.export import MAX_FILE_SIZE, section_head
from tests.sdk.person.export_contents import EVENTS, exported, members, patched_directory, rewritten, zipped


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("original"))


@pytest.fixture
def files(original: Path) -> dict[str, bytes]:
    return members(original)


def refused(path: Path, match: str | None = None) -> None:
    with pytest.raises(ExportError, match=match):
        read_export(path)


def test_a_rewritten_export_that_agrees_with_its_manifest_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    """So that the attacks below are refused for what they do, and not for how they are written."""
    assert read_export(rewritten(tmp_path / "e.zip", files)).events == EVENTS


@pytest.mark.parametrize("name", ["data/events.json", "data/consents.json", "schema/events.json", "index.html"])
def test_a_file_was_changed_behind_the_manifest(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    path = tmp_path / "e.zip"
    files[name] = files[name].replace(b"e", b"E", 1)
    path.write_bytes(zipped(files))
    refused(path, "not the file of the manifest")


def test_a_file_was_added_behind_the_manifest(tmp_path: Path, files: dict[str, bytes]) -> None:
    refused(rewritten(tmp_path / "e.zip", {**files, "data/more.json": b"{}"}), "not those of its manifest")


@pytest.mark.parametrize("name", ["data/events.json", "index.html", "schema/section.json"])
def test_a_file_was_taken_out_behind_the_manifest(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    del files[name]
    refused(rewritten(tmp_path / "e.zip", files), "not those of its manifest")


@pytest.mark.parametrize("name", ["data/events.json", "data/attributes.json", "data/controls.json"])
def test_a_section_is_missing_from_the_manifest_too(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    said = json.loads(files["manifest.json"])["files"]
    del files[name]
    kept = {"files": [file for file in said if file["name"] != name]}
    path = tmp_path / "e.zip"
    path.write_bytes(zipped({**files, "manifest.json": json.dumps(json.loads(files["manifest.json"]) | kept).encode()}))
    refused(path, "it has no data/")


@pytest.mark.parametrize(
    "name", ["../../evil.json", "/etc/passwd", "data/../x.json", "C:\\x.json", "data/Events.json", "data/a/b.json"]
)
def test_a_name_leads_out_of_the_export(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    manifest = json.loads(files["manifest.json"])
    manifest["files"].append({"name": name, "category": "schema", "size": 0, "sha256": "0" * 64, "rows": None})
    path = tmp_path / "e.zip"
    path.write_bytes(zipped({**files, "manifest.json": json.dumps(manifest).encode(), name: b""}))
    refused(path)
    assert sorted(tmp_path.iterdir()) == [path]


def test_two_files_have_the_same_name(tmp_path: Path, files: dict[str, bytes]) -> None:
    data = zipped({**files, "data/evenus.json": files["data/events.json"]})
    path = tmp_path / "e.zip"
    path.write_bytes(data.replace(b"data/evenus.json", b"data/events.json"))
    refused(path, "same name")


def test_the_manifest_names_a_file_twice(tmp_path: Path, files: dict[str, bytes]) -> None:
    said = json.loads(files["manifest.json"])
    said["files"].append(said["files"][0])
    path = tmp_path / "e.zip"
    path.write_bytes(zipped({**files, "manifest.json": json.dumps(said).encode()}))
    refused(path, "not those of its manifest")


def test_a_small_file_unpacks_to_all_memory(tmp_path: Path, files: dict[str, bytes]) -> None:
    path = tmp_path / "e.zip"
    files["data/events.json"] = bytes(directory.FREE_SIZE + 1)
    rewritten(path, files)
    assert path.stat().st_size < 100_000
    refused(path, "unpacks to")


def test_a_file_says_that_it_is_larger_than_allowed(tmp_path: Path, original: Path) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(patched_directory(original.read_bytes(), "data/events.json", 24, "<L", MAX_FILE_SIZE + 1))
    refused(path, "unpacks to")


def test_a_file_unpacks_to_more_than_it_says(tmp_path: Path, files: dict[str, bytes]) -> None:
    files["data/events.json"] = bytes(directory.FREE_SIZE + 1)
    path = rewritten(tmp_path / "e.zip", files)
    path.write_bytes(patched_directory(path.read_bytes(), "data/events.json", 24, "<L", 100))
    refused(path)


def test_many_files_unpack_to_more_than_allowed_together(tmp_path: Path, original: Path) -> None:
    data = original.read_bytes()
    for name in ("data/events.json", "data/consents.json", "data/controls.json", "index.html", "manifest.json"):
        data = patched_directory(data, name, 24, "<L", MAX_FILE_SIZE)
    path = tmp_path / "e.zip"
    path.write_bytes(data)
    refused(path, "its files have more than")


def test_two_files_lie_over_each_other(tmp_path: Path, original: Path) -> None:
    data = original.read_bytes()
    with zipfile.ZipFile(original) as archive:
        at = archive.getinfo("data/events.json").header_offset
    path = tmp_path / "e.zip"
    path.write_bytes(patched_directory(data, "data/controls.json", 42, "<L", at))
    refused(path, "over each other")


def test_a_file_lies_over_the_directory(tmp_path: Path, original: Path) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(patched_directory(original.read_bytes(), "manifest.json", 20, "<L", 1 << 20))
    refused(path, "directory")


def test_a_directory_has_a_million_entries(tmp_path: Path) -> None:
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    path = tmp_path / "e.zip"
    for entries, count in ((entry * 200_000, 0xFFFF), (entry * 200_000, 1), (entry * 500, 500)):
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries), 0, 0)
        path.write_bytes(entries + end)
        refused(path, "bytes of directory")


def test_a_second_directory_for_large_files_is_believed(tmp_path: Path, original: Path) -> None:
    data = original.read_bytes()
    end = len(data) - 22
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    path = tmp_path / "e.zip"
    path.write_bytes(data[:end] + large + locator + data[end:])
    refused(path)
    before = data[end - 20 : end]
    path.write_bytes(data.replace(before, locator))
    refused(path, "does not end as a zip file does")


@pytest.mark.parametrize("where", ["before", "behind", "comment"])
def test_something_is_hidden_around_the_zip_file(tmp_path: Path, original: Path, where: str) -> None:
    data = original.read_bytes()
    changed = {
        "before": b"#!/bin/sh\n" + data,
        "behind": data + b"more",
        "comment": data[:-2] + b"\4\0more",
    }[where]
    path = tmp_path / "e.zip"
    path.write_bytes(changed)
    refused(path)


def test_a_file_is_packed_in_another_way(tmp_path: Path, files: dict[str, bytes], original: Path) -> None:
    path = tmp_path / "e.zip"
    for compression in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path.write_bytes(zipped(files, compression))
        refused(path, "packed in a way")
    path.write_bytes(patched_directory(original.read_bytes(), "data/events.json", 8, "<H", 1))
    refused(path, "packed in a way")
    path.write_bytes(zipped(files, zipfile.ZIP_STORED))
    assert read_export(path).events == EVENTS


def test_the_sum_of_a_file_does_not_fit(tmp_path: Path, original: Path) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(patched_directory(original.read_bytes(), "data/events.json", 16, "<L", 12345))
    refused(path, "CRC")


@pytest.mark.parametrize(
    ("manifest", "error"),
    [
        ({"schema": 2}, ExportSchemaError),
        ({"schema": 0}, ExportSchemaError),
        ({"schema": "1"}, ExportError),
        ({"format": "other"}, ExportError),
        ({"profile": "../../x"}, ExportError),
        ({"profile": None}, ExportError),
        ({"made": "now"}, ExportError),
        ({"more": 1}, ExportError),
        ({"files": []}, ExportError),
        ({"bundle": {"id": "a" * 1000, "name": ""}}, ExportError),
        ({"bundle": {"id": "a"}}, ExportError),
    ],
)
def test_a_manifest_is_not_one(
    tmp_path: Path, files: dict[str, bytes], manifest: dict[str, Any], error: type[ExportError]
) -> None:
    path = rewritten(tmp_path / "e.zip", files, manifest=manifest)
    with pytest.raises(ExportError) as caught:
        read_export(path)
    assert type(caught.value) is error


@pytest.mark.parametrize("data", [b"", b"null", b"[" * 100_000, b"\xff", b" " * 100_000, b'{"format":1e999}'])
def test_the_manifest_is_not_even_one_of_another_version(tmp_path: Path, files: dict[str, bytes], data: bytes) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(zipped({**files, "manifest.json": data}))
    refused(path, r"manifest")
    del files["manifest.json"]
    path.write_bytes(zipped(files))
    refused(path, r"manifest\.json")


EVENTS_HEAD = section_head("events", "observed", "events")
EVENT = b'{"item":"a","kind":"view"}'


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (EVENTS_HEAD + EVENT + b"\n]}\n", 2),
        (EVENTS_HEAD + EVENT + b"\n]}\n", 0),
        (EVENTS_HEAD + EVENT + b"\n]}\n", None),
        (EVENTS_HEAD + EVENT + b"\n", 1),
        (EVENTS_HEAD + EVENT, 1),
        (EVENTS_HEAD + EVENT + b"\n]}\n" + EVENT, 1),
        (EVENTS_HEAD + EVENT + b"," + EVENT + b"\n]}\n", 1),
        (EVENTS_HEAD + b"\n]}\n", 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"view","more":1}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"","kind":"view"}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"\\u202e","kind":"view"}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"VIEW"}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"view","time":-1}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"view","time":1e999}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"view","weight":NaN}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"view","context":{"a":[1]}}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"view","context":{"a":"\\ud800"}}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"view","id":""}\n]}\n', 1),
        (EVENTS_HEAD + b'{"item":"a","kind":"view","context":' + b"[" * 100_000 + b"\n]}\n", 1),
        (EVENTS_HEAD + b"\xff\n]}\n", 1),
        (EVENTS_HEAD + b" " * (5 << 20) + EVENT + b"\n]}\n", 1),
        (EVENTS_HEAD.replace(b"observed", b"provided") + EVENT + b"\n]}\n", 1),
        (EVENTS_HEAD.replace(b'"schema":1', b'"schema":2') + EVENT + b"\n]}\n", 1),
        (b"", 0),
        (b"[]", 0),
    ],
)
def test_the_events_are_not_laid_out_as_homespun_does(
    tmp_path: Path, files: dict[str, bytes], data: bytes, rows: int | None
) -> None:
    said = json.loads(files["manifest.json"])
    for file in said["files"]:
        if file["name"] == "data/events.json":
            file["rows"] = rows
    files["data/events.json"] = data
    refused(rewritten(tmp_path / "e.zip", files, manifest={"files": with_hashes(said, files)}))


def with_hashes(said: dict[str, Any], files: dict[str, bytes]) -> list[dict[str, Any]]:
    return [
        file | {"size": len(files[file["name"]]), "sha256": hashlib.sha256(files[file["name"]]).hexdigest()}
        for file in said["files"]
    ]


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("attributes", b'{"name":"language","value":"de"}'),
        ("attributes", b'{"name":"x"}'),
        ("attributes", b'{"name":5,"value":1}'),
        ("controls", b"[]"),
        ("controls", b'{"schema":1,"sequence":9,"time":1,"control":"erase_disk","value":true}'),
        ("controls", b'{"schema":1,"sequence":9,"time":1,"control":"interest","target":"a","value":7}'),
        ("controls", b'{"schema":1,"sequence":0,"time":1,"control":"pause","value":true}'),
        ("controls", b'{"schema":1,"sequence":9,"time":1,"control":"pause","value":true,"more":1}'),
        ("controls", b"{}"),
    ],
)
def test_a_row_was_slipped_in_that_no_profile_may_hold(
    tmp_path: Path, files: dict[str, bytes], name: str, row: bytes
) -> None:
    said = json.loads(files["manifest.json"])
    for file in said["files"]:
        if file["name"] == f"data/{name}.json":
            file["rows"] += 1
    files[f"data/{name}.json"] = files[f"data/{name}.json"].replace(b"\n]}\n", b",\n" + row + b"\n]}\n")
    refused(rewritten(tmp_path / "e.zip", files, manifest={"files": with_hashes(said, files)}), "export")


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\5\6" + bytes(18), b"\0" * 1000, b"homespun sealed\n", b"PK\3\4" * 100]
)
def test_something_that_is_no_export_is_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "e.zip"
    path.write_bytes(data)
    refused(path)


def test_something_that_is_no_file_is_read(tmp_path: Path) -> None:
    refused(tmp_path, "folder")
    with pytest.raises(FileNotFoundError):
        read_export(tmp_path / "missing")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", "pipe")


def test_a_file_is_too_large_to_be_looked_at(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_module, "MAX_EXPORT_SIZE", original.stat().st_size - 1)
    refused(original, "bytes")


@given(st.data())
def test_a_damaged_export_does_something_else_than_being_refused(
    tmp_path_factory: pytest.TempPathFactory, original: Path, data: st.DataObject
) -> None:
    changed = bytearray(original.read_bytes())
    # Where the zip file's own structure is, changes tell more than inside of packed data.
    near_end = st.integers(len(changed) - 2500, len(changed) - 1)
    for position in data.draw(st.lists(near_end | st.integers(0, len(changed) - 1), min_size=1, max_size=4)):
        changed[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([0, 0, 0, 1, 30, 1000]))
    path = tmp_path_factory.mktemp("damaged") / "e.zip"
    path.write_bytes(changed[: len(changed) - cut])
    try:
        read = read_export(path)
    except ExportError:
        return
    assert read.events == EVENTS


def test_a_directory_of_an_export_is_read_before_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(directory, "ZipFile", opened)
    with pytest.raises(ExportError):
        directory.open_directory(io.BytesIO(b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)))
