"""A plan that promises what an experiment will not show, or asks for people who are not needed."""

import msgspec
import pytest
from scipy.stats import norm

from homespun.errors import MisuseError
from homespun_server.experiments.power import Request, plan, power_of, unit_of
from homespun_server.experiments.words import plan_text

SHARE = Request(people=20_000, base=0.1, deviation=None, effect=0.01, epsilon=None, sequential=False)


def with_(**fields: object) -> Request:
    return msgspec.structs.replace(SHARE, **fields)


def test_without_noise_it_is_not_the_usual_formula() -> None:
    quantiles = norm.isf(0.025) + norm.ppf(0.8)
    mean = with_(deviation=0.3, base=0.4)
    effect = power_of(mean).effect
    assert effect == pytest.approx(quantiles * 0.3 * (2 / 10_000) ** 0.5, rel=1e-3)
    needed = plan(with_(deviation=0.3, base=0.4), (), ()).needed
    assert needed == pytest.approx(2 * 2 * (quantiles * 0.3 / 0.01) ** 2, rel=1e-3)


@pytest.mark.parametrize("epsilon", [None, 0.5, 2.0])
def test_one_person_less_would_do(epsilon: float | None) -> None:
    request = with_(epsilon=epsilon, windows=3, sequential=True)
    needed = plan(request, (), ()).needed
    assert needed is not None
    enough, short = (
        power_of(msgspec.structs.replace(request, people=people)).effect for people in (needed, needed - 1)
    )
    assert enough is not None
    assert enough <= 0.01
    assert short is None or short > 0.01 * (1 - 1e-3)


def test_more_noise_or_fewer_people_show_more() -> None:
    found = plan(with_(epsilon=1.0), (0.5, 1.0, 4.0), (0.3, 1.0, 4.0)).table
    by_place = {(each.epsilon, each.people): each.effect or 9.0 for each in found}
    for people in (6000, 20_000, 80_000):
        effects = [by_place[epsilon, people] for epsilon in (0.5, 1.0, 4.0, None)]
        assert effects == sorted(effects, reverse=True)
    for epsilon in (0.5, 1.0, 4.0, None):
        effects = [by_place[epsilon, people] for people in (6000, 20_000, 80_000)]
        assert effects == sorted(effects, reverse=True)


def test_the_noise_of_one_aggregator_is_planned_with() -> None:
    one, both = (with_(epsilon=1.0, aggregators=count).noise for count in (1, 2))
    assert both == pytest.approx(2**0.5 * one)
    # σ / bound is 1 / √(2ρ) = 4.53 at ε = 1 and δ = 1e-6, and a row of 8 cells has a unit of bound / √8.
    assert one == pytest.approx(4.53 * 8**0.5, rel=1e-3)
    assert unit_of(8192, 8) == 2896


def test_a_fleet_that_is_too_small_is_told_nothing() -> None:
    small = plan(with_(epsilon=0.3, people=200), (), ())
    assert small.this.effect is None
    assert not small.enough
    text = plan_text(small)
    assert "This fleet is too small." in text
    assert "the noise hides how many people there are" in text
    assert f"about {small.needed:,} people would do; without noise {small.needed_exact:,}" in text


def test_noise_is_blamed_for_what_chance_does() -> None:
    blamed = plan(with_(epsilon=1.0, people=32_000), (), ())
    assert blamed.exact_enough
    assert not blamed.enough
    assert "too small for this ε" in plan_text(blamed)
    chance = plan(with_(epsilon=1.0, people=2000), (), ())
    assert "too small." in plan_text(chance)


def test_enough_people_are_called_too_few() -> None:
    found = plan(with_(people=200_000, epsilon=2.0), (), ())
    assert found.enough
    assert "200,000 people are enough at ε = 2" in plan_text(found)


def test_looking_at_every_window_is_planned_as_free() -> None:
    once, always = (power_of(with_(windows=4, sequential=each)).effect or 9 for each in (False, True))
    assert always > 1.3 * once


def test_more_variants_are_planned_as_free() -> None:
    effects = [power_of(with_(people=10_000 * variants, variants=variants)).effect or 9 for variants in (2, 3, 5)]
    assert effects == sorted(effects)
    assert effects[0] < effects[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"people": 3},
        {"base": 0.0},
        {"base": 1.0},
        {"deviation": 0.0},
        {"effect": 0.0},
        {"effect": 0.95},
        {"variants": 1},
        {"cells": 0},
        {"windows": 0},
        {"alpha": 1.0},
        {"power": 0.0},
    ],
)
def test_an_experiment_that_cannot_be_is_planned(wrong: dict[str, object]) -> None:
    with pytest.raises(MisuseError, match="no experiment can have"):
        with_(**wrong)


def test_an_effect_beyond_everything_is_planned_as_shown() -> None:
    assert power_of(with_(people=10, epsilon=0.1)).effect is None
