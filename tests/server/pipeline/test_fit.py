"""From a table to a bundle: every format gives the same model, and every part of the report is true."""

import gzip
import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.bundle import CARD_TEXT
from homespun.protocol.events import Event
from homespun_server import FitOptions, Interactions, Items, fit
from homespun_server.errors import TrainingError
from homespun_server.evaluation.report import NOTICE, Report
from tests.server.conftest import FLEET
from tests.server.pipeline.support import RELEASES
from tests.server.publishing.support import contents
from tests.server.support import Row, catalogue, rows_of, share_of_hash, two_groups, unlike, write_items, write_table

OPTIONS = FitOptions(name="fleet", test_share=0.2, dimensions=8)
NO_TEST = FitOptions(test_share=0.0)


def clock() -> datetime:
    return datetime(2025, 3, 1, 12, tzinfo=UTC)


def ranked(folder: Path, item: str) -> list[str]:
    with closing(Bundle.open(folder)) as bundle:
        return [scored.item for scored in bundle.rank([Event(item)], k=11)]


def alike(folder: Path, item: str) -> list[str]:
    with closing(Bundle.open(folder)) as bundle:
        return [scored.item for scored in bundle.similar(item, k=11)]


def first_half(items: list[str]) -> int:
    return sum(int(item.removeprefix("item-")) < 12 for item in items)


