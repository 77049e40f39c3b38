"""A private bundle tells nothing about people but what was released: no count, no total, no size of the fleet."""

import json
import re
import struct
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from homespun.protocol.bundle import CARD_DATA, CARD_TEXT, CATALOGUE, FILES, MANIFEST
from homespun_server import FitOptions, fit
from homespun_server.privacy import release as release_module
from tests.server.publishing.support import contents
from tests.server.support import catalogue

ITEMS = 60
OPTIONS = FitOptions(test_share=0.0, dimensions=4)
USERS = 7919
LIKERS_OF_THE_FIRST = 4177
TOTAL_LIKES = 2 * USERS + LIKERS_OF_THE_FIRST


def clock() -> datetime:
    return datetime(2025, 3, 1, 12, tzinfo=UTC)


def fleet_of(path: Path, users: int, likers: int) -> Path:
    """Everybody likes two items; so many of them like the first as well."""
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE likes AS SELECT 'u' || u AS user, 'item-' || (1 + (u + k * (1 + u % 58)) % 59) AS item "
            "FROM range($users) users(u), range(2) likes(k) "
            "UNION ALL SELECT 'u' || u, 'item-0' FROM range($likers) users(u)",
            {"users": users, "likers": likers},
        )
        connection.table("likes").write_parquet(str(path))
    return path


