"""A manifest that is not exactly one is refused before any other file is touched."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from homespun.errors import BundleIntegrityError, BundleSchemaError
from homespun.model.bundle import Bundle
from homespun.model.manifest import parse_manifest
from homespun.model.verify import MAX_MANIFEST_BYTES
from homespun.protocol.bundle import CATALOGUE, MANIFEST, NEGATIVE_KINDS, ROWS

Change = Callable[[dict[str, Any]], object]
WEIGHTS = ["1"] * 6
CONTEXT: dict[str, Any] = {"feature": "device", "values": ["tv"], "weights": WEIGHTS}
REPEATS = {"count_weights": WEIGHTS, "seen_weights": WEIGHTS}
OWN = {**CONTEXT, "own_weights": WEIGHTS}


@pytest.fixture
def manifest(bundle_folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((bundle_folder / MANIFEST).read_bytes())
    return loaded


def parse(manifest: dict[str, Any]) -> None:
    parse_manifest(json.dumps(manifest).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"manifest"',
        b"\xff\xfe{}",
        b"{}\0",
        b'{"schema": 2, "contract": 3}',
        b'{"schema": 2, "contract": 3, "name": "\xff"}',
        b'{"schema": 2, "contract": 3, "name": "\\ud800"}',
        b'{"schema": "1", "contract": 1}',
        b'{"schema": true, "contract": 1}',
        b'{"schema": NaN, "contract": 1}',
    ],
)
def test_the_manifest_is_something_else(raw: bytes) -> None:
    with pytest.raises(BundleIntegrityError):
        parse_manifest(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 500_000,
        b'{"schema":' * 50_000,
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"schema":2,"contract":3}',
        b'{"schema":2,"contract":3,"components":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"schema":2,"contract":3,"files":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    ],
)
def test_the_manifest_is_nested_to_exhaust_the_stack(raw: bytes) -> None:
    with pytest.raises(BundleIntegrityError):
        parse_manifest(raw)


def test_the_manifest_is_huge(tampered: Path) -> None:
    path = tampered / MANIFEST
    path.write_bytes(path.read_bytes() + b" " * MAX_MANIFEST_BYTES)
    with pytest.raises(BundleIntegrityError, match="larger than"):
        Bundle.open(tampered)


@pytest.mark.parametrize(
    "versions",
    [{"schema": 1}, {"schema": 3}, {"schema": 0}, {"contract": 2}, {"contract": 4}, {"schema": -1, "contract": 10**30}],
)
def test_another_versions_bundle_is_guessed_at(manifest: dict[str, Any], versions: dict[str, int]) -> None:
    with pytest.raises(BundleSchemaError, match="Update the older"):
        parse({**manifest, **versions})


def test_a_later_versions_unknown_fields_hide_its_version(manifest: dict[str, Any]) -> None:
    with pytest.raises(BundleSchemaError):
        parse({**manifest, "schema": 3, "components": "something new", "more": {}})


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(more=1),
        lambda m: m["history"].update(more=1),
        lambda m: m["privacy"].update(more=1),
        lambda m: m["components"][0].update(more=1),
        lambda m: m["files"][ROWS].update(url="https://example.invalid"),
        lambda m: m.pop("privacy"),
        lambda m: m.update(components={}),
        lambda m: m.update(items="40"),
        lambda m: m.update(items=40.5),
        lambda m: m["components"][0].update(name="foreign"),
        lambda m: m["components"][0].update(low_rank="Bad name"),
        lambda m: m["components"][0].update(low_rank="a.b"),
        lambda m: m["components"][0].update(low_rank="a\n"),
        lambda m: m["components"][0].update(sparse="s", bits=5, blocks=1),
        lambda m: m["components"][0].update(blocks=None),
        lambda m: m["components"][0].update(weight="1"),
        lambda m: m["priors"][0].update(name="two\nlines"),
        lambda m: m.pop("new_items"),
        lambda m: m["privacy"].update(kind="perfect"),
    ],
)
def test_a_field_is_unknown_missing_or_of_another_type(manifest: dict[str, Any], change: Change) -> None:
    change(manifest)
    with pytest.raises(BundleIntegrityError, match="not a bundle's manifest"):
        parse(manifest)


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files.update({"extra.bin": files[ROWS]}),
        lambda files: files.update({"../" + CATALOGUE: files.pop(CATALOGUE)}),
        lambda files: files.update({"/etc/passwd": files.pop(CATALOGUE)}),
        lambda files: files.update({"sub/" + CATALOGUE: files.pop(CATALOGUE)}),
        lambda files: files.update({CATALOGUE + "\0": files.pop(CATALOGUE)}),
        lambda files: files.update({CATALOGUE.upper(): files.pop(CATALOGUE)}),
        lambda files: files.update({MANIFEST: files[ROWS]}),
        lambda files: files.pop(CATALOGUE),
        lambda files: files.clear(),
    ],
)
def test_the_files_are_not_exactly_those_of_a_bundle(manifest: dict[str, Any], change: Change) -> None:
    change(manifest["files"])
    with pytest.raises(BundleIntegrityError, match="impossible values for: files"):
        parse(manifest)


@pytest.mark.parametrize(
    "entry",
    [{"size": -1}, {"sha256": ""}, {"sha256": "A" * 64}, {"sha256": "0" * 63}, {"sha256": "0" * 64 + "\n"}],
)
def test_a_files_size_or_hash_is_none(manifest: dict[str, Any], entry: dict[str, Any]) -> None:
    manifest["files"][ROWS].update(entry)
    with pytest.raises(BundleIntegrityError, match="file entries"):
        parse(manifest)


@pytest.mark.parametrize("size", [(1 << 20) + 1, 10**15, 10**40])
def test_a_graphs_size_would_fill_the_memory(manifest: dict[str, Any], size: int) -> None:
    manifest["files"][ROWS].update(size=size)
    with pytest.raises(BundleIntegrityError, match="graphs"):
        parse(manifest)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: m.update(items=0), "items"),
        (lambda m: m.update(items=-1), "items"),
        (lambda m: m.update(items=10**9), "items"),
        (lambda m: m.update(components=[]), "components"),
        (lambda m: m.update(components=[m["components"][0]] * 2), "components"),
        (lambda m: m["components"][0].update(dimensions=0), "tables"),
        (lambda m: m["components"][0].update(dimensions=10**9), "tables"),
        (lambda m: m["components"][0].update(low_rank=None), "tables"),
        (lambda m: m["components"][0].update(low_rank=None, dimensions=0), "tables"),
        (lambda m: m["components"][0].update(low_rank="content"), "tables"),
        (lambda m: m["components"][0].update(low_rank="priors"), "tables"),
        (lambda m: m["components"][0].update(low_rank="context"), "tables"),
        (lambda m: m["components"][0].update(blocks=3), "tables"),
        (lambda m: m["components"][0].update(bits=4), "tables"),
        (lambda m: m["components"][0].update(sparse="s", bits=4, blocks=0), "tables"),
        (lambda m: m["components"][0].update(sparse="s", bits=4, blocks=1 << 31), "tables"),
        (lambda m: m["components"][0].update(sparse="s", bits=None, blocks=3), "tables"),
        (lambda m: m["components"][0].update(sparse="collaborative", bits=4, blocks=3), "tables"),
        (lambda m: m["components"][0]["kernel"].update(age="0"), "kernels"),
        (lambda m: m["components"][0]["kernel"].update(gap="-1"), "kernels"),
        (lambda m: m.update(priors=[]), "priors"),
        (lambda m: m.update(priors=[m["priors"][0]] * 2), "priors"),
        (lambda m: m.update(priors=[{**m["priors"][0], "name": f"p{n}"} for n in range(65)]), "priors"),
        (lambda m: m.update(contexts=[CONTEXT, CONTEXT]), "contexts"),
        (lambda m: m.update(contexts=[{**CONTEXT, "values": []}]), "contexts"),
        (lambda m: m.update(contexts=[{**CONTEXT, "values": ["tv", "tv"]}]), "contexts"),
        (lambda m: m.update(contexts=[{**CONTEXT, "values": [str(n) for n in range(10_001)]}]), "contexts"),
        (lambda m: m.update(contexts=[{**CONTEXT, "values": ["x" * 257]}]), "contexts"),
        (lambda m: m.update(contexts=[{**CONTEXT, "feature": ""}]), "contexts"),
        (lambda m: m.update(contexts=[{**CONTEXT, "feature": str(n)} for n in range(65)]), "contexts"),
        (lambda m: m.update(archetypes={"count": 0, "weights": WEIGHTS}), "archetypes"),
        (lambda m: m.update(archetypes={"count": 10**9, "weights": WEIGHTS}), "archetypes"),
        (lambda m: m.update(new_items={"first": -1, "every": 0}), "new_items"),
        (lambda m: m.update(new_items={"first": 41, "every": 0}), "new_items"),
        (lambda m: m.update(new_items={"first": 40, "every": 3}), "new_items"),
        (lambda m: m.update(new_items={"first": 3, "every": -1}), "new_items"),
        (lambda m: m["history"].update(max_items=0), "history.max_items"),
        (lambda m: m["history"].update(max_items=10**9), "history.max_items"),
        (lambda m: m["history"].update(negative_kinds=["hide", "hide"]), "history.negative_kinds"),
        (lambda m: m["history"].update(negative_kinds=["Hide"]), "history.negative_kinds"),
        (lambda m: m["history"].update(negative_kinds=["x" * 65]), "history.negative_kinds"),
        (lambda m: m["history"].update(negative_kinds=[f"kind-{n}" for n in range(101)]), "history.negative_kinds"),
        (lambda m: m["components"][0].update(weights=["1e7", *WEIGHTS[1:]]), "weights"),
        (lambda m: m["components"][0].update(weights=[*WEIGHTS[1:], "-1000000.5"]), "weights"),
        (lambda m: m["components"][0].update(weights=WEIGHTS[1:]), "weights"),
        (lambda m: m["priors"][0].update(weights=[*WEIGHTS, "1"]), "weights"),
        (lambda m: m.update(contexts=[{**CONTEXT, "weights": []}]), "weights"),
        (lambda m: m.update(archetypes={"count": 1, "weights": ["1"]}), "weights"),
        (lambda m: m.update(repeats={"count_weights": WEIGHTS, "seen_weights": WEIGHTS[1:]}), "weights"),
        (lambda m: m.update(repeats=REPEATS, contexts=[{**OWN, "own_weights": WEIGHTS[1:]}]), "weights"),
        (lambda m: m.update(repeats=REPEATS, contexts=[{**OWN, "own_weights": []}]), "weights"),
        (lambda m: m.update(repeats=REPEATS, contexts=[{**OWN, "own_weights": ["-1e7", *WEIGHTS[1:]]}]), "weights"),
        (lambda m: m.update(repeats=REPEATS, contexts=[OWN, {**CONTEXT, "feature": "device:own"}]), "contexts"),
        (lambda m: m.update(repeats=None, contexts=[OWN]), "own_weights"),
        (lambda m: m.update(repeats=None, contexts=[CONTEXT, {**OWN, "feature": "place"}]), "own_weights"),
    ],
)
def test_a_value_is_out_of_all_bounds(manifest: dict[str, Any], change: Change, match: str) -> None:
    change(manifest)
    with pytest.raises(BundleIntegrityError, match=f"impossible values for: {match}"):
        parse(manifest)


RELEASE = {
    "statistic": "item-counts",
    "mechanism": "discrete-gaussian",
    "l2_bound": 8192,
    "sigma": "10",
    "rho": "0.5",
    "values": 3,
}
GUARANTEE = {
    "kind": "differential_privacy",
    "unit": "user",
    "neighbours": "add/remove one user",
    "epsilon": "1",
    "delta": "1e-6",
    "rho": "0.1",
}
BOMBS = ["NaN", "sNaN", "-Infinity", "1E+999999999", "1E-999999999", "0E+999999999", "1" * 200_000, "0." + "1" * 101]


def of_component(m: dict[str, Any], value: str) -> None:
    m["components"][0]["weights"][2] = value


def of_kernel(m: dict[str, Any], value: str) -> None:
    m["components"][0]["kernel"].update(gap=value)


def of_prior(m: dict[str, Any], value: str) -> None:
    m["priors"][0]["weights"][5] = value


def of_context(m: dict[str, Any], value: str) -> None:
    m.update(contexts=[{**CONTEXT, "weights": [value, *WEIGHTS[1:]]}])


def of_habits(m: dict[str, Any], value: str) -> None:
    m.update(repeats=REPEATS, contexts=[{**OWN, "own_weights": [*WEIGHTS[1:], value]}])


def of_archetypes(m: dict[str, Any], value: str) -> None:
    m.update(archetypes={"count": 1, "weights": [value, *WEIGHTS[1:]]})


def of_repeats(m: dict[str, Any], value: str) -> None:
    m.update(repeats={"count_weights": WEIGHTS, "seen_weights": [value, *WEIGHTS[1:]]})


def of_history(m: dict[str, Any], value: str) -> None:
    m["history"].update(min_weight=value)


def of_epsilon(m: dict[str, Any], value: str) -> None:
    m["privacy"].update(GUARANTEE, epsilon=value)


def of_delta(m: dict[str, Any], value: str) -> None:
    m["privacy"].update(GUARANTEE, delta=value)


def of_total(m: dict[str, Any], value: str) -> None:
    m["privacy"].update(GUARANTEE, rho=value)


def of_sigma(m: dict[str, Any], value: str) -> None:
    m["privacy"].update(releases=[{**RELEASE, "sigma": value}])


def of_rho(m: dict[str, Any], value: str) -> None:
    m["privacy"].update(releases=[{**RELEASE, "rho": value}])


@pytest.mark.timeout(20)
@pytest.mark.parametrize("value", BOMBS, ids=lambda value: value[:14])
@pytest.mark.parametrize(
    "place",
    [
        of_component,
        of_kernel,
        of_prior,
        of_context,
        of_habits,
        of_archetypes,
        of_repeats,
        of_history,
        of_epsilon,
        of_delta,
        of_total,
        of_sigma,
        of_rho,
    ],
)
def test_a_decimal_is_not_finite_or_explodes(
    manifest: dict[str, Any], place: Callable[[dict[str, Any], str], None], value: str
) -> None:
    place(manifest, value)
    with pytest.raises(BundleIntegrityError, match="infinite, NaN or absurdly long"):
        parse(manifest)


def test_sound_habits_are_refused_or_given_to_a_bundle_without(manifest: dict[str, Any]) -> None:
    manifest.update(repeats=REPEATS, contexts=[OWN, {**CONTEXT, "feature": "place"}])
    parsed = parse_manifest(json.dumps(manifest).encode())
    assert [each.own_weights for each in parsed.contexts] == [(Decimal(1),) * 6, None]


def test_a_number_in_the_json_explodes(manifest: dict[str, Any]) -> None:
    raw = json.dumps(manifest).encode().replace(b'"weights": ["1.0"', b'"weights": [1e999999999')
    assert b"1e999999999" in raw
    with pytest.raises(BundleIntegrityError):
        parse_manifest(raw)


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": None},
        {"delta": None},
        {"rho": None},
        {"unit": None},
        {"neighbours": None},
        {"epsilon": "0"},
        {"delta": "-1e-6"},
        {"rho": "-0.0"},
        {"kind": "non_private"},
        {"kind": "no_personal_data"},
    ],
)
def test_a_guarantee_is_claimed_without_figures_or_figures_without_one(
    manifest: dict[str, Any], change: dict[str, Any]
) -> None:
    manifest["privacy"].update({**GUARANTEE, **change})
    with pytest.raises(BundleIntegrityError, match="privacy"):
        parse(manifest)


def test_a_sound_guarantee_is_refused(manifest: dict[str, Any]) -> None:
    manifest["privacy"].update(GUARANTEE, releases=[RELEASE])
    parsed = parse_manifest(json.dumps(manifest).encode())
    assert parsed.privacy.epsilon == Decimal(1)


@pytest.mark.parametrize("steering", ["\x1b]0;owned\x07", "\x1b[2J", "two\nlines", "\x9b31m", "\x7f", "a\u2028b", "\0"])
def test_a_name_steers_the_terminal_that_shows_it(manifest: dict[str, Any], steering: str) -> None:
    places: list[Change] = [
        lambda m: m.update(name=steering),
        lambda m: m.update(created=steering),
        lambda m: m["privacy"].update(statement=steering),
        lambda m: m.update(contexts=[{**CONTEXT, "feature": steering}]),
        lambda m: m.update(contexts=[{**CONTEXT, "values": [steering]}]),
        lambda m: m["privacy"].update(GUARANTEE, releases=[{**RELEASE, "statistic": steering}]),
    ]
    for change in places:
        changed = json.loads(json.dumps(manifest))
        change(changed)
        with pytest.raises(BundleIntegrityError, match="impossible values for: text"):
            parse(changed)


def test_a_manifest_without_negative_kinds_is_refused_or_given_some(manifest: dict[str, Any]) -> None:
    assert manifest["history"].pop("negative_kinds") == list(NEGATIVE_KINDS)
    assert parse_manifest(json.dumps(manifest).encode()).history.negative_kinds == ()
