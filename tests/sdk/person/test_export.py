import json
import os
import stat
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import MisuseError
from homespun.person.export import Contents, Section, archive, read_export, write_export
from homespun.protocol.control_entry import ControlEntry
from homespun.protocol.events import MAX_CONTEXT_NUMBER, MAX_TIME, Event
from homespun.protocol.export import MAX_FILES
from homespun.protocol.records import parse_record
from tests.sdk.person.export_contents import (
    ATTRIBUTES,
    CONTROLS,
    DECISIONS,
    EVENTS,
    TITLES,
    contents,
    exported,
    many,
    members,
    rows_of,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
items = texts.filter(str.isprintable)
values = st.one_of(st.booleans(), texts, st.integers(-MAX_CONTEXT_NUMBER, MAX_CONTEXT_NUMBER), st.floats(-1e9, 1e9))
events = st.builds(
    Event,
    items,
    st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True),
    st.none() | st.floats(0, MAX_TIME),
    st.none() | st.floats(0, allow_infinity=False),
    st.none() | st.dictionaries(texts, values, max_size=4),
    st.none() | items,
)
plain = st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.floats(-1e300, 1e300) | texts
attributes = st.dictionaries(texts, plain | st.lists(plain, max_size=3) | st.dictionaries(texts, plain, max_size=3))
times = st.floats(0, MAX_TIME)
hidden = st.tuples(st.sampled_from(["hide_item", "more_like"]), items, st.booleans())
interests = st.tuples(st.just("interest"), items, st.none() | st.floats(0, 1))


def entries(drawn: list[tuple[float, tuple[Any, Any, Any]]]) -> tuple[ControlEntry, ...]:
    return tuple(
        ControlEntry(sequence=number, time=time, control=control, target=target, value=value)
        for number, (time, (control, target, value)) in enumerate(drawn, 1)
    )


@given(st.lists(events, max_size=8), attributes, st.lists(st.tuples(times, hidden | interests), max_size=5))
def test_something_is_lost_between_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Event], said: dict[str, Any], drawn: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("export") / "export.zip"
    controls = entries(drawn)
    write_export(path, Contents(profile="", made=1.0, events=kept, attributes=said, controls=controls))
    read = read_export(path)
    assert read.events == tuple(kept)
    assert [event.id for event in read.events] == [event.id for event in kept]
    assert read.attributes == said
    assert read.controls == controls
    for before, after in zip(kept, read.events, strict=True):
        assert [type(value) for value in (before.context or {}).values()] == [
            type((after.context or {})[name]) for name in before.context or {}
        ]


