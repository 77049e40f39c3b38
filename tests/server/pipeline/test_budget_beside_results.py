"""A fit's loss is not counted, or is counted where it gets out: the ledger beside the results."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homespun_server import FitOptions, Fitted, fit, fit_content, open_ledger
from homespun_server.accounts import BUDGET_FILE, DATA_SET
from homespun_server.cli import main
from homespun_server.privacy.zcdp import epsilon_of
from homespun_server.statistics.cohort import Cohort
from tests.server.pipeline.support import RELEASES, account_beside, state_of
from tests.server.publishing.support import contents

ALL = FitOptions(test_share=0.0, dimensions=4)
Fit = Callable[..., Fitted]


@pytest.fixture
def refit(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> Fit:
    """Fit the fleet into the same folder."""

    def fitted(epsilon: float, **more: Any) -> Fitted:
        return fit(fleet, items=fleet_catalogue, out=tmp_path, epsilon=epsilon, **{"options": ALL, **more})

    return fitted


def secret_of(out: Path) -> bytes:
    with open_ledger(out / BUDGET_FILE, DATA_SET) as ledger:
        return ledger.secret


def test_the_first_fit_is_limited_or_not_counted(refit: Fit, tmp_path: Path) -> None:
    report = refit(1.0).report
    state = state_of(account_beside(tmp_path))
    assert (state.policy.epsilon, state.policy.lifetime, state.policy.delta) == (None, None, 1e-6)
    assert state.left() is None
    assert state.held == ()
    assert [each.spend.statistic for each in state.spends] == RELEASES
    assert all(each.released and each.purpose == "fit homespun bundle" for each in state.spends)
    assert math.isclose(epsilon_of(float(state.spent), 1e-6), 1.0, rel_tol=1e-3)
    assert report.budget is not None
    assert "lifetime so far ε = 1 (δ = 1e-06)" in report.budget.statement
    assert "only counted" in report.budget.statement
    assert report.budget.data_set == DATA_SET


def test_a_second_fit_about_the_same_people_is_not_added(refit: Fit, tmp_path: Path) -> None:
    first = refit(1.0)
    alone = first.report.privacy.epsilon
    second = refit(1.0)
    state = state_of(account_beside(tmp_path))
    assert [each.spend.statistic for each in state.spends] == 2 * RELEASES
    both = epsilon_of(float(state.lifetime_spent), 1e-6)
    assert math.isclose(both, 1.4517, rel_tol=1e-3)
    assert second.report.budget is not None
    assert "lifetime so far ε = 1.452" in second.report.budget.statement
    # The bundle states its own loss: what else was released is for the ledger.
    assert second.report.privacy.epsilon == alone
    assert second.report.privacy.statement.endswith("Another release about the same people adds to this loss.")


def test_the_command_does_not_say_what_both_fits_cost(
    fleet: Path, fleet_catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fit", fleet, "--items", fleet_catalogue, "--out", tmp_path, "--epsilon", 1, "--test-share", 0]
    for lifetime in ("1", "1.452"):
        assert main([str(part) for part in (*command, "--max-items", 20)]) == 0
        shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert f"; lifetime so far ε = {lifetime} (δ = 1e-06)." in shown


def test_a_fit_that_costs_nothing_opens_a_ledger(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    fit_content(fleet_catalogue, out=tmp_path / "content")
    report = fit(fleet, out=tmp_path / "exact", non_private=True, options=ALL).report
    assert [path.name for path in (tmp_path / "content").iterdir()] == ["bundle"]
    assert {path.name for path in (tmp_path / "exact").iterdir()} == {"bundle", "report.json"}
    assert report.budget is None


def test_a_fit_without_privacy_touches_the_ledger_of_an_earlier_one(refit: Fit, fleet: Path, tmp_path: Path) -> None:
    refit(1.0)
    before = state_of(account_beside(tmp_path))
    assert fit(fleet, out=tmp_path, non_private=True, options=ALL).report.budget is None
    assert state_of(account_beside(tmp_path)).head == before.head


def test_an_earlier_delta_is_kept_or_makes_an_earlier_loss_smaller(refit: Fit, tmp_path: Path) -> None:
    refit(1.0, delta=1e-6)
    once = state_of(account_beside(tmp_path)).lifetime_spent
    report = refit(1.0, delta=1e-9).report
    state = state_of(account_beside(tmp_path))
    assert state.policy.delta == 1e-9
    assert float(report.privacy.delta or 0) == 1e-9
    assert state.lifetime_spent == once + sum(each.spend.rho for each in state.spends[len(RELEASES) :])
    assert report.budget is not None
    found = re.search(r"lifetime so far ε = ([\d.]+) \(δ = 1e-09\)", report.budget.statement)
    assert found is not None
    assert math.isclose(float(found[1]), epsilon_of(float(state.lifetime_spent), 1e-9), rel_tol=1e-3)
    assert state.epsilon(once) > 1.2


def test_a_fit_that_names_no_delta_forgets_the_ledgers(refit: Fit, tmp_path: Path) -> None:
    refit(1.0, delta=1e-9)
    assert float(refit(1.0).report.privacy.delta or 0) == 1e-9
    assert state_of(account_beside(tmp_path)).policy.delta == 1e-9


def test_another_secret_samples_every_fit(refit: Fit, tmp_path: Path) -> None:
    refit(1.0)
    before = secret_of(tmp_path)
    refit(2.0, delta=1e-9)
    assert secret_of(tmp_path) == before
    assert len(before) == 32


def test_the_ledger_or_its_secret_is_published(refit: Fit, tmp_path: Path) -> None:
    for _ in range(2):
        fitted = refit(1.0)
    assert {path.name for path in tmp_path.iterdir()} == {"budget.sqlite", "bundle", "releases", "report.json"}
    state, secret = state_of(account_beside(tmp_path)), secret_of(tmp_path)
    for name, content in contents(fitted.bundle).items():
        assert "budget" not in name
        for hidden in (secret, secret.hex().encode(), state.head.encode(), b"homespun_budget"):
            assert hidden not in content, name
    assert secret.hex() not in (tmp_path / "report.json").read_text(encoding="utf-8")
    assert b"homespun_budget" in (tmp_path / BUDGET_FILE).read_bytes()


def test_people_kept_aside_are_charged_for_the_training(refit: Fit, tmp_path: Path) -> None:
    refit(1.0, options=FitOptions(test_share=0.2))
    assert {each.spend.path for each in state_of(account_beside(tmp_path)).spends} == {Cohort.training(0.2).path}


@pytest.mark.parametrize("name", ["", "two\nlines", "no\u00a0break", "\u202ebackwards", "long " * 100])
def test_a_bundles_name_is_refused_by_the_ledger_or_spoils_it(name: str, refit: Fit, tmp_path: Path) -> None:
    refit(1.0, options=FitOptions(name=name, test_share=0.0, dimensions=4))
    (purpose,) = {each.purpose for each in state_of(account_beside(tmp_path)).spends}
    assert purpose.startswith("fit ")
    assert purpose.isprintable()
    assert len(purpose) <= 104
