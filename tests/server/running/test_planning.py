"""A plan that spends, reads people's data, or states another cost than the run has."""

from pathlib import Path

import pytest

from homespun_server import BudgetPolicy, open_ledger
from homespun_server.errors import BudgetError
from homespun_server.running.job import Places
from homespun_server.running.planning import plan
from homespun_server.running.runner import run
from homespun_server.statistics.interactions import Interactions
from tests.server.running.conftest import Ran
from tests.server.running.support import Films, content, job_of, without_privacy

LEDGER = {"data_set": "films", "store": "ledger.sqlite"}


def test_a_plan_reads_people_or_leaves_something(films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interactions, "read", lambda *_, **__: pytest.fail("people were read"))
    found = plan(job_of(content(films), tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert {step.state for step in found.steps} == {"to do"}
    assert [step.step for step in found.steps if step.reads_people] == ["ingest", "release", "evaluate"]
    assert found.cost is not None
    assert (found.cost.epsilon, found.cost.lifetime, found.cost.left, found.cost.delta) == (8.0, 8.0, None, 1e-6)
    assert "only the hashes were used" in found.note


def test_a_plan_spends_or_says_that_what_is_kept_costs_again(films: Films, tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite", "films", create=True) as ledger:
        ledger.open(BudgetPolicy(epsilon=9.0, period="once", lifetime=20.0))
        before = ledger.state()
    asked = content(films, ledger=LEDGER, fit={"metrics_epsilon": 2.0})
    first = plan(job_of(asked, tmp_path))
    assert first.cost is not None
    # Users are in training or kept aside: the larger of the two.
    assert (first.cost.epsilon, first.cost.left, first.cost.refusal) == (8.0, 9.0, None)
    with open_ledger(tmp_path / "ledger.sqlite", "films") as ledger:
        assert ledger.state().sequence == before.sequence
    run(job_of(asked, tmp_path))
    kept = plan(job_of(asked, tmp_path))
    assert kept.cost is not None
    assert kept.cost.epsilon == 0
    assert 7.9 < kept.cost.lifetime <= 8.0
    assert {step.state for step in kept.steps} == {"kept"}
    again = plan(job_of(content(films, ledger=LEDGER, fit={"max_items": 50}), tmp_path))
    assert again.cost is not None
    assert again.cost.epsilon == 8.0
    assert 8.0 < again.cost.lifetime < 16.0
    assert again.cost.refusal is not None
    assert "is left" in again.cost.refusal


def test_metrics_are_spent_again_or_a_plan_hides_what_was_lost(films: Films, tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite", "films", create=True) as ledger:
        ledger.open(BudgetPolicy(epsilon=100.0, period="once"))
    asked = content(films, ledger=LEDGER, fit={"metrics_epsilon": 2.0})
    run(job_of(asked, tmp_path))

    def charged() -> list[str]:
        with open_ledger(tmp_path / "ledger.sqlite", "films") as ledger:
            return [each.spend.statistic for each in ledger.state().spends]

    before = charged()
    otherwise = content(films, ledger=LEDGER, fit={"metrics_epsilon": 2.0}, evaluation={"latency_runs": 21})
    for changed, folder, epsilon in ((otherwise, "work", 2.0), (asked, "lost", 8.0)):
        places = Places(work=tmp_path / folder)
        found = plan(job_of(changed, tmp_path, places=places)).cost
        assert found is not None
        with pytest.raises(BudgetError, match="--spend-again") as caught:
            run(job_of(changed, tmp_path, places=places))
        assert (found.epsilon, found.refusal) == (epsilon, str(caught.value))
        assert charged() == before
        willing = plan(job_of(changed, tmp_path, places=places, spend_again=True)).cost
        assert willing is not None
        assert (willing.epsilon, willing.refusal) == (epsilon, None)
    run(job_of(otherwise, tmp_path, spend_again=True))
    assert charged() == [*before, "metric-sums"]


def test_a_plan_promises_something_where_nothing_is(films: Films, tmp_path: Path, private: Ran) -> None:
    assert plan(job_of(without_privacy(films), tmp_path)).cost is None
    assert plan(private.job).after == "The bundle is not published."