def numbers(text: str) -> set[str]:
    """Return every number in a text, however it is written: thousands separated, with an exponent, or in full."""
    plain = re.sub(r"(?<=\d)[,_\u202f'](?=\d{3})", "", text)
    return {f"{Decimal(found).normalize():f}" for found in re.findall(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", plain)}


def texts(bundle: Path) -> dict[str, str]:
    """Return everything in a bundle that is text, without the hashes of files and of declarations.

    A declaration holds published weights, which come from a release, so its hash differs from draw to draw; and so
    does the size of golden scores, which name the items that a noisy model lists.
    """
    found = {name: (bundle / name).read_text(encoding="utf-8") for name in (MANIFEST, CARD_DATA, CARD_TEXT)}
    found = {name: re.sub(r"[0-9a-f]{64}", "", text) for name, text in found.items()}
    found[MANIFEST] = re.sub(r'("golden.json": {\s+"size": )\d+', r"\g<1>0", found[MANIFEST])
    found[CATALOGUE] = (bundle / CATALOGUE).read_bytes().decode("latin-1")
    for name in FILES:
        if name.endswith(".onnx"):
            found[name] = (bundle / name).read_bytes().decode("latin-1")
    return found


def published(tmp_path: Path, name: str, users: int, likers: int, **privacy: Any) -> Path:
    table = fleet_of(tmp_path / f"{name}.parquet", users, likers)
    fitted = fit(table, items=catalogue(ITEMS), out=tmp_path / name, options=OPTIONS, clock=clock, **privacy)
    assert fitted.report.training_users == users
    assert fitted.report.training_likes == 2 * users + likers
    return fitted.bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("planted"), "planted", USERS, LIKERS_OF_THE_FIRST, epsilon=1.0)


@pytest.mark.parametrize("number", [USERS, LIKERS_OF_THE_FIRST, TOTAL_LIKES])
def test_an_exact_count_is_published(number: int, bundle: Path) -> None:
    planted = re.compile(rf"(?<!\d)({number}|{number:,}|{number:_}|{number:.3e})(?!\d)")
    assert planted.search(f'"users": {number},')
    for name, text in texts(bundle).items():
        assert not planted.search(text), name


def test_exact_counts_are_in_the_report_so_that_the_search_can_find_them(bundle: Path) -> None:
    report = (bundle.parent / "report.json").read_text(encoding="utf-8")
    assert str(USERS) in report
    assert str(TOTAL_LIKES) in report


def shape(found: dict[str, str]) -> list[object]:
    """Return which tables a bundle's components have, and how large."""
    components = json.loads(found[MANIFEST])["components"]
    return [[part[name] for name in ("low_rank", "dimensions", "sparse", "bits")] for part in components]


def test_the_size_of_the_fleet_changes_a_card_or_a_manifest(bundle: Path, tmp_path: Path) -> None:
    large = texts(bundle)
    # Noise decides which tables a model has; that is compared where it is the same.
    small = (texts(published(tmp_path, f"small-{number}", 50, 7, epsilon=1.0)) for number in range(20))
    other = next(found for found in small if shape(found) == shape(large))
    for name in (MANIFEST, CARD_DATA, CARD_TEXT, "propose.onnx", "rows.onnx"):
        assert large[name] == other[name], name


def test_anything_but_the_releases_changes_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If every release holds the same numbers whatever the data, so must every byte of the bundle."""

    def blind(values: np.ndarray, sigma: int, progress: object) -> np.ndarray:
        drawn: np.ndarray = np.random.default_rng(values.size).integers(0, 100 * sigma, values.size)
        return drawn

    monkeypatch.setattr(release_module, "add_discrete_gaussian", blind)
    small, large = (published(tmp_path, str(users), users, users // 2, epsilon=1.0) for users in (50, 3000))
    assert contents(small) == contents(large)


def test_the_bundle_is_blind_even_without_privacy(tmp_path: Path) -> None:
    small, large = (published(tmp_path, str(users), users, users // 2, non_private=True) for users in (50, 3000))
    assert contents(small)["weights.bin"] != contents(large)["weights.bin"]


def exact_figures(report: Any) -> set[str]:
    """Return every exact figure about people in a report that is long enough not to stand elsewhere by chance."""
    parts = ("interactions", "training_users", "training_likes", "bounding", "quality")
    found = numbers(json.dumps([report[part] for part in parts]))
    return {number for number in found if len(number.replace(".", "").strip("0")) >= 3}


def encodings(number: str) -> set[bytes]:
    """Return how a number can stand in a file of numbers."""
    value = float(number)
    found = {struct.pack(form, value) for form in ("<f", "<d")}
    # An integer of one byte and zeros stands in padding by chance.
    return found | {struct.pack(form, int(value)) for form in ("<i", "<q") if value.is_integer() and value > 255}


@pytest.fixture(scope="module")
def evaluated(fleet: Path, fleet_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private fit with people kept aside, so that its report is full of exact figures, and its card of noisy ones."""
    out = tmp_path_factory.mktemp("evaluated")
    options = FitOptions(test_share=0.2, dimensions=8)
    return fit(fleet, items=fleet_catalogue, out=out, epsilon=4.0, metrics_epsilon=4.0, options=options).bundle


def test_an_exact_figure_of_the_report_is_published(evaluated: Path) -> None:
    planted = exact_figures(json.loads((evaluated.parent / "report.json").read_bytes()))
    assert len(planted) > 20
    assert "## Quality" in texts(evaluated)[CARD_TEXT]
    for name, text in texts(evaluated).items():
        assert not planted & numbers(text), name
    for name, content in contents(evaluated).items():
        assert not {number for number in planted for form in encodings(number) if form in content}, name


def test_the_search_for_exact_figures_finds_none_where_they_are(fleet: Path, tmp_path: Path) -> None:
    fitted = fit(fleet, out=tmp_path, non_private=True, options=FitOptions(test_share=0.2, dimensions=8))
    planted = exact_figures(json.loads((tmp_path / "report.json").read_bytes()))
    found = planted & numbers(texts(fitted.bundle)[CARD_TEXT])
    assert str(fitted.report.training_users) in found
    weights = np.array([0.5, float(fitted.report.training_users)], np.float32).tobytes()
    assert any(form in weights for number in planted for form in encodings(number))
    assert numbers("R@20 of .4312, 12,345 users, 7_919 and 1.2e+3") == {"20", "4312", "12345", "7919", "1200"}
