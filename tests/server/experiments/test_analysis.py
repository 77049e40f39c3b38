"""A report that its releases do not bear out, or that hides how little they say."""

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.experiment import Experiment, Guardrail, Share, Variant, statistic_of
from homespun_server.experiments.analysis import Settings, analyse
from homespun_server.experiments.looks import Method
from homespun_server.experiments.question import question_of
from homespun_server.experiments.result import Comparison, Estimate, ExperimentReport
from homespun_server.experiments.trials import World
from homespun_server.experiments.verdict import Verdict
from homespun_server.experiments.words import text_of
from tests.server.experiments.support import BETTER, UNEQUAL, experiment, released, steps
from tests.server.support import exact

AT = datetime(2026, 3, 1, tzinfo=UTC)
LESS = World(clicks=(0.2, 0.15), bought=(0.1, 0.03))


def report(world: World, asked: Experiment | None = None, settings: Settings | None = None, **sums) -> ExperimentReport:
    asked = asked or experiment()
    return analyse(asked, released(world, asked=asked, **sums), settings or Settings(), AT)


def primary(found: ExperimentReport) -> Comparison:
    return next(each for each in found.comparisons if each.role == "primary")


def number(value: float | None) -> float:
    assert value is not None
    return value


def ends(one: Estimate) -> tuple[float, float]:
    return number(one.low), number(one.high)


def test_an_effect_that_is_there_is_not_found() -> None:
    found = report(BETTER, people=24_000, windows=4, epsilon=4.0)
    assert found.verdicts == {"fresh": Verdict.BETTER}
    one = primary(found)
    for estimate, truth in ((one.difference, 0.06), (one.relative, 0.3), (one.other, 0.2), (one.own, 0.26)):
        low, high = ends(estimate)
        assert low < truth < high
    assert "click-rate is better" in found.texts["fresh"]
    assert [look.number for look in one.looks] == [1, 2, 3, 4]
    assert one.looks[-1].difference == one.difference


def test_less_of_what_should_be_less_is_called_worse() -> None:
    less = [msgspec.structs.replace(each, good="less") for each in experiment().metrics]
    found = report(LESS, experiment(metrics=tuple(less)), people=24_000, epsilon=8.0)
    assert found.verdicts == {"fresh": Verdict.BETTER}
    assert report(LESS, people=24_000, epsilon=8.0).verdicts == {"fresh": Verdict.WORSE}


def test_a_harmed_guardrail_is_not_told_of() -> None:
    found = report(LESS, people=24_000, epsilon=8.0)
    verdicts = {each.metric.name: each.verdict for each in found.comparisons if each.role == "guardrail"}
    assert verdicts == {"conversion": Verdict.WORSE, "seen": Verdict.HELD}
    assert "But conversion got worse." in found.texts["fresh"]


def test_what_the_noise_hides_is_shown() -> None:
    found = report(BETTER, people=1200, windows=3, epsilon=1.0)
    assert found.verdicts == {"fresh": Verdict.NOT_ENOUGH}
    one = primary(found)
    assert number(one.noise_share) > 0.9
    assert one.relative.low is None
    assert number(one.enough) > 10 * 1200
    assert "not enough data for this ε (1)" in found.texts["fresh"]
    assert f"about {one.enough:,} exposed people" in found.texts["fresh"]


def test_too_few_people_are_blamed_on_the_noise() -> None:
    found = report(BETTER, people=500, windows=1, epsilon=60.0)
    assert found.verdicts == {"fresh": Verdict.NOT_ENOUGH}
    assert "not enough data to tell" in found.texts["fresh"]


def test_as_many_people_as_would_be_enough_are_not() -> None:
    few = report(World(), people=6000, windows=1, epsilon=4.0)
    enough = number(primary(few).enough)
    many = report(World(), people=round(1.2 * enough), windows=1, epsilon=4.0, seed=2)
    assert many.verdicts == {"fresh": Verdict.NO_DIFFERENCE}
    assert "no difference in click-rate was shown" in many.texts["fresh"]


