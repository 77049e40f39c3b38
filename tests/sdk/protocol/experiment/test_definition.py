"""A definition that contradicts itself, was changed, or counts what its metrics do not need is refused."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import CollectionError, MisuseError
from homespun.protocol.canonical import canonical
from homespun.protocol.collection.constants import LARGEST_SUM
from homespun.protocol.experiment import (
    Answers,
    Counted,
    Diversity,
    Dwells,
    Guardrail,
    Impressions,
    Layer,
    Mean,
    Ratio,
    Sessions,
    Share,
    Variant,
    buckets,
    encode_experiment,
    parse_experiment,
    statistic_of,
)
from homespun.protocol.experiment.definition import MAX_DAYS
from homespun.protocol.statistics.encoding import encode_variants
from homespun.protocol.statistics.variants import Variants
from tests.sdk.protocol.experiment.support import DAY, MEASURES, POLICY, STARTS, experiment

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "1" / "experiment.json").read_text(encoding="utf-8")
)
CONTROL = Variant(name="control", share=5_000, text="As it is.")


def plain(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode_experiment(experiment())) | fields
    return found


def test_a_definition_is_another_after_reading_it() -> None:
    raw = encode_experiment(experiment())
    assert parse_experiment(raw) == experiment()
    assert experiment().digest == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"{}", "malformed|refused"),
        (b"\xff", "refused"),
        (canonical(plain(schema=2)), "Update homespun"),
        (canonical(plain(secret=1)), "unknown field"),
        (canonical(plain(salt="0" * 31)), "refused"),
        (canonical(plain(effect="0")), "refused"),
        (canonical(plain(effect="5e-2")), "refused"),
        (canonical(plain(primary="ctr ")), "refused"),
        (json.dumps(plain(), indent=1).encode(), "canonical"),
        (b" " * (1 << 20) + encode_experiment(experiment()), "larger"),
    ],
    ids=map(str, range(10)),
)
def test_a_definition_that_was_changed_is_carried_out(raw: bytes, problem: str) -> None:
    with pytest.raises(CollectionError, match=problem):
        parse_experiment(raw)


def contradictions() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"ends": STARTS}, "has to end after"
    yield {"ends": STARTS + MAX_DAYS * DAY + 1}, "within 366 days"
    yield {"variants": (CONTROL, Variant(name="fresh", share=5_001, text="New."))}, "more than the whole"
    built = Variant(name="built", share=5_000, text="Another model.", bundle="a" * 64)
    yield {"variants": (CONTROL, built)}, "bundle of every variant"
    yield {"variants": (CONTROL, CONTROL)}, "stands twice among control, control"
    yield {"measures": (*MEASURES, MEASURES[0])}, "stands twice"
    yield {"surfaces": ("home", "home")}, "stands twice"
    yield {"metrics": (Mean(name="ctr", measure="likes"),)}, "is not counted"
    yield {"metrics": (Ratio(name="ctr", above="clicks", below="likes"),)}, "is not counted"
    yield {"metrics": (Ratio(name="ctr", above="clicks", below="clicks"),)}, "over itself"
    yield {"metrics": (Share(name="ctr", measure="clicks"),)}, "give clicks the cap 1"
    yield {"primary": "likes"}, "no metric 'likes'"
    yield {"guardrails": (Guardrail(metric="likes", worst="0.1"),)}, "no metric 'likes'"
    yield {"survey": None}, "does not have"
    yield (
        {"measures": (*MEASURES, Counted(name="sad", cap=1, outcome=Answers(answers=("never",))))},
        "does not have",
    )


@pytest.mark.parametrize(("fields", "problem"), list(contradictions()), ids=lambda value: str(value)[:40])
def test_a_definition_contradicts_itself(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(MisuseError, match=problem):
        experiment(**fields)
    with pytest.raises(CollectionError):
        parse_experiment(canonical(plain(**msgspec.to_builtins(fields))))


def test_what_nobody_can_reach_or_fall_into_is_counted() -> None:
    with pytest.raises(MisuseError, match="more than 100"):
        Counted(name="variety", cap=101, outcome=Diversity(field="genre"))
    with pytest.raises(MisuseError, match="more than 1"):
        Counted(name="content", cap=2, outcome=Answers(answers=("yes",)))
    with pytest.raises(MisuseError, match="no time is at least"):
        Dwells(at_least=10, below=10)
    with pytest.raises(MisuseError, match="'people'"):
        Counted(name="people", cap=1, outcome=Impressions())
    with pytest.raises(MisuseError, match="10,000 slots"):
        Layer(name="home", first=9_000, slots=1_001)


def test_a_variant_has_a_policy_that_cannot_be_used() -> None:
    for policy in ("{", '{"schema": 1, "name": "x", "surfaces": {"home": {"stages": [{"stage": "eval"}]}}}'):
        with pytest.raises(MisuseError, match="the variant fresh"):
            Variant(name="fresh", share=1, text="New.", policy=policy)
    fresh = Variant(name="fresh", share=1, text="New.", policy=POLICY)
    assert fresh.rules is not None
    assert fresh.rules.name == "fresh"
    assert CONTROL.rules is None


@given(st.integers(0, 100_000))
def test_a_length_of_time_is_in_two_buckets_or_in_none(seconds: int) -> None:
    for outcome in (Dwells, Sessions):
        counted = [each.outcome for each in buckets("long", (0, 10, 60, 3600), 9, outcome)]
        assert [type(each) for each in counted] == [outcome] * 4
        assert sum(each.holds(seconds) for each in counted if isinstance(each, outcome)) == 1


def test_what_leaves_is_more_than_the_definition_says() -> None:
    form = statistic_of(experiment()).transformation
    assert isinstance(form, Variants)
    assert form.variants == ("control", "fresh")
    assert [(each.name, each.cap) for each in form.measures] == [(each.name, each.cap) for each in MEASURES]
    assert form.products == (("clicks", "impressions"),)


def test_a_product_is_summed_twice() -> None:
    twice = (
        Ratio(name="ctr", above="clicks", below="impressions"),
        Ratio(name="rtc", above="impressions", below="clicks"),
        Ratio(name="hide-rate", above="hides", below="impressions", good="less"),
    )
    found = experiment(metrics=twice, guardrails=())
    assert found.products == (("clicks", "impressions"), ("hides", "impressions"))


def test_the_sums_of_an_experiment_wrap_the_modulus() -> None:
    statistic = statistic_of(experiment())
    assert statistic.width == 32
    assert statistic.max_people * statistic.l2_bound + 2 * statistic.noise_tail(1 << 16) < LARGEST_SUM


def test_a_definition_or_its_sums_differ_from_the_released_version() -> None:
    raw = VECTOR["experiment"].encode()
    found = parse_experiment(raw)
    assert found == experiment()
    assert found.digest == VECTOR["digest"]
    assert statistic_of(found).digest == VECTOR["statistic"]
    for person in VECTOR["people"]:
        assert encode_variants(statistic_of(found), person["variant"], person["values"]).tolist() == person["adds"]
