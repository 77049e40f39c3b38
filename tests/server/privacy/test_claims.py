"""What the page on privacy says of several parts at once: who is protected, in which order, and what ids cost."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun.protocol.statistics.declaration import Statistic, universe_of
from homespun.protocol.statistics.encoding import Encoder
from homespun.protocol.statistics.histories import Histories
from homespun.protocol.statistics.standard import item_counts, item_pairs
from homespun_server import FitOptions, Interactions, fit
from homespun_server.learning import releasing
from homespun_server.privacy import release as release_module
from homespun_server.privacy.ledger import BudgetLedger, Charge, Reservation, one_off_budget
from homespun_server.privacy.provenance import released
from homespun_server.privacy.release import release
from homespun_server.privacy.zcdp import epsilon_of, gaussian_rho, rho_for
from homespun_server.publishing.statement import privacy_statement
from tests.server.support import catalogue, noisy, squared_norm, user_sum

ITEMS = 400
UNIVERSE = universe_of(catalogue(ITEMS).ids)
FEW = (item_counts(UNIVERSE, max_items=7), item_pairs(UNIVERSE, [1 + item % 9 for item in range(ITEMS)], max_items=7))
SECRETS = (bytes(32), bytes(range(32)), b"\xff" * 32, *(bytes([number]) * 32 for number in range(1, 40)))


def test_a_bundle_does_not_say_who_is_protected() -> None:
    statement = privacy_statement(released(noisy([1], rho=0.1)), 1e-6)
    assert (statement.kind, statement.unit, statement.neighbours) == (
        "differential_privacy",
        "user",
        "add/remove one user",
    )
    assert f"ε = {statement.epsilon}, δ = 1e-06" in statement.statement
    assert "adding or removing one user with everything that user ever did" in statement.statement


def of_everything(secret: bytes, people: int = 1) -> Histories:
    """Return people who like all items, each under the same secret."""
    events = ITEMS * people
    return Histories(
        starts=np.arange(0, events + 1, ITEMS),
        items=np.tile(np.arange(ITEMS), people),
        times=np.full(events, -1),
        kinds=np.full(events, -1),
        weights=np.full(events, np.nan),
        secrets=[secret] * people,
    )


def added(statistic: Statistic, people: Histories) -> np.ndarray:
    found = Encoder(statistic).encode(people)
    total = np.zeros(statistic.size, np.int64)
    np.add.at(total, found.cells, found.values)
    return total


@pytest.mark.parametrize("statistic", FEW, ids=lambda statistic: statistic.name)
def test_a_secret_that_is_known_breaks_the_bound_or_a_sample_makes_noise_smaller(statistic: Statistic) -> None:
    for secret in SECRETS:
        assert 0 < squared_norm(added(statistic, of_everything(secret))) <= statistic.l2_bound**2
    # A sample of one item in a hundred is given the noise of somebody who is looked at whole.
    most = ITEMS if statistic is FEW[0] else 100
    form = msgspec.structs.replace(statistic.transformation, max_items=most)
    whole = msgspec.structs.replace(statistic, transformation=form)
    sigmas = [noise_of(declared) for declared in (statistic, whole)]
    assert sigmas[0] == sigmas[1]


def noise_of(statistic: Statistic) -> int:
    zeros = np.zeros(statistic.size, np.int64)
    return release(user_sum(zeros, statistic), rho=Fraction(1, 50), budget=one_off_budget(10.0, 1e-6)).sigma


@pytest.mark.parametrize("ids", [2, 5, 10])
def test_somebody_with_several_ids_loses_more_than_is_stated(ids: int) -> None:
    for statistic in FEW:
        moved = squared_norm(added(statistic, of_everything(bytes(32), ids)))
        # It is attained but for rounding, so that no smaller figure would be true.
        assert 0.99 * (ids * statistic.l2_bound) ** 2 < moved <= (ids * statistic.l2_bound) ** 2
        assert gaussian_rho(ids * statistic.l2_bound, 50_000) == ids**2 * gaussian_rho(statistic.l2_bound, 50_000)


@pytest.mark.parametrize("page", ["docs/privacy.md", "docs/threat-model.md"])
def test_a_page_has_other_figures_for_several_ids(page: str, repository: Path) -> None:
    text = " ".join((repository / page).read_text(encoding="utf-8").split())
    for epsilon in (1.0, 4.0):
        rho = rho_for(epsilon, 1e-6)
        for ids in (2, 5, 10):
            loss = epsilon_of(ids**2 * rho, 1e-6)
            assert re.search(rf"\b{loss:.{int(loss < 20)}f}\b", text), (epsilon, ids, loss)


def test_the_steps_of_a_release_come_in_another_order(
    fleet: Path, fleet_catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def watch(where: Any, name: str, step: str) -> None:
        real: Callable[..., Any] = getattr(where, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            steps.append(step)
            return real(*arguments, **options)

        monkeypatch.setattr(where, name, watched)

    watch(BudgetLedger, "reserve", "reserve")
    watch(Interactions, "read", "read")
    watch(releasing, "sum_over_people", "sum")
    watch(Reservation, "spend", "charge")
    watch(Charge, "claim", "claim")
    watch(release_module, "add_discrete_gaussian", "noise")
    watch(Charge, "released", "digest")
    watch(Reservation, "close", "give back")
    fit(fleet, items=fleet_catalogue, out=tmp_path, epsilon=4.0, options=FitOptions(test_share=0.0, dimensions=4))
    one_release = ["sum", "charge", "claim", "noise", "digest"]
    assert steps == ["reserve", "read", *one_release, *one_release, "give back"]
