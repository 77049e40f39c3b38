"""What would train from something that was not collected, or about other items than were asked for."""

from collections.abc import Mapping

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.collection.task import MAX_NUMBERS, WIDTH
from homespun_server import FitOptions
from homespun_server.errors import ReleaseFileError, TrainingError
from homespun_server.learning.collected import Asked, first_round, second_round, train_collected
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.provenance import released, together
from homespun_server.privacy.release import Release, collected, task_spend
from homespun_server.publishing.statement import privacy_statement
from homespun_server.statistics.cohort import mark_of
from homespun_server.training.content import catalogue as stated
from tests.server.learning.support import silent
from tests.server.support import catalogue, noisy

ITEMS = catalogue(20)
IDS = tuple(ITEMS.ids)
OPTIONS = FitOptions(test_share=0.0, max_items=10, max_sequence_items=10, parts=("collaborative", "sequential"))
PEOPLE = 1000
SIGMA = 5000


class Fleet:
    """A ledger, and releases as if their tasks had been collected."""

    def __init__(self) -> None:
        self.ledger = BudgetLedger(MemoryLog(), "fleet", clock=lambda: 1e9)
        self.ledger.open(BudgetPolicy())
        self._tasks = 0

    def release(self, asked: Asked, seed: int = 0) -> Release:
        self._tasks += 1
        charge = self.ledger.charge_task(f"{self._tasks:064x}", task_spend(asked.statistic, SIGMA))
        draw = np.random.default_rng(seed)
        values = draw.integers(0, 100 * asked.statistic.l2_bound, asked.statistic.size)
        return collected(charge, asked.statistic, values, mark_of(self.ledger.secret))

    def both(self) -> Mapping[str, Release]:
        counts = self.release(first_round(IDS, OPTIONS, PEOPLE))
        more = [self.release(each, 1) for each in second_round(counts, stated(ITEMS), OPTIONS, PEOPLE)]
        return {each.statistic.name: each for each in (counts, *more)}


def test_what_is_asked_does_not_fit_32_bits_or_a_report() -> None:
    first = first_round(IDS, OPTIONS, PEOPLE)
    assert (first.statistic.width, first.statistic.max_people, first.ids) == (WIDTH, PEOPLE, IDS)
    with pytest.raises(MisuseError, match="would wrap"):
        first_round(IDS, OPTIONS, 300_000)
    with pytest.raises(MisuseError, match="at most"):
        first_round([str(number) for number in range(MAX_NUMBERS + 1)], OPTIONS, PEOPLE)


def test_the_second_round_is_about_other_items_than_the_counts_choose() -> None:
    counts = Fleet().release(first_round(IDS, OPTIONS, PEOPLE))
    order = [IDS[item] for item in np.argsort(-counts.values, kind="stable")]
    found = {each.statistic.name: each for each in second_round(counts, stated(ITEMS), OPTIONS, PEOPLE)}
    assert list(found) == ["transitions", "item-pairs"]
    assert all(list(each.ids) == order[:10] for each in found.values())
    unordered = second_round(counts, stated(ITEMS), OPTIONS, PEOPLE, timed=False)
    assert [each.statistic.name for each in unordered] == ["item-pairs"]


def test_a_model_of_collected_tasks_hides_one_of_them() -> None:
    fleet = Fleet()
    learned = train_collected(fleet.both(), IDS, stated(ITEMS), OPTIONS, silent)
    assert {release.task for release in learned.model.releases} == {f"{number:064x}" for number in (1, 2, 3)}
    statement = privacy_statement(learned.model, 1e-6)
    assert statement.unit == "installation per task"
    assert statement.rho is not None
    assert float(statement.rho) >= float(fleet.ledger.state().lifetime_spent)


def test_a_table_s_release_passes_for_a_task() -> None:
    releases = dict(Fleet().both())
    with pytest.raises(MisuseError, match="no collected task"):
        train_collected({**releases, "item-counts": noisy([1] * 20)}, IDS, stated(ITEMS), OPTIONS, silent)
    both = together(released(releases["item-counts"]), released(noisy([1, 2])))
    with pytest.raises(MisuseError, match="no one guarantee"):
        privacy_statement(both, 1e-6)


def test_a_model_is_trained_from_half_of_what_it_needs() -> None:
    releases = dict(Fleet().both())
    with pytest.raises(MisuseError, match="kept aside"):
        train_collected(releases, IDS, stated(ITEMS), FitOptions(), silent)
    with pytest.raises(TrainingError, match="other items"):
        train_collected(releases, IDS[::-1], stated(ITEMS), OPTIONS, silent)
    with pytest.raises(TrainingError, match="lacks 1 items"):
        train_collected(releases, IDS, stated(catalogue(19)), OPTIONS, silent)
    del releases["item-counts"]
    with pytest.raises(TrainingError, match="collect that first"):
        train_collected(releases, IDS, stated(ITEMS), OPTIONS, silent)


def test_tasks_of_two_campaigns_are_mixed() -> None:
    fleet = Fleet()
    one, other = fleet.both(), dict(fleet.both())
    counts = fleet.release(first_round(IDS, OPTIONS, PEOPLE), seed=9)
    assert one.keys() == other.keys()
    with pytest.raises(ReleaseFileError, match="other items"):
        train_collected({**other, "item-counts": counts}, IDS, stated(ITEMS), OPTIONS, silent)
