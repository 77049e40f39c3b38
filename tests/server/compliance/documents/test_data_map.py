"""What is collected and not declared, or declared and gone, fails here, with what to write where."""

import dataclasses
import fnmatch
import importlib
import json
import pkgutil
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

import homespun.protocol
import homespun_server.store
from homespun.consent.parts import PARTS
from homespun.consent.purposes import Purpose
from homespun.errors import HomespunError
from homespun.profile.schema import SCHEMAS
from homespun.protocol.statistics.standard import STANDARD
from homespun_server.compliance.documents import declared
from homespun_server.compliance.documents.declared import DataMap, Entry, as_json, data_map, json_schema
from homespun_server.compliance.keys import FILE as COMPLIANCE_KEYS
from homespun_server.settings import FILE, ServerSettings
from homespun_server.store.schema import metadata
from tests.server.compliance.requests.support import office

FOLDER = "server/src/homespun_server/compliance/documents/data_map"
OUTLIVES = {"homespun_tombstones"}
"""Marks of what was erased have to outlive it, or a restore would bring it back."""

HOW = """Declare each in {FOLDER}/{file}:

[[entry]]
name = "<its name>"
kind = "{kind}"
what = "<what it is>"
category = "<one of [categories] in purposes.toml; none, with why = ...>"
purposes = ["<names in purposes.toml>"]
retention = "<how long>"
erasure = "<the connector that erases it, or none>"
fields.<column> = {{ category = "<category or none>", what = "<what it holds>" }}

and take out what is gone."""


@pytest.fixture(scope="module")
def found() -> DataMap:
    return data_map()


def differences(there: Iterable[str], said: Iterable[str]) -> list[str]:
    there, said = set(there), set(said)
    return sorted([f"not declared: {name}" for name in there - said] + [f"gone: {name}" for name in said - there])


def check(there: Iterable[str], said: Iterable[str], kind: str, file: str) -> None:
    wrong = differences(there, said)
    assert not wrong, "\n".join([*wrong, "", HOW.format(FOLDER=FOLDER, kind=kind, file=file)])