def test_no_difference_is_said_of_what_the_interval_does_not_exclude() -> None:
    """For some people who are enough, and some who are not: whatever is said of the effect, the interval bears out."""
    said = set()
    for people, seed in ((3000, 2), (9000, 2), (30_000, 2), (30_000, 3)):
        found = report(World(), people=people, windows=1, epsilon=4.0, seed=seed)
        one, text = primary(found), found.texts["fresh"]
        low, high, effect = number(one.difference.low), number(one.difference.high), number(one.effect)
        assert "would probably have been" not in text
        assert (f"excludes one of {one.metric.effect:.1%}" in text) is (-effect < low <= 0 <= high < effect)
        said.add(one.verdict)
    assert said == {Verdict.NO_DIFFERENCE, Verdict.NOT_ENOUGH}


def test_more_people_are_asked_for_than_there_are_where_as_many_are_enough() -> None:
    found = report(World(), people=9000, windows=1, epsilon=4.0, seed=2)
    one = primary(found)
    crowded = msgspec.structs.replace(one, verdict=Verdict.NOT_ENOUGH, enough=8000)
    rest = tuple(each for each in found.comparisons if each is not one)
    text = text_of(msgspec.structs.replace(found, comparisons=(crowded, *rest)), "fresh")
    assert "would be enough" not in text
    assert "holds 0 as well as a difference of" in text


def test_variants_of_wrong_sizes_are_compared() -> None:
    found = report(UNEQUAL, people=24_000, windows=2, epsilon=4.0)
    assert found.mismatch.broken
    assert found.verdicts == {"fresh": Verdict.BROKEN}
    assert found.texts["fresh"].startswith("Broken")
    uneven = experiment(
        variants=tuple(
            msgspec.structs.replace(each, share=share)
            for each, share in zip(experiment().variants, (400, 600), strict=True)
        )
    )
    assert not report(UNEQUAL, uneven, people=24_000, windows=2, epsilon=4.0).mismatch.broken


def test_more_looks_make_a_mismatch_of_chance() -> None:
    looks = [report(World(), people=4000, windows=windows).mismatch.threshold for windows in (1, 4)]
    assert looks[1] == pytest.approx(looks[0] / 16)
    assert report(World(), settings=Settings(every_window=False), people=4000).mismatch.threshold == 0.001


def test_more_comparisons_make_an_effect_of_chance() -> None:
    three = experiment(variants=tuple(Variant(name=name, share=2000, text=name) for name in ("control", "a", "b")))
    found = report(World((6.0), (0.2,) * 3, (0.1,) * 3, (1 / 3,) * 3), three, people=9000)
    alphas = {(each.role, each.alpha) for each in found.comparisons}
    assert alphas == {("primary", 0.025), ("guardrail", 0.0125)}
    assert [(each.role, each.variant) for each in found.comparisons[:2]] == [("primary", "a"), ("primary", "b")]


def test_the_control_is_another_than_the_first() -> None:
    found = report(BETTER, people=24_000)
    assert {each.control for each in found.comparisons} == {"control"}
    assert [each.variant for each in found.counted] == ["control", "fresh"]


@pytest.mark.parametrize(
    ("windows", "settings", "expected"),
    [
        ("newcomers", Settings(), Method.MIXTURE),
        ("everybody", Settings(), Method.SPENDING),
        ("newcomers", Settings(every_window=False), Method.FIXED),
        ("everybody", Settings(every_window=False), Method.FIXED),
    ],
)
def test_a_method_that_does_not_hold_is_taken(windows: str, settings: Settings, expected: Method) -> None:
    found = report(World(), experiment(windows=windows), settings, people=4000, windows=2)
    assert found.method is expected
    assert found.repeating == (windows == "everybody")
    one = primary(found)
    assert (one.difference == one.fixed) == (expected is Method.FIXED)


