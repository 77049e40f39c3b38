"""Whatever a bundle's files hold, opening and using it ends well or in a BundleError, soon.

Real files are damaged, spliced and made up; the manifest always names them as they then are, because whoever
can write a file can also write its hash. Everything is drawn from the run's number, so a failure repeats.
"""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from homespun.errors import BundleError, ModelContractError
from homespun.model.bundle import Bundle
from homespun.model.graph import inspect
from homespun.model.manifest import parse_manifest
from homespun.protocol.bundle import CATALOGUE, MANIFEST, POLICY, PROPOSE, ROWS, WEIGHTS
from homespun.protocol.events import Event
from tests.conftest import Runs
from tests.sdk import bundles

Mutation = Callable[[random.Random, bytes, bytes], bytes]


def flip(draw: random.Random, content: bytes, _: bytes) -> bytes:
    changed = bytearray(content)
    for _turn in range(draw.choice([1, 1, 2, 8])):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def overwrite(draw: random.Random, content: bytes, _: bytes) -> bytes:
    changed = bytearray(content)
    changed[draw.randrange(len(changed))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
    return bytes(changed)


def cut(draw: random.Random, content: bytes, _: bytes) -> bytes:
    return content[: draw.randrange(len(content))]


def remove(draw: random.Random, content: bytes, _: bytes) -> bytes:
    start = draw.randrange(len(content))
    return content[:start] + content[start + draw.randrange(1, 40) :]


def repeat(draw: random.Random, content: bytes, _: bytes) -> bytes:
    start = draw.randrange(len(content))
    end = start + draw.randrange(1, 200)
    return content[:end] + content[start:end] * draw.randrange(1, 4) + content[end:]


def splice(draw: random.Random, content: bytes, other: bytes) -> bytes:
    start, source = draw.randrange(len(content)), draw.randrange(len(other))
    length = draw.randrange(1, 200)
    return content[:start] + other[source : source + length] + content[start + length :]


def join(draw: random.Random, content: bytes, other: bytes) -> bytes:
    return content[: draw.randrange(len(content))] + other[draw.randrange(len(other)) :]


def noise(draw: random.Random, content: bytes, _: bytes) -> bytes:
    return draw.randbytes(draw.randrange(len(content) + 1))


MUTATIONS: tuple[Mutation, ...] = (flip, flip, flip, overwrite, overwrite, cut, remove, repeat, splice, join, noise)


def mutated(draw: random.Random, content: bytes, other: bytes) -> bytes:
    return draw.choice(MUTATIONS)(draw, content, other)


RULES = b"""{"schema": 1, "name": "Shop", "surfaces": {
"home": {"stages": [{"stage": "candidates", "pool": 50}, {"stage": "rules"}]}, "continue": {"stages": []}},
"rules": [{"name": "cheap in the evening", "then": {"do": "boost", "by": 1.5}, "surfaces": ["home"],
"items": {"all": [{"tag": "tag-1"}, {"not": {"attribute": {"name": "price", "at_least": 10, "below": 20.5}}}]},
"when": {"any": [{"context": {"name": "hour", "at_least": 18}}, {"history": {"kinds": ["buy"], "at_least": 2}}]},
"since": "2025-01-01T00:00:00Z"}], "lifecycle": {"onboarding_below": 3}}"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with everything that the contract has, and every file and table that there can be."""
    return bundles.write(
        tmp_path_factory.mktemp("whole") / "bundle",
        bundles.full_model(40, every=3, density=0.3),
        words=bundles.random_words(11)[:4],
        attributes=bundles.some_attributes(40),
        policy=RULES,
    )


@pytest.fixture(scope="module")
def files(whole: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in whole.iterdir()}


@pytest.fixture
def tampered(whole: Path, tmp_path: Path) -> Path:
    """A copy in place of the small bundle's."""
    return bundles.copy(whole, tmp_path)


def use(folder: Path) -> None:
    """Open a bundle and touch everything in it."""
    bundle = Bundle.open(folder)
    try:
        bundle.rank([], 5)
        events = [Event(bundle.items[0], time=1.0), Event(bundle.items[7], time=2.0), Event(bundle.items[-1])]
        scored = bundle.rank(events, 40, context={"device": "tv", "evening": True}, exclude_seen=False)
        scored += bundle.similar(bundle.items[3], 5)
        assert all(entry.score == entry.score for entry in scored)  # not NaN
        for item in bundle.items:
            bundle.title(item).encode()
            bundle.tags(item)
            bundle.attributes(item)
        for name in ("price", "brand"):
            texts, codes = bundle.texts(name)
            assert bundle.numbers(name).shape == codes.shape == (bundle.size,)
            assert codes.min() >= -1
            assert codes.max() < len(texts)
        assert bundle.encoder is None or len(bundle.encoder.words) > 0
    finally:
        bundle.close()


@pytest.mark.timeout(300)
def test_a_damaged_graph_escapes_the_inspection(runs: Runs, files: dict[str, bytes]) -> None:
    refused = 0
    for number in runs("fuzz", 2000):
        draw = random.Random(number)
        name, other = draw.sample([PROPOSE, ROWS], 2)
        content = mutated(draw, files[name], files[other])
        try:
            graph = inspect(content, len(files[WEIGHTS]))
        except ModelContractError:
            refused += 1
        else:
            ends = [weight.offset + weight.length for weight in graph.weights if weight.offset is not None]
            assert max(ends, default=0) <= len(files[WEIGHTS])
    assert refused > 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [PROPOSE, ROWS, WEIGHTS])
