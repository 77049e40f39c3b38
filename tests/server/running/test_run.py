"""A run leaves out what was asked, does twice what was done, or lets figures about people out."""

import json
import re
from pathlib import Path

import pytest

from homespun.model.bundle import Bundle
from homespun.protocol.bundle import CARD_DATA, CARD_TEXT, GOLDEN, MANIFEST
from homespun.protocol.golden import parse_golden
from homespun_server import open_ledger
from homespun_server.errors import BudgetExceededError, GateFailedError, OutputError
from homespun_server.privacy.ledger import BudgetPolicy
from homespun_server.publishing.card import read_card
from homespun_server.running.cache import Cache
from homespun_server.running.lineage import FILE as LINEAGE_FILE
from homespun_server.running.lineage import read_lineage
from homespun_server.running.overrides import Override
from homespun_server.running.runner import run
from homespun_server.running.steps.evaluate import report_in
from homespun_server.statistics.interactions import Interactions
from tests.server.publishing.support import contents
from tests.server.running.conftest import Ran
from tests.server.running.support import Films, content, job_of, without_privacy

STEPS = ["ingest", "statistics", "release", "train", "evaluate", "gates", "bundle"]


def test_a_rerun_reads_people_spends_or_makes_another_bundle(
    films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(job_of(content(films), tmp_path))
    assert [name for name, what in first.done.items() if what.startswith("made in ")] == STEPS
    before = contents(first.folder)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Interactions, "read", refuse)
    again = run(job_of(content(films), tmp_path))
    assert {name: again.done[name] for name in STEPS} == dict.fromkeys(STEPS, "kept")
    assert (again.bundle, contents(again.folder)) == (first.bundle, before)
    # Another threshold and another card are no reason to look at people either.
    run(job_of(content(films, gates={"max_epsilon": 9.0}, card={"contact": "us"}), tmp_path))


def test_a_device_refuses_what_a_run_makes(private: Ran, exact: Ran) -> None:
    for ran in (private, exact):
        with Bundle.open(ran.outcome.folder) as bundle:
            assert bundle.id == ran.outcome.bundle
            for case in parse_golden((ran.outcome.folder / GOLDEN).read_bytes()).cases:
                ranked = bundle.rank([event.event() for event in case.events], len(case.items), context=case.context)
                assert tuple(each.item for each in ranked) == case.items


def test_the_card_leaves_out_how_the_bundle_was_judged(private: Ran) -> None:
    card = read_card((private.outcome.folder / CARD_DATA).read_bytes())
    text = (private.outcome.folder / CARD_TEXT).read_text(encoding="utf-8")
    assert card.privacy.kind == "differential_privacy"
    assert {gate.name for gate in card.gates} >= {"lead-over-popularity", "membership", "epsilon", "explained"}
    assert all(gate.passed for gate in card.gates)
    assert card.quality is not None
    assert [each.name for each in card.quality.metrics] == [
        "ndcg_100",
        "capped_recall_10",
        "capped_recall_100",
        "lead over popularity",
    ]
    assert card.sources["quality"].startswith("released: ")
    assert "metric-sums" in {entry.statistic for entry in card.privacy.releases}
    assert not any("Quality figures are not stated" in each for each in card.limitations)
    for heading in ("## Intended use", "## Gates", "## Quality", "## What lists are made by", "## What was counted"):
        assert heading in text
    assert "With 10 liked items:" in text
    # Quality was decided by released figures; the attack, and the parts of the requests, by exact ones.
    assert card.privacy_notes == (next(note for note in card.privacy_notes if "1 bit, one a gate" in note),)
    assert (
        json.loads((private.outcome.folder / MANIFEST).read_bytes())["privacy"]["statement"] == card.privacy.statement
    )


def test_a_card_without_privacy_has_figures_that_are_not_marked(exact: Ran) -> None:
    card = read_card((exact.outcome.folder / CARD_DATA).read_bytes())
    assert card.privacy.kind == "non_private"
    assert card.quality is not None
    assert card.segments is not None
    assert {row.kind for row in card.segments.rows} == {"history", "popularity", "tag"}
    for name in ("quality", "segments"):
        assert card.sources[name].startswith("NON-PRIVATE, from exact figures")