def test_a_private_fit_learns_nothing_or_reports_something_else(
    fleet: Path, fleet_catalogue: Path, tmp_path: Path
) -> None:
    fitted = fit(fleet, items=fleet_catalogue, out=tmp_path / "out", epsilon=400.0, options=OPTIONS, clock=clock)
    assert first_half(alike(fitted.bundle, "item-3")) == 11
    assert first_half(alike(fitted.bundle, "item-15")) == 0
    # What is popular counts as well, and may come before what is alike.
    assert first_half(ranked(fitted.bundle, "item-3")[:9]) >= 6
    assert first_half(ranked(fitted.bundle, "item-15")[:9]) <= 3
    report = fitted.report
    training = sum(share_of_hash(f"homespun-split-1:user-{number}") >= 0.2 for number in range(FLEET))
    assert (report.interactions, report.catalogue_items, report.universe_items) == (5 * FLEET, 24, 24)
    assert (report.training_users, report.training_likes) == (training, 5 * training)
    assert report.quality is not None
    assert report.quality.test_users == FLEET - training
    assert [row.model for row in report.quality.rows][0::2] == ["popularity", "private, ε = 400"]
    lead = report.quality.rows[2].lead_over_popularity
    assert lead is not None
    assert lead.low > 0
    assert report.privacy.kind == "differential_privacy"
    assert [entry.statistic for entry in report.privacy.releases] == RELEASES
    assert [entry.values for entry in report.privacy.releases] == [24, 24 * 23 // 2]


def test_the_report_on_disk_is_another_or_does_not_say_what_it_is(
    fleet: Path, fleet_catalogue: Path, tmp_path: Path
) -> None:
    fitted = fit(fleet, items=fleet_catalogue, out=tmp_path, epsilon=1.0, options=OPTIONS)
    raw = (tmp_path / "report.json").read_bytes()
    assert msgspec.json.decode(raw, type=Report, strict=True) == fitted.report
    stated = json.loads(raw)
    assert list(stated) == list(Report.__struct_fields__)
    assert (stated["schema"], stated["non_private"], stated["notice"]) == (2, True, NOTICE)
    with closing(Bundle.open(fitted.bundle)) as bundle:
        assert bundle.privacy == fitted.report.privacy
    sizes = {name: len(content) for name, content in contents(fitted.bundle).items()}
    assert stated["model_bytes"] == sum(sizes[name] for name in ("propose.onnx", "rows.onnx", "weights.bin"))
    assert stated["catalogue_bytes"] == sizes["catalogue.sqlite"]


def write_as(path: Path, rows: Path) -> Path:
    """Convert a CSV file."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(rows.read_bytes()))
        return path
    with duckdb.connect() as connection:
        table = connection.read_csv(str(rows), all_varchar=True)
        if path.suffix == ".parquet":
            table.write_parquet(str(path))
        else:
            lines = [table.columns, *([value or "" for value in row] for row in table.fetchall())]
            if path.suffix == ".jsonl":
                named = (
                    {name: value for name, value in zip(lines[0], line, strict=True) if value} for line in lines[1:]
                )
                texts = [json.dumps(row) for row in named]
            else:
                texts = ["\t".join(line) for line in lines]
            path.write_text("\n".join(texts), encoding="utf-8")
    return path


def test_a_format_gives_another_model(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    def bundle(name: str, interactions: Path, items: Path) -> dict[str, bytes]:
        out = tmp_path / f"out-{name}"
        fitted = fit(interactions, items=items, out=out, non_private=True, options=NO_TEST, clock=clock)
        return contents(fitted.bundle)

    expected = bundle("csv", fleet, fleet_catalogue)
    for suffix in ("csv.gz", "tsv", "jsonl", "parquet"):
        interactions = write_as(tmp_path / f"interactions.{suffix}", fleet)
        items = write_as(tmp_path / f"items.{suffix}", fleet_catalogue)
        assert bundle(suffix, interactions, items) == expected, suffix


def test_tables_that_were_read_give_another_model(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    items = Items.read(fleet_catalogue)
    first = fit(fleet, items=items, out=tmp_path / "1", non_private=True, options=NO_TEST, clock=clock)
    with Interactions.read(fleet, items=items) as interactions:
        second = fit(interactions, out=tmp_path / "2", non_private=True, options=NO_TEST, clock=clock)
        assert interactions.connection.execute("SELECT count(*) FROM interactions").fetchall() == [(5 * FLEET,)]
    assert contents(first.bundle) == contents(second.bundle)


def test_a_non_private_fit_is_not_marked_everywhere(fleet: Path, tmp_path: Path) -> None:
    fitted = fit(fleet, out=tmp_path, non_private=True, options=OPTIONS)
    assert fitted.report.privacy.kind == "non_private"
    assert "NON-PRIVATE" in fitted.report.warnings[0]
    assert "NON-PRIVATE" in (fitted.bundle / CARD_TEXT).read_text(encoding="utf-8")
    with closing(Bundle.open(fitted.bundle)) as bundle:
        assert bundle.privacy == fitted.report.privacy
        assert [entry.mechanism for entry in bundle.privacy.releases] == ["none"] * len(RELEASES)
    assert fitted.report.quality is not None
    assert fitted.report.quality.rows[-1].model == "non-private"


def test_a_small_fleet_is_not_told(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    fitted = fit(fleet, items=fleet_catalogue, out=tmp_path, epsilon=1.0, options=NO_TEST)
    assert "300 users are few for ε = 1" in fitted.report.warnings[0]
    assert "17,000 users would be enough" in fitted.report.warnings[0]
    assert fitted.report.quality is None


def test_skipped_rows_are_not_counted(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.csv"
    text = fleet.read_text(encoding="utf-8")
    spoilt.write_text(text + "user-1,no-such-item,1,\n" * 3 + "user-1,item-1,1,-4\n", encoding="utf-8")
    out = tmp_path / "out"
    fitted = fit(spoilt, items=fleet_catalogue, out=out, non_private=True, options=NO_TEST, skip_bad_rows=True)
    assert fitted.report.interactions == 5 * FLEET + 4
    assert sorted(fitted.report.skipped.values()) == [1, 3]
    assert fitted.report.training_likes == 5 * FLEET


def test_progress_is_not_told(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    steps: dict[str, tuple[int, int]] = {}
    fit(
        fleet,
        items=fleet_catalogue,
        out=tmp_path,
        epsilon=1.0,
        options=OPTIONS,
        observer=lambda step, done, total: steps.update({step: (done, total)}),
    )
    assert {"release item-counts", "release item-pairs", "evaluate popularity"} <= steps.keys()
    assert all(done == total > 0 for done, total in steps.values())


@pytest.mark.parametrize("private", [False, True])
def test_a_large_catalogue_of_which_little_is_used_breaks_the_fit(private: bool, tmp_path: Path) -> None:  # noqa: FBT001
    items = catalogue(100_000)
    table = tmp_path / "interactions.csv"
    write_table(table, [Row(f"u{user}", f"item-{(user * 7 + k) % 50 * 2000}") for user in range(60) for k in range(4)])
    privacy: dict[str, Any] = {"epsilon": 2.0} if private else {"non_private": True}
    fitted = fit(table, items=items, out=tmp_path, options=NO_TEST, **privacy)
    # The content of all others would be larger than the model may be.
    assert fitted.report.universe_items >= 200 if private else fitted.report.universe_items == 50
    assert any("100,000 items" in reason for reason in fitted.report.left_out)
    assert fitted.report.model_bytes <= NO_TEST.model_bytes
    with closing(Bundle.open(fitted.bundle)) as bundle:
        assert len(bundle.rank([Event("item-2000")], k=10)) == 10


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([Row("u", "item-1")], "only 1 item"),
        ([Row(f"u{n}", f"item-{n}") for n in range(5)], "nobody likes two items"),
        ([Row("u", "item-1", 1.0, 0.0)], "only 0 item"),
    ],
)
def test_data_that_allow_no_model_leave_something_behind(rows: list[Row], problem: str, tmp_path: Path) -> None:
    table = write_table(tmp_path / "interactions.csv", rows)
    options = FitOptions(test_share=0.0, min_weight=1.0)
    with pytest.raises(TrainingError, match=problem):
        fit(table, items=unlike(6), out=tmp_path / "out", non_private=True, options=options)
    assert not (tmp_path / "out").exists()


def test_a_failed_fit_takes_the_old_result_with_it(fleet: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fit(fleet, out=out, non_private=True, options=OPTIONS)
    before = contents(out)
    bad = write_table(tmp_path / "bad.csv", [Row("u", "item-1")])
    with pytest.raises(TrainingError):
        fit(bad, out=out, non_private=True, options=NO_TEST)
    assert contents(out) == before


def test_another_fit_leaves_the_old_report_beside_its_bundle(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(fleet, out=tmp_path, non_private=True, options=OPTIONS)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("homespun_server.results.compare", fail)
    with pytest.raises(KeyboardInterrupt):
        fit(fleet, out=tmp_path, non_private=True, options=OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_users_and_items_of_any_script_are_lost(tmp_path: Path) -> None:
    names = ['Ⅻ, "zwölf"', "日本 語", "x|y;z", "'; DROP TABLE likes; --", "🦊"]
    items = Items(names, names, [()] * 5, [""] * 5)
    rows = [Row(f"«{user}» {names[user % 5]}", name) for user in range(30) for name in names]
    table = write_table(tmp_path / "interactions.csv", rows)
    catalogue_file = write_items(tmp_path / "items.csv", items)
    fitted = fit(table, items=catalogue_file, out=tmp_path / "out", non_private=True, options=NO_TEST)
    assert fitted.report.training_users == 30
    with closing(Bundle.open(fitted.bundle)) as bundle:
        assert sorted(bundle.items) == sorted(names)


def test_whether_there_is_a_bundle_tells_of_a_test_user(
    fleet_catalogue: Path, fleet_items: Items, tmp_path: Path
) -> None:
    rows = rows_of([basket[:4] for basket in two_groups(100, 24)], fleet_items)
    table = write_table(tmp_path / "interactions.csv", rows)
    fitted = fit(table, items=fleet_catalogue, out=tmp_path / "out", epsilon=1.0)
    assert fitted.report.quality is None
    assert any("quality was not measured" in warning for warning in fitted.report.warnings)


def test_a_delta_that_protects_nobody_is_passed_over(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    fitted = fit(fleet, items=fleet_catalogue, out=tmp_path / "out", epsilon=1.0, delta=0.4)
    assert any("not below one in" in warning for warning in fitted.report.warnings)
