"""A verdict that an interval does not bear out."""

from math import nan

import pytest

from homespun.protocol.experiment.metrics import Good
from homespun_server.experiments.verdict import Verdict, judge, judge_guardrail

GOOD: tuple[Good, ...] = ("more", "less")


@pytest.mark.parametrize(
    ("low", "high", "good", "expected"),
    [
        (0.01, 0.05, "more", Verdict.BETTER),
        (0.01, 0.05, "less", Verdict.WORSE),
        (-0.05, -0.01, "more", Verdict.WORSE),
        (-0.05, -0.01, "less", Verdict.BETTER),
        (-0.01, 0.019, "more", Verdict.NO_DIFFERENCE),
        (0.0, 0.019, "less", Verdict.NO_DIFFERENCE),
        (-0.01, 0.04, "more", Verdict.NOT_ENOUGH),
        (-5.0, 5.0, "less", Verdict.NOT_ENOUGH),
        (nan, nan, "more", Verdict.NOT_ENOUGH),
    ],
)
def test_a_verdict_is_another(low: float, high: float, good, expected: Verdict) -> None:
    assert judge(low, high, 0.02, good) is expected


@pytest.mark.parametrize(
    ("low", "high", "good", "expected"),
    [
        (-0.01, 0.5, "more", Verdict.HELD),
        (-0.02, -0.01, "more", Verdict.HELD),
        (-0.03, -0.01, "more", Verdict.WORSE),
        (-0.03, 0.01, "more", Verdict.NOT_ENOUGH),
        (0.01, 0.03, "less", Verdict.WORSE),
        (-0.5, 0.02, "less", Verdict.HELD),
        (nan, nan, "less", Verdict.NOT_ENOUGH),
    ],
)
def test_a_guardrails_verdict_is_another(low: float, high: float, good, expected: Verdict) -> None:
    assert judge_guardrail(low, high, 0.02, good) is expected


@pytest.mark.parametrize(("low", "high"), [(-0.01, 1.9), (-1.9, 0.01), (-1.0, 0.5), (0.0, 1.0)])
def test_no_difference_is_shown_by_an_interval_that_holds_the_effect(low: float, high: float) -> None:
    for good in GOOD:
        assert judge(low, high, 1.0, good) is Verdict.NOT_ENOUGH


def test_an_effect_that_is_not_known_makes_a_finding() -> None:
    assert judge(-0.01, 0.01, nan, "more") is Verdict.NOT_ENOUGH
    assert judge_guardrail(-0.01, 0.01, nan, "more") is Verdict.NOT_ENOUGH