def columns(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        yield entry.name
        yield from (f"{entry.name}.{field}" for field in entry.fields)


def schema_modules() -> None:
    """Import every module of tables, also one that nobody else imports yet."""
    for module in pkgutil.iter_modules(homespun_server.store.__path__, "homespun_server.store."):
        if module.name.rpartition(".")[2].startswith("schema"):
            importlib.import_module(module.name)


def test_a_table_or_a_column_is_collected_and_not_declared(found: DataMap) -> None:
    schema_modules()
    there = [
        name for table in metadata.tables.values() for name in (table.name, *(str(column) for column in table.columns))
    ]
    check(there, columns(found.of_kind("table")), "table", "server.toml")


def test_a_clients_table_or_column_is_not_declared(found: DataMap) -> None:
    there = [
        name
        for kind, schema in SCHEMAS.items()
        for table, names in schema.columns.items()
        for name in (f"{kind.value}.{table}", *(f"{kind.value}.{table}.{column}" for column in names))
    ]
    check(there, columns(found.of_kind("device table")), "device table", "device.toml")


def test_a_part_of_the_client_keeps_what_is_not_declared(found: DataMap) -> None:
    compartments = {part.compartment for part in PARTS if part.compartment}
    said = {entry.name for entry in found.of_kind("compartment")}
    check(compartments, said, "compartment", "device.toml")
    tables = {table for part in PARTS for table in part.tables}
    assert tables <= {entry.name for entry in found.of_kind("device table")}


def test_a_purpose_that_people_are_asked_about_is_not_declared(found: DataMap) -> None:
    missing = {purpose.value for purpose in Purpose} - {purpose.name for purpose in found.purposes}
    assert missing == set(), f"declare each as [[purpose]] in {FOLDER}/purposes.toml"


def structures() -> dict[str, list[type]]:
    """Return what every module of the protocol defines that has fields."""
    made: dict[str, list[type]] = {}
    for module in pkgutil.walk_packages(homespun.protocol.__path__, "homespun.protocol."):
        for value in vars(importlib.import_module(module.name)).values():
            is_own = isinstance(value, type) and value.__module__ == module.name
            if is_own and (issubclass(value, msgspec.Struct) or dataclasses.is_dataclass(value)):
                made.setdefault(module.name, []).append(value)
    return made


def fields(structure: Any) -> tuple[str, ...]:
    if issubclass(structure, msgspec.Struct):
        return tuple(structure.__struct_fields__)
    return tuple(field.name for field in dataclasses.fields(structure))


def test_a_module_of_the_protocol_has_no_direction(found: DataMap) -> None:
    there = {
        name
        for name, defined in structures().items()
        if found.modules.get(name) or any(issubclass(each, msgspec.Struct) for each in defined)
    }
    assert differences(there, found.modules) == [], (
        f"say in [modules] of {FOLDER}/wire.toml whether each is an upload of devices, published, or local"
    )


def test_a_field_leaves_a_device_and_is_not_declared(found: DataMap) -> None:
    uploads = [name for name, direction in found.modules.items() if direction == "upload"]
    there = [
        name
        for module in uploads
        for structure in structures()[module]
        if not structure.__name__.startswith("_") and f"{module}.{structure.__name__}" not in found.not_sent
        for name in (
            f"{module}.{structure.__name__}",
            *(f"{module}.{structure.__name__}.{field}" for field in fields(structure)),
        )
    ]
    said = columns(entry for entry in found.of_kind("upload") if entry.name.startswith("homespun.protocol."))
    check(there, said, "upload", "wire.toml")


def test_a_statistic_is_summed_and_not_declared(found: DataMap) -> None:
    said = [entry.name for entry in found.of_kind("statistic")]
    check([statistic.name for statistic in STANDARD], said, "statistic", "statistics.toml")


def test_a_place_of_the_working_directory_is_not_declared(found: DataMap) -> None:
    settings = ServerSettings(folder=Path("folder"), application="films")
    places = [
        getattr(settings, name)
        for name, value in vars(ServerSettings).items()
        if isinstance(value, property) and isinstance(getattr(settings, name), Path)
    ]
    there = [f"{path.name}/" for path in places] + [FILE, "store.sqlite", f"keys/{COMPLIANCE_KEYS}"]
    patterns = [entry.name for entry in found.of_kind("file")]
    missing = [
        name
        for name in there
        if not any(fnmatch.fnmatch(name, pattern) or pattern.startswith(name) for pattern in patterns)
    ]
    check(missing, [], "file", "folder.toml")
    assert len(places) == 4


def test_the_schema_is_not_that_of_the_map(found: DataMap) -> None:
    shipped = json.loads(files("homespun_server.compliance.documents").joinpath("data_map/schema.json").read_bytes())
    assert json.loads(json.dumps(json_schema())) == shipped, f"write json_schema() to {FOLDER}/schema.json"
    Draft202012Validator(shipped).validate(json.loads(as_json(found)))


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('purposes = ["service"]', 'purposes = ["sevrice"]', "sevrice"),
        ('category = "staff"\n', 'category = "staf"\n', "staf"),
        ('why = "public, and of nobody"\n', "", "does not say why"),
        ('name = "keys/*"', 'name = "homespun.toml"', "declared twice"),
        ('kind = "file"', 'kind = "flie"', "flie"),
        ("what =", "waht =", "waht"),
    ],
)
def test_a_slip_in_the_declaration_passes(monkeypatch: pytest.MonkeyPatch, was: str, becomes: str, told: str) -> None:
    read = declared._bytes

    def slipped(name: str) -> bytes:
        text = read(name).decode()
        assert name != "folder" or was in text
        return text.replace(was, becomes, 1).encode() if name == "folder" else text.encode()

    monkeypatch.setattr(declared, "_bytes", slipped)
    with pytest.raises(HomespunError, match=told):
        declared.data_map.__wrapped__()


def test_something_of_a_person_is_erased_by_nobody(found: DataMap) -> None:
    kept = {"behaviour", "preferences", "attributes", "inferences", "contributions", "sums", "pseudonyms", "reasons"}
    wrong = [
        entry.name
        for entry in found.of_kind("table", "device table", "compartment", "statistic")
        if entry.erasure == "none" and kept & set(entry.categories) and entry.name not in OUTLIVES
    ]
    assert wrong == []


def test_a_connector_is_named_that_is_none_or_one_works_on_what_is_not_declared(found: DataMap, tmp_path: Path) -> None:
    with office(tmp_path / "wd") as opened:
        connectors = opened.desk.saga._connectors
    there = {"table" if name.startswith("table ") else name for name in connectors}
    said = {entry.erasure for entry in found.entries} - {"none", "by part"}
    assert differences(there, said) == [], (
        f"erasure in {FOLDER} is a connector's name (compliance/requests/opening.py), and each has something to work on"
    )