def test_an_empty_profile_cannot_be_exported(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    write_export(path, Contents(profile="", made=0))
    read = read_export(path)
    assert (read.events, dict(read.attributes), read.controls) == ((), {}, ())
    assert b"There is nothing of this kind." in members(path)["index.html"]


def test_a_file_does_not_follow_the_schema_beside_it(tmp_path: Path, repository: Path) -> None:
    vectors = repository / "tests" / "vectors" / "1"
    egress = json.loads((vectors / "egress.json").read_text(encoding="utf-8"))
    receipt = json.loads((vectors / "receipt.json").read_text(encoding="utf-8"))["receipt"]
    files = members(exported(tmp_path, changes={"egress": egress, "receipts": [receipt]}))
    checked = 0
    for name, data in files.items():
        if name.startswith("data/"):
            document = json.loads(data)
            schema = json.loads(files[document["$schema"].removeprefix("../")])
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.validate(document, schema, jsonschema.Draft202012Validator)
            checked += 1
    assert checked == 9
    schema = json.loads(files["schema/manifest.json"])
    jsonschema.validate(json.loads(files["manifest.json"]), schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("section", "row"),
    [
        ("events", {"item": "", "kind": "view"}),
        ("events", {"item": "a", "kind": "View"}),
        ("events", {"item": "a", "kind": "view", "secret": 1}),
        ("attributes", {"name": "a"}),
        ("controls", {"schema": 1, "sequence": 0, "control": "pause"}),
        ("interests", {"tag": "a"}),
        ("decisions", {"item": "a"}),
        ("consents", {"schema": 1}),
        ("section", []),
    ],
)
def test_a_schema_lets_anything_pass(repository: Path, section: str, row: Any) -> None:
    folder = repository / "sdk" / "src" / "homespun" / "protocol" / "schemas"
    schema = json.loads((folder / f"export-{section}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row, schema["properties"]["rows"]["items"], jsonschema.Draft202012Validator)


def test_the_manifest_says_something_else_than_the_files_are(tmp_path: Path) -> None:
    path = exported(tmp_path)
    manifest = read_export(path).manifest
    files = members(path)
    assert {file.name for file in manifest.files} == files.keys() - {"manifest.json"}
    assert all(file.size == len(files[file.name]) for file in manifest.files)
    rows = {file.name: file.rows for file in manifest.files if file.rows is not None}
    assert rows["data/events.json"] == len(EVENTS)
    assert rows["data/controls.json"] == len(CONTROLS)
    assert rows["data/attributes.json"] == len(ATTRIBUTES)
    categories = {file.name: file.category for file in manifest.files}
    assert categories["data/attributes.json"] == "provided"
    assert categories["data/events.json"] == "observed"
    assert categories["data/interests.json"] == "inferred"
    assert manifest.profile == "0123456789abcdef" * 2
    assert manifest.bundle is not None
    assert manifest.bundle.id == "b" * 64


def test_a_record_is_not_in_its_file(tmp_path: Path) -> None:
    path = exported(tmp_path)
    assert rows_of("interests", path) == [
        {"tag": "space & time", "weight": 0.25, "inferred": 2 / 3, "edited": True, "events": 2}
    ]
    assert rows_of("consents", path)[0]["notice"]["text"] == "May we <i>remember</i> what you watch?"
    decision = rows_of("decisions", path)[0]
    assert decision["titles"] == [TITLES["film-1"], "film-77"]
    del decision["titles"]
    assert parse_record(json.dumps(decision)) == DECISIONS[0]
    assert [row["undone"] for row in rows_of("controls", path)] == [True, False, False, False]
    assert rows_of("kept-values", path)[0]["text"] == "kept by another store"
    assert rows_of("events", path)[1]["item"] == "映画-2"


def test_two_exports_of_the_same_contents_differ(tmp_path: Path) -> None:
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths.append(exported(tmp_path / name))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_zip_file_says_when_and_where_it_was_made_instead_of_when_the_profile_was(tmp_path: Path) -> None:
    with zipfile.ZipFile(exported(tmp_path)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
        assert {(info.create_system, info.external_attr >> 16) for info in archive.infolist()} == {(3, 0o100600)}
        assert archive.testzip() is None


@pytest.mark.parametrize("made", [0.0, MAX_TIME])
def test_a_clock_that_is_wrong_prevents_an_export(tmp_path: Path, made: float) -> None:
    assert read_export(exported(tmp_path, changes={"made": made})).manifest.made == made


def test_many_events_need_much_memory(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    tracemalloc.start()
    try:
        write_export(path, Contents(profile="", made=1.0, events=many(20_000)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
    read = read_export(path)
    assert read.events == tuple(many(20_000))


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no mode")
def test_somebody_else_on_the_machine_reads_the_export(tmp_path: Path) -> None:
    assert stat.S_IMODE(exported(tmp_path).stat().st_mode) == 0o600


def test_an_export_replaces_a_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(b"mine")
    with pytest.raises(MisuseError, match="overwrite"):
        exported(tmp_path)
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]
    exported(tmp_path, overwrite=True)
    assert read_export(path).events == EVENTS


def test_an_export_replaces_a_file_that_came_while_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"

    def meanwhile() -> Any:
        path.write_bytes(b"mine")
        yield EVENTS[0]

    with pytest.raises(MisuseError, match="exists"):
        write_export(path, contents(events=meanwhile()))
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


class DiskFullError(OSError):
    pass


@pytest.mark.parametrize("options", [{}, {"passphrase": "secret"}])
@pytest.mark.parametrize("there", [[], ["export"]])
def test_half_an_export_stays_after_a_failure(tmp_path: Path, options: dict[str, Any], there: list[str]) -> None:
    path = tmp_path / "export"
    for name in there:
        (tmp_path / name).write_bytes(b"the last one")

    def failing() -> Any:
        yield EVENTS[0]
        raise DiskFullError

    with pytest.raises(DiskFullError):
        write_export(path, contents(events=failing()), overwrite=bool(there), **options)
    assert [file.name for file in tmp_path.iterdir()] == there
    assert not there or path.read_bytes() == b"the last one"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_leaves_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open

    def full(self: Path, mode: str = "r", **options: Any) -> Any:
        return real_open(Path("/dev/full") if self.suffix == ".partial" else self, mode, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space"):
        write_export(tmp_path / "export.zip", contents(events=many(5000)))
    assert list(tmp_path.iterdir()) == []


def test_a_partial_file_that_was_left_behind_is_in_the_way_or_gets_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"not ours")
    try:
        (tmp_path / "export.zip.partial").symlink_to(elsewhere)
    except OSError:  # Windows allows it to few
        (tmp_path / "export.zip.partial").write_bytes(b"left behind")
    assert read_export(exported(tmp_path)).events == EVENTS
    assert elsewhere.read_bytes() == b"not ours"
    assert not (tmp_path / "export.zip.partial").exists()


@pytest.mark.parametrize(
    ("name", "options"),
    [("export.zip", {"passphrase": "secret"}), ("export.homespun", {}), ("", {}), (".", {})],
)
def test_a_file_has_a_name_that_misleads(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    with pytest.raises(MisuseError):
        write_export(tmp_path / name, contents(), **options)


@pytest.mark.parametrize("name", ["", "Events", "a/b", "../a", "a.b", "é", "a" * 41, "-a"])
def test_a_section_gets_a_name_that_is_no_file_name(name: str) -> None:
    with pytest.raises(MisuseError, match="section"):
        Section(name=name, category="provided", description="", rows=[])


def test_a_section_gets_a_category_that_nobody_knows() -> None:
    with pytest.raises(MisuseError, match="category"):
        Section(name="a", category="other", description="", rows=[])  # type: ignore[arg-type]


def section(name: str, rows: Any = (), **options: Any) -> Section:
    return Section(name=name, category="provided", description="Things.", rows=rows, **options)


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": [section("events")]},
        {"extra": [section("a"), section("a")]},
        {"extra": [section(f"a{number}") for number in range(MAX_FILES)]},
        {"extra": [section("a", schema="../secret")]},
        {"extra": [section("a", [["no", "object"]])]},
        {"extra": [section("a", [{"a": object()}])]},
        {"extra": [section("a", [{"a": "\ud800"}])]},
        {"extra": [section("a", [{"a": "x" * (5 << 20)}])]},
        {"consents": ["text"]},
        {"consents": [object()]},
        {"profile": "../../etc"},
        {"made": float("nan")},
        {"made": "today"},
    ],
)
def test_contents_that_cannot_be_read_again_are_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(MisuseError):
        exported(tmp_path, changes=changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("limit", "value"), [("MAX_ROWS", 3), ("MAX_FILE_SIZE", 500), ("MAX_EXPORT_SIZE", 1500)])
def test_more_is_written_than_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(MisuseError, match=r"more than|too large"):
        exported(tmp_path)
    assert list(tmp_path.iterdir()) == []