def test_people_in_several_windows_get_narrow_intervals() -> None:
    settings = Settings(every_window=False)
    wide, narrow = (
        primary(report(World(), experiment(windows=each), settings, people=8000, windows=4, epsilon=60.0)).difference
        for each in ("everybody", "newcomers")
    )
    (low, high), (least, most) = ends(wide), ends(narrow)
    assert high - low == pytest.approx(2 * (most - least), rel=0.1)


def test_a_window_counts_twice() -> None:
    (one,) = released(World(), people=2000)
    with pytest.raises(MisuseError, match="named twice"):
        analyse(experiment(), [one, one], Settings(), AT)


def test_nothing_is_analysed() -> None:
    with pytest.raises(MisuseError, match="no release"):
        analyse(experiment(), [], Settings(), AT)


OTHER_MEASURE = {
    "measures": (*experiment().measures[:2], msgspec.structs.replace(experiment().measures[2], name="other")),
    "metrics": (experiment().metrics[0], Share(name="conversion", measure="other")),
    "guardrails": (),
}
OTHER_PRODUCTS = {
    "metrics": experiment().metrics[1:],
    "primary": "conversion",
    "guardrails": (Guardrail(metric="seen", worst="0.1"),),
}
OTHER_ORDER = {"variants": tuple(reversed(experiment().variants))}


@pytest.mark.parametrize("changed", [OTHER_ORDER, OTHER_MEASURE, OTHER_PRODUCTS])
def test_another_experiments_release_is_taken_for_this_ones(changed: dict[str, object]) -> None:
    releases = released(World(), people=2000)
    with pytest.raises(MisuseError, match="release of something else"):
        analyse(experiment(**changed), releases, Settings(), AT)


def test_exact_sums_pass_for_private_ones() -> None:
    (values,) = steps(World(), people=4000, windows=1, epsilon=None, seed=1)
    release = exact(values, statistic_of(experiment()))
    found = analyse(experiment(), [release], Settings(), AT)
    assert found.epsilon == (None,)
    assert found.noise == (0.0,)
    assert found.counted[0].people.low == found.counted[0].people.high
    assert all(each.noise_share == 0 for each in found.comparisons)


def test_another_epsilon_than_the_releases_is_stated() -> None:
    found = report(World(), people=4000, windows=2, epsilon=3.0)
    assert found.epsilon == pytest.approx((3.0, 3.0), rel=1e-3)
    assert all(number(each) <= 3.0 for each in found.epsilon)
    # Twice the variance of what one aggregator's σ is, over the unit of a row of eight cells.
    rho = 1 / (2 * (found.noise[0] / (2 * 8) ** 0.5) ** 2)
    charged = released(World(), people=4000, epsilon=3.0)[0].rho
    assert charged is not None
    assert rho == pytest.approx(float(charged), rel=1e-3)


def test_means_are_shares_of_their_caps() -> None:
    found = report(World(), people=40_000, epsilon=60.0)
    (seen,) = (each for each in found.comparisons if each.metric.name == "seen")
    assert seen.other.value == pytest.approx(World().seen * 20, rel=0.02)


def test_a_definitions_shares_are_of_all_devices() -> None:
    assert question_of(experiment()).shares == (0.5, 0.5)


def test_a_report_is_not_json() -> None:
    found = report(BETTER, people=1200, windows=2, epsilon=0.3)
    again = msgspec.json.decode(msgspec.json.encode(found), type=ExperimentReport)
    assert again == found
    assert b"NaN" not in msgspec.json.encode(found)


def test_nobody_at_all_is_a_finding() -> None:
    release = exact(np.zeros(2 * 8, np.int64), statistic_of(experiment()))
    found = analyse(experiment(), [release], Settings(), AT)
    assert found.verdicts == {"fresh": Verdict.NOT_ENOUGH}
    assert "nobody can say how many" in found.texts["fresh"]
