"""Budget is spent twice, left over or spent on something that nobody is told of."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from homespun_server import FitOptions, Interactions, fit
from homespun_server.learning import FitData, releasing
from homespun_server.learning.moments import stretches
from homespun_server.learning.releasing import COUNTS_SHARE, IMPORTANCE, PRIVATE_SEQUENCE_ITEMS, release_all
from homespun_server.privacy.release import Release, release_without_privacy
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.statistics.sums import UserSum
from homespun_server.training.content import catalogue as stated
from tests.server.learning.support import EVERYTHING, ITEMS, NOON, START, in_contexts, silent, table_of, walkers
from tests.server.pipeline.support import RELEASES, account_beside, state_of
from tests.server.support import catalogue, write_table

TOTAL = Fraction(7, 3)
ORDER = ["item-counts", "item-trend", "item-context-0", "repeats", "transitions", "item-pairs", "archetypes"]


class Purse:
    """A budget that is spent to the last fraction."""

    secret = bytes(32)
    delta = 1e-6

    def __init__(self) -> None:
        self.spent: dict[str, Fraction] = {}

    def left(self, path: object) -> Fraction:
        assert path is not None
        return TOTAL - sum(self.spent.values(), Fraction(0))

    def release(self, total: UserSum, *, rho: Fraction, budget: "Purse", progress: object) -> Release:
        assert budget is self
        assert rho > 0
        assert total.statistic.name not in self.spent
        self.spent[total.statistic.name] = rho
        return release_without_privacy(total)


def spent_on(
    options: dict[str, Any], interactions: Interactions, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Fraction]:
    """What a fit with these options would spend on each statistic, if all of it could be spent exactly."""
    purse, chosen = Purse(), FitOptions(**options)
    monkeypatch.setattr(releasing, "release", purse.release)
    data = FitData(interactions, chosen, None)
    edges = stretches(int(NOON.timestamp()), chosen.half_lives)
    released = release_all(
        data,
        stated(interactions.items),
        chosen,
        budget=purse,  # type: ignore[arg-type]
        edges=edges,
        observer=silent,
    )
    assert {
        *released.by_name,
        "item-counts",
        *(each.statistic.name for each in released.contexts),
    } == purse.spent.keys()
    assert [told.statistic for told in released.bounding] == list(purse.spent)
    return purse.spent


OPTIONS: dict[str, dict[str, Any]] = {
    "everything": EVERYTHING,
    "standard": {"test_share": 0.0},
    "order": {"parts": ("sequential",), "test_share": 0.0},
    "pairs and tastes": {"parts": ("collaborative",), "archetypes": 2, "test_share": 0.0},
    "two contexts": {**EVERYTHING, "contexts": (("daytime", ("day",)), ("daytime2", ("a", "b"))), "repeats": False},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_shares_do_not_add_up_to_the_budget_or_are_not_as_important_as_they_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = in_contexts(tmp_path / "rows.csv", walkers(120))
    text = path.read_text(encoding="utf-8").splitlines()
    both = [f"{line},{'daytime2' if not number else 'ab'[number % 2]}" for number, line in enumerate(text)]
    path.write_text("\n".join(both) + "\n", encoding="utf-8")
    with table_of(tmp_path, path, context=("daytime", "daytime2")) as interactions:
        spent = spent_on(OPTIONS[name], interactions, monkeypatch)
    assert sum(spent.values()) == TOTAL
    assert spent["item-counts"] == COUNTS_SHARE * TOTAL
    others = {statistic: rho for statistic, rho in spent.items() if statistic != "item-counts"}
    worth = {
        statistic: IMPORTANCE["item-context" if statistic.startswith("item-context") else statistic]
        for statistic in others
    }
    everything = sum(worth.values(), Fraction(0))
    for statistic, rho in others.items():
        assert rho == (1 - COUNTS_SHARE) * TOTAL * worth[statistic] / everything, statistic


def test_a_statistic_is_released_twice_or_before_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = in_contexts(tmp_path / "rows.csv", walkers(120))
    with table_of(tmp_path, path, context=("daytime",)) as interactions:
        assert list(spent_on(EVERYTHING, interactions, monkeypatch)) == ORDER


def test_the_ledger_or_the_statement_misses_a_release(tmp_path: Path) -> None:
    path = in_contexts(tmp_path / "rows.csv", walkers(150))
    fitted = fit(
        path,
        items=catalogue(ITEMS),
        out=tmp_path / "out",
        epsilon=60.0,
        options=FitOptions(**EVERYTHING),
        interaction_columns=InteractionColumns(context=("daytime",)),
    )
    state = state_of(account_beside(tmp_path / "out"))
    assert [each.spend.statistic for each in state.spends] == ORDER
    assert state.held == ()
    stated_releases = fitted.report.privacy.releases
    assert sorted(entry.statistic for entry in stated_releases) == sorted(ORDER)
    by_name = {each.spend.statistic: each.spend for each in state.spends}
    for entry in stated_releases:
        assert (entry.l2_bound, int(entry.sigma)) == (by_name[entry.statistic].l2_bound, by_name[entry.statistic].sigma)
    assert fitted.report.privacy.epsilon is not None
    assert 59.9 < fitted.report.privacy.epsilon <= 60
    told = {each.statistic for each in fitted.report.bounding}
    assert told == set(ORDER)


def test_parts_that_nobody_wants_are_paid_for(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv", walkers(60))
    for number, (parts, statistics) in enumerate(
        [
            (("content",), ["item-counts"]),
            (("sequential",), ["item-counts", "transitions"]),
            (("content", "trend"), ["item-counts", "item-trend"]),
            (("collaborative",), ["item-counts", "item-pairs"]),
            (None, RELEASES),
        ]
    ):
        out = tmp_path / str(number)
        options = FitOptions(parts=parts, test_share=0.0)  # type: ignore[arg-type]
        fit(table, items=catalogue(ITEMS), out=out, epsilon=2.0, options=options)
        assert [each.spend.statistic for each in state_of(account_beside(out)).spends] == statistics, parts


def test_noise_is_added_to_every_pair_of_a_large_universe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transitions are counted of the most popular items: as many as are told, or fewer where noise is added."""
    assert FitOptions().max_items > PRIVATE_SEQUENCE_ITEMS
    monkeypatch.setattr(releasing, "PRIVATE_SEQUENCE_ITEMS", 7)

    def values(out: str, **more: Any) -> int:
        given = {"epsilon": 4.0, "options": FitOptions(parts=("sequential", "content"), test_share=0.0), **more}
        made = fit(table, items=catalogue(ITEMS), out=tmp_path / out, **given)
        return next(entry.values for entry in made.report.privacy.releases if entry.statistic == "transitions")

    table = write_table(tmp_path / "table.csv", walkers(60))
    told = FitOptions(parts=("sequential", "content"), test_share=0.0, max_sequence_items=5)
    assert values("private") == 7**2
    assert values("exact", epsilon=None, non_private=True) == ITEMS**2
    assert values("told", options=told) == 5**2
    assert values("told, exact", epsilon=None, non_private=True, options=told) == 5**2


@pytest.mark.parametrize("half_lives", [(3600,), (2 * 86_400, 60 * 86_400), (1,), (10**9,)])
def test_stretches_miss_the_end_or_run_into_each_other(half_lives: tuple[int, ...]) -> None:
    for as_of in (START, 5, 1):
        edges = stretches(as_of, half_lives)
        assert edges[-1] == as_of
        assert edges[0] >= 0
        assert list(edges) == sorted(set(edges))
        assert len(edges) < 400
        if as_of == START and max(half_lives) * 10 < START:
            assert as_of - edges[0] >= 10 * max(half_lives)
            assert as_of - edges[-2] <= max(min(half_lives) // 8, 1)
