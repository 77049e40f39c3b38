"""``homespun verify`` and the files that decisions are exported to."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import homespun as hs
from tests.sdk.cli.support import NOTICE, Run


@pytest.fixture
def me(bundle_folder: Path) -> Iterator[hs.Personalizer]:
    with (
        hs.Bundle.open(bundle_folder) as bundle,
        hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle) as opened,
    ):
        purposes = hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, hs.Purpose.EXPLANATION_LOG
        opened.consent.grant(*purposes, notice=NOTICE)
        for item in ("item-3", "item-8"):
            opened.record(item, "like")
        yield opened


@pytest.fixture
def lines(me: hs.Personalizer, tmp_path: Path) -> Path:
    me.recommend(4)
    me.similar_items("item-5", 3)
    assert me.decisions.export(tmp_path / "decisions.jsonl") == 2
    return tmp_path / "decisions.jsonl"


def test_true_records_are_refused(run: Run, lines: Path, bundle_folder: Path) -> None:
    status, out, err = run("verify", lines, "--bundle", bundle_folder)
    assert (status, err) == (0, "")
    assert out.startswith("2 lists with 7 items: every score, part, rank and reason was made again from Random")


def test_a_changed_record_is_passed_over(run: Run, lines: Path, bundle_folder: Path) -> None:
    first, second = lines.read_text().splitlines()
    raw = json.loads(second)
    raw["items"][0]["score"] = "12.5"
    lines.write_text(f"{first}\n{json.dumps(raw)}\n")
    status, out, err = run("verify", lines, "--bundle", bundle_folder)
    assert status == 1
    assert out.startswith("record 2: the record was changed since it was made")
    assert "1 of 2 lists with 7 items did not come out as recorded" in err


def test_another_bundle_verifies_them(run: Run, lines: Path) -> None:
    status, out, err = run("verify", lines)
    assert status == 1
    assert out.count("verify it with that one") == 2
    assert "2 of 2 lists" in err


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "holds no record, so nothing was verified"),
        ("\n\n", "holds no record"),
        ("{}", "line 1 of"),
        ("no JSON", "is no explanation record"),
    ],
)
def test_a_file_without_records_is_called_verified(
    run: Run, tmp_path: Path, bundle_folder: Path, content: str, problem: str
) -> None:
    (tmp_path / "records").write_text(content)
    status, _, err = run("verify", tmp_path / "records", "--bundle", bundle_folder)
    assert status == 1
    assert problem in err
    assert run("verify", tmp_path / "missing", "--bundle", bundle_folder)[0] == 1


def test_a_policy_or_items_of_the_application_cannot_be_given(
    run: Run, me: hs.Personalizer, tmp_path: Path, bundle_folder: Path
) -> None:
    policy = {"schema": 1, "name": "own", "surfaces": {"home": {"stages": [{"stage": "candidates", "pool": 20}]}}}
    items = [{"id": "item-5", "stock": 0}]
    me.policy.use(policy)
    me.items.update(items)
    me.recommend(5)
    me.decisions.export(tmp_path / "records.jsonl")
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    (tmp_path / "items.json").write_text(json.dumps(items))
    given = ["verify", tmp_path / "records.jsonl", "--bundle", bundle_folder]
    assert run(*given)[0] == 1
    assert run(*given, "--policy", tmp_path / "policy.json")[0] == 1
    status, out, err = run(*given, "--policy", tmp_path / "policy.json", "--items", tmp_path / "items.json")
    assert (status, err) == (0, "")
    assert "1 list with 5 items" in out


def test_a_table_or_a_page_lacks_something(me: hs.Personalizer, tmp_path: Path) -> None:
    made = me.recommend(4)
    me.decisions.export(tmp_path / "decisions.csv", "csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "decisions.csv").read_text("utf-8-sig"))))
    assert [(row["item"], row["title"], row["place"]) for row in rows] == [
        (entry.item, entry.title, str(place)) for place, entry in enumerate(made, 1)
    ]
    assert [float(row["score"]) for row in rows] == [entry.score for entry in made]
    me.decisions.export(tmp_path / "decisions.html", "html")
    page = (tmp_path / "decisions.html").read_text("utf-8")
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert all(entry.title in page for entry in made)
    assert page.count("<article>") == 4


def test_a_title_runs_in_the_page_or_the_spreadsheet(me: hs.Personalizer, tmp_path: Path) -> None:
    me.items.update([{"id": item, "title": "=1+1<script>alert(1)</script>"} for item in me.bundle.items])
    me.recommend(2)
    me.decisions.export(tmp_path / "decisions.html", "html")
    assert "<script" not in (tmp_path / "decisions.html").read_text("utf-8")
    me.decisions.export(tmp_path / "decisions.csv", "csv")
    assert ",=1" not in (tmp_path / "decisions.csv").read_text("utf-8-sig")


def test_a_file_is_overwritten_or_half_written(me: hs.Personalizer, tmp_path: Path) -> None:
    me.recommend(2)
    target = tmp_path / "decisions.jsonl"
    target.write_text("something else")
    with pytest.raises(hs.errors.MisuseError, match="exists"):
        me.decisions.export(target)
    assert target.read_text() == "something else"
    with pytest.raises(hs.errors.MisuseError, match="unknown"):
        me.decisions.export(tmp_path / "other", "pdf")  # type: ignore[arg-type]
    me.decisions.export(target, overwrite=True)
    assert target.read_text().startswith('{"schema":3')
    assert [path.name for path in tmp_path.iterdir()] == ["decisions.jsonl"]


def test_nothing_is_kept_without_its_consent(bundle_folder: Path, tmp_path: Path) -> None:
    with (
        hs.Bundle.open(bundle_folder) as bundle,
        hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle) as me,
    ):
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE)
        me.record("item-3", "like")
        me.recommend(3)
        assert (len(me.decisions), list(me.decisions)) == (0, [])
        assert me.decisions.export(tmp_path / "none.jsonl") == 0