def numbers(text: str) -> set[str]:
    """Return figures of four digits and more, as they are written."""
    return {found for found in re.findall(r"\d+\.\d+", text) if len(found.partition(".")[2]) >= 4}


def quality_in(card: str) -> str:
    """Return the quality that a card states, which is decided by what was released."""
    data = json.loads(card)
    assert data["sources"]["quality"].startswith("released: ")
    return json.dumps(data["quality"])


def test_an_exact_figure_is_in_a_private_bundle(private: Ran) -> None:
    report = report_in(private.job.made("evaluate"))
    assert report is not None
    figures = {
        f"{value:.4f}" for model in report.models for each in model.metrics.values() for value in (each.mean, each.low)
    }
    texts = [(private.outcome.folder / name).read_text(encoding="utf-8") for name in (CARD_TEXT, CARD_DATA, MANIFEST)]
    assert len(figures) > 20
    # The released ones are noised, and the noise may happen to hit an exact one when both are rounded.
    released = {f"{float(each):.4f}" for each in re.findall(r"\d\.\d+", quality_in(texts[1]))}
    assert not figures & numbers(" ".join(texts)).difference({"0.0000", "1.0000"}, released)
    # The number alone may stand there by chance, as a size or a setting.
    assert not any(re.search(rf"\b{report.users} (?:test )?(?:people|users)", text) for text in texts)


def test_the_lineage_is_in_the_bundle_or_leaves_something_out(private: Ran) -> None:
    assert LINEAGE_FILE not in contents(private.outcome.folder)
    lineage = read_lineage((private.outcome.folder.parent / LINEAGE_FILE).read_bytes())
    assert lineage.bundle == private.outcome.bundle
    assert lineage.inputs == private.job.files.digests
    assert {"homespun-server", "numpy", "onnx"} <= lineage.code.keys()
    assert [step.step for step in lineage.steps] == STEPS[:-1]
    assert [each.statistic for each in lineage.releases] == ["item-counts", "item-pairs"]
    assert [each.statistic for each in lineage.measured] == ["metric-sums"]
    assert lineage.budget is not None
    with private.job.ledger() as ledger:
        ledger.check_head(lineage.budget.head)
        charged = {each.released for each in ledger.state().spends}
    assert {each.sha256 for each in (*lineage.releases, *lineage.measured)} == charged
    assert float(lineage.budget.epsilon) <= 8.0
    assert lineage.metrics["ndcg@100"].mean > 0


def test_a_copy_of_the_table_or_of_exact_sums_is_kept(private: Ran, exact: Ran) -> None:
    for ran in (private, exact):
        files = {path.relative_to(ran.job.places.work).as_posix() for path in ran.job.places.work.rglob("*.parquet")}
        kinds = {name.rpartition("/")[2] for name in files}
        assert kinds == (
            {"item-counts.parquet", "item-pairs.parquet", "metric-sums.parquet"} if ran is private else set()
        )
        user = ran.job.files.interactions.read_text(encoding="utf-8").splitlines()[1].partition(",")[0]
        assert user
        for path in ran.job.places.work.rglob("*.json"):
            assert f'"{user}"' not in path.read_text(encoding="utf-8")