def test_a_damaged_model_crashes_its_user(runs: Runs, tampered: Path, files: dict[str, bytes], name: str) -> None:
    refused = 0
    for number in runs("fuzz", 2000):
        draw = random.Random(f"{name} {number}")
        (tampered / name).write_bytes(mutated(draw, files[name], files[draw.choice([PROPOSE, ROWS, CATALOGUE])]))
        bundles.reseal(tampered)
        try:
            use(tampered)
        except BundleError:
            refused += 1
    assert refused > 0


@pytest.mark.timeout(300)
def test_a_damaged_catalogue_crashes_its_user(runs: Runs, tampered: Path, files: dict[str, bytes]) -> None:
    refused = 0
    for number in runs("fuzz", 2000):
        draw = random.Random(f"catalogue {number}")
        (tampered / CATALOGUE).write_bytes(mutated(draw, files[CATALOGUE], files[CATALOGUE]))
        bundles.reseal(tampered)
        try:
            use(tampered)
        except BundleError:
            refused += 1
    assert refused > 0


@pytest.mark.timeout(300)
def test_a_damaged_policy_crashes_its_user(runs: Runs, tampered: Path, files: dict[str, bytes]) -> None:
    refused = 0
    for number in runs("fuzz", 1000):
        draw = random.Random(f"policy {number}")
        (tampered / POLICY).write_bytes(mutated(draw, files[POLICY], files[MANIFEST]))
        bundles.reseal(tampered)
        try:
            Bundle.open(tampered).close()
        except BundleError:
            refused += 1
    assert refused > 0


STATEMENTS = (
    "UPDATE items SET title = {text}",
    "UPDATE items SET tags = {text}",
    "UPDATE items SET id = {text} WHERE position = {number}",
    "UPDATE items SET position = {number} WHERE position = 0",
    "DELETE FROM items WHERE position = {number}",
    "INSERT INTO items VALUES ({number}, {text}, {text}, {text})",
    "UPDATE attributes SET texts = {text}",
    "UPDATE attributes SET items = {text}",
    "UPDATE attributes SET name = {text} WHERE first = {number}",
    "UPDATE OR IGNORE attributes SET first = {number}",
    "DELETE FROM attributes WHERE first = {number}",
    "INSERT INTO attributes VALUES ('price', {number}, {text}, {text})",
    "UPDATE words SET vector = {text}, weight = {number}",
    "DROP TABLE words",
    "UPDATE sqlite_schema SET sql = {text}",
    "UPDATE sqlite_schema SET rootpage = {number}",
    "UPDATE sqlite_schema SET type = {text}",
    "INSERT INTO sqlite_schema SELECT type, {text}, tbl_name, {number}, sql FROM sqlite_schema",
    "ALTER TABLE items ADD COLUMN more TEXT",
    "ALTER TABLE items DROP COLUMN tags",
    "CREATE TEMP TABLE t AS SELECT {text}",
    "PRAGMA user_version = {number}",
    "PRAGMA encoding = 'UTF-16'",
)
TEXTS = (
    "NULL",
    "x'ff'",
    "''",
    "'[]'",
    "'view'",
    "'index'",
    "zeroblob(100)",
    "7",
    "char(0)",
    "'CREATE TABLE items (x)'",
)


@pytest.mark.timeout(300)
def test_a_rewritten_catalogue_crashes_its_user(runs: Runs, tampered: Path, files: dict[str, bytes]) -> None:
    for number in runs("fuzz", 1000):
        draw = random.Random(f"statements {number}")
        (tampered / CATALOGUE).write_bytes(files[CATALOGUE])
        with closing(sqlite3.connect(tampered / CATALOGUE, isolation_level=None)) as connection:
            # On a schema that it has just been made to spoil, SQLite may even claim to be out of memory.
            connection.execute("PRAGMA writable_schema = ON")
            for template in draw.choices(STATEMENTS, k=draw.randrange(1, 4)):
                statement = template.format(text=draw.choice(TEXTS), number=draw.choice([-1, 0, 1, 2, 3, 39, 1 << 40]))
                with suppress(sqlite3.DatabaseError, MemoryError):
                    connection.execute(statement)
        bundles.reseal(tampered)
        with suppress(BundleError):
            use(tampered)


@pytest.mark.timeout(300)
def test_a_damaged_manifest_crashes_its_reader(runs: Runs, files: dict[str, bytes]) -> None:
    refused = 0
    for number in runs("fuzz", 2000):
        draw = random.Random(f"manifest {number}")
        try:
            parse_manifest(mutated(draw, files[MANIFEST], files["card.json"]))
        except BundleError:
            refused += 1
    assert refused > 0


@pytest.mark.timeout(300)
def test_an_accepted_but_damaged_manifest_crashes_its_user(runs: Runs, tampered: Path, files: dict[str, bytes]) -> None:
    for number in runs("fuzz", 1000):
        draw = random.Random(f"used manifest {number}")
        (tampered / MANIFEST).write_bytes(overwrite(draw, files[MANIFEST], b""))
        with suppress(BundleError):
            use(tampered)
