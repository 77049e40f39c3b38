"""What a card says of quality is exact, is about people of the training, or costs more or less than is stated."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.protocol.bundle import CARD_DATA, CARD_TEXT
from homespun_server import FitOptions, Fitted, fit
from homespun_server.errors import PrivacyParameterError
from homespun_server.evaluation.comparison import METRICS
from homespun_server.privacy import release as release_module
from homespun_server.privacy.mechanisms import Progress, add_discrete_gaussian
from homespun_server.privacy.zcdp import epsilon_of
from homespun_server.statistics.cohort import Cohort
from tests.server.pipeline.support import RELEASES, account_beside, state_of
from tests.server.publishing.support import NOON, contents
from tests.server.support import Row, catalogue, share_of_hash, write_table

SHARE = 0.25
OPTIONS = FitOptions(test_share=SHARE, dimensions=4, max_items=20)
ITEMS = catalogue(20)


def is_kept_aside(user: str) -> bool:
    return share_of_hash(f"homespun-split-1:{user}") < SHARE


USERS = [f"u{number}" for number in range(80)]
TRAINING = [Row(user, f"item-{n}") for user in USERS if not is_kept_aside(user) for n in range(6)]
KEPT_ASIDE = [user for user in USERS if is_kept_aside(user)]


def kept_aside(likes: int, first: int = 0, users: Sequence[str] = KEPT_ASIDE) -> list[Row]:
    return [Row(user, f"item-{first + n}") for user in users for n in range(likes)]


def fitted(folder: Path, rows: list[Row], **more: Any) -> Fitted:
    folder.mkdir()
    table = write_table(folder / "interactions.csv", TRAINING + rows)
    given: dict[str, Any] = {"epsilon": 1.0, "metrics_epsilon": 1.0, "options": OPTIONS, **more}
    return fit(table, items=ITEMS, out=folder / "out", clock=lambda: NOON, **given)


def card_of(made: Fitted) -> Any:
    return json.loads((made.bundle / CARD_DATA).read_bytes())


@pytest.mark.parametrize(("epsilon", "metrics"), [(2.0, 1.0), (1.0, 2.0), (1.5, 1.5)])
def test_both_parts_add_up_or_the_larger_is_forgotten(epsilon: float, metrics: float, tmp_path: Path) -> None:
    made = fitted(tmp_path / "fit", kept_aside(6), epsilon=epsilon, metrics_epsilon=metrics)
    privacy, state = made.report.privacy, state_of(account_beside(tmp_path / "fit" / "out"))
    by_path = {
        path: sum((each.spend.rho for each in state.spends if each.spend.path == path), Fraction(0))
        for path in (Cohort.training(SHARE).path, Cohort.held_out(SHARE).path)
    }
    assert [each.spend.path[0].cell for each in state.spends] == [*("training" for _ in RELEASES), "held-out"]
    assert max(by_path.values()) == state.spent == state.lifetime_spent
    larger = max(epsilon, metrics)
    assert larger * 0.999 < epsilon_of(float(state.spent), 1e-6) <= larger
    assert privacy.epsilon is not None
    assert larger * 0.999 < privacy.epsilon <= larger
    assert "the user who loses most" in privacy.statement
    assert Decimal(card_of(made)["privacy"]["epsilon"]) == privacy.epsilon
    assert {entry.statistic for entry in privacy.releases} == {*RELEASES, "metric-sums"}
    assert len(privacy.releases) == len(RELEASES) + 1
    assert made.report.budget is not None
    assert f"lifetime so far ε = {larger:g} (δ" in made.report.budget.statement


def test_the_card_has_other_figures_than_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people, totals = 100, (20, 60, 80)

    def known(values: np.ndarray, sigma: int, progress: Progress | None) -> np.ndarray:
        if values.size > len(METRICS) + 1:
            noised: np.ndarray = add_discrete_gaussian(values, sigma, progress)
            return noised
        return np.array([people, *totals], np.int64) * release_unit(values)

    monkeypatch.setattr(release_module, "add_discrete_gaussian", known)
    card = card_of(fitted(tmp_path / "fit", kept_aside(6), metrics_epsilon=50.0))
    quality = card["quality"]
    assert card["sources"]["quality"].startswith("released: ")
    assert set(card["sources"]["quality"].removeprefix("released: ").split(", ")) == {*RELEASES, "metric-sums"}
    assert [figure["name"] for figure in quality["metrics"]] == list(METRICS)
    assert [figure["value"] for figure in quality["metrics"]] == [0.2, 0.6, 0.8]
    assert quality["people"]["value"] == people
    assert all(figure["half_width"] > 0 for figure in (quality["people"], *quality["metrics"]))


def release_unit(values: np.ndarray) -> int:
    """Return what one person adds to their own number: the exact sum is a multiple of it."""
    assert values[0] % len(KEPT_ASIDE) == 0
    return int(values[0]) // len(KEPT_ASIDE)


def blind(values: np.ndarray, sigma: int, progress: object) -> np.ndarray:
    """Return the same numbers whatever was summed."""
    numbers: np.ndarray = np.random.default_rng(values.size).integers(0, 100 * sigma, values.size)
    return numbers


def test_who_was_kept_aside_changes_more_than_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If every release holds the same numbers, so must every byte, even where nobody could be measured."""
    monkeypatch.setattr(release_module, "add_discrete_gaussian", blind)
    tables = {"many": kept_aside(6), "other": kept_aside(9, 8), "few": kept_aside(5, 3, KEPT_ASIDE[:1]), "none": []}
    made = {name: fitted(tmp_path / name, rows) for name, rows in tables.items()}
    measured = {name: each.report.quality for name, each in made.items()}
    users = len(KEPT_ASIDE)
    assert [each and each.test_users for each in measured.values()] == [users, users, 1, None]
    for each in made.values():
        assert contents(each.bundle) == contents(made["many"].bundle)
    assert "## Quality" in (made["none"].bundle / CARD_TEXT).read_text(encoding="utf-8")


def test_nobody_could_be_measured_and_that_is_told(tmp_path: Path) -> None:
    made = fitted(tmp_path / "fit", kept_aside(2))
    assert made.report.quality is None
    assert any("quality was not measured" in warning for warning in made.report.warnings)
    state = state_of(account_beside(tmp_path / "fit" / "out"))
    assert [each.spend.statistic for each in state.spends] == [*RELEASES, "metric-sums"]
    assert all(each.released for each in state.spends)
    quality = card_of(made)["quality"]
    assert [figure["name"] for figure in quality["metrics"]] == list(METRICS)
    # Whether there was anybody is not to be seen: the noise is as large as for many.
    assert quality["people"]["half_width"] > 1


def test_metrics_are_released_of_nobody_kept_aside(tmp_path: Path) -> None:
    with pytest.raises(PrivacyParameterError, match=r"keep some aside \(test_share\)"):
        fitted(tmp_path / "fit", [], options=FitOptions(test_share=0.0))
    assert not (tmp_path / "fit" / "out").exists()


def test_the_card_speaks_of_quality_that_nobody_asked_for(tmp_path: Path) -> None:
    made = fitted(tmp_path / "fit", kept_aside(6), metrics_epsilon=None)
    assert card_of(made)["quality"] is None
    assert made.report.quality is not None
    text = (made.bundle / CARD_TEXT).read_text(encoding="utf-8")
    assert "## Quality" not in text
    assert "Quality figures are not stated" in text
    assert not re.search(r"ndcg|recall", text)