def test_people_are_read_although_the_budget_forbids_it(
    films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger(tmp_path / "ledger.sqlite", "films", create=True) as ledger:
        ledger.open(BudgetPolicy(epsilon=7.0, period="once"))
    asked = content(films, ledger={"data_set": "films", "store": "ledger.sqlite"})
    monkeypatch.setattr(Interactions, "read", lambda *_, **__: pytest.fail("people were read"))
    with pytest.raises(BudgetExceededError):
        run(job_of(asked, tmp_path))


def test_a_gate_that_is_not_met_lets_a_bundle_through(films: Films, tmp_path: Path) -> None:
    asked = content(films, gates={"max_bundle_bytes": 1000, "lead_over_popularity": 0.9})
    with pytest.raises(GateFailedError, match=r"lead-over-popularity: .*; bundle-bytes: .*where ≤ 1,000 was") as caught:
        run(job_of(asked, tmp_path))
    assert caught.value.gates == ("lead-over-popularity", "bundle-bytes")
    assert not (tmp_path / "work" / "bundle").exists()
    # The same again, although every step is kept by now.
    with pytest.raises(GateFailedError):
        run(job_of(asked, tmp_path))
    reason = "the | application ships it once"
    some = [Override("bundle-bytes", reason)]
    with pytest.raises(GateFailedError) as caught:
        run(job_of(asked, tmp_path, overrides=some))
    assert caught.value.gates == ("lead-over-popularity",)
    both = [*some, Override("lead-over-popularity", "a trial")]
    outcome = run(job_of(asked, tmp_path, overrides=both))
    card = read_card((outcome.folder / CARD_DATA).read_bytes())
    told = {gate.name: (gate.passed, gate.override) for gate in card.gates if not gate.passed}
    assert told == {"bundle-bytes": (False, reason), "lead-over-popularity": (False, "a trial")}
    assert f"- **bundle-bytes** was not met, and let pass: {reason}" in (outcome.folder / CARD_TEXT).read_text(
        encoding="utf-8"
    )
    lineage = read_lineage((outcome.folder.parent / LINEAGE_FILE).read_bytes())
    assert [override.gate for override in lineage.overrides] == ["bundle-bytes", "lead-over-popularity"]


def test_a_bundle_without_privacy_gets_to_production_with_a_reason(films: Films, tmp_path: Path) -> None:
    asked = without_privacy(films) | {"channel": "films/production"}
    with pytest.raises(GateFailedError) as caught:
        run(job_of(asked, tmp_path))
    assert caught.value.gates == ("non-private-stage",)
    with pytest.raises(Exception, match="nobody can override non-private-stage"):
        run(job_of(asked, tmp_path, overrides=[Override("non-private-stage", "a trial")]))


def test_what_a_step_made_was_changed_and_is_used_all_the_same(films: Films, tmp_path: Path) -> None:
    job = job_of(content(films), tmp_path)
    run(job)
    evaluated = job.made("evaluate") / "evaluated.json"
    evaluated.write_bytes(evaluated.read_bytes().replace(b"ndcg@100", b"ndcg@200"))
    with pytest.raises(OutputError, match="was changed since the step evaluate was done"):
        run(job)


def test_two_runs_work_in_one_folder(films: Films, tmp_path: Path) -> None:
    job = job_of(content(films), tmp_path)
    with Cache(job.places.work).locked(), pytest.raises(OutputError, match="another run works in"):
        run(job)
    with Cache(job.places.work).locked():
        pass


def test_the_table_changes_while_a_run_is_under_way(films: Films, tmp_path: Path) -> None:
    copied = Films(tmp_path / "interactions.csv", films.items)
    copied.interactions.write_bytes(films.interactions.read_bytes())
    job = job_of(content(copied), tmp_path)
    with copied.interactions.open("a", encoding="utf-8") as file:
        file.write(films.interactions.read_text(encoding="utf-8").splitlines()[1] + "\n")
    with pytest.raises(Exception, match="was changed since this run began"):
        run(job)


def test_too_few_people_are_tested_and_nobody_says_so(films: Films, tmp_path: Path) -> None:
    rows = films.interactions.read_text(encoding="utf-8").splitlines()
    few = Films(tmp_path / "few.csv", films.items)
    few.interactions.write_text("\n".join(rows[:300]) + "\n", encoding="utf-8")
    with pytest.raises(GateFailedError) as caught:
        run(job_of(content(few), tmp_path))
    assert "membership" in caught.value.gates
    job = job_of(content(few), tmp_path)
    assert "membership attack was not made" in (job.made("gates") / "gates.json").read_text(encoding="utf-8")
