"""A bundle that should not be published meets every gate, or one that should be is held back."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from homespun.errors import MisuseError
from homespun.protocol.bundle import PrivacyStatement
from homespun_server.errors import GateFailedError
from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.synthetic import Facts
from homespun_server.running.gates import Figures, GateResult, decide
from homespun_server.running.gates.figures import Advantage, SegmentMean
from homespun_server.running.overrides import Override, check_overrides, check_passed, on_card
from homespun_server.running.settings import Gates

PRIVATE = PrivacyStatement(
    kind="differential_privacy",
    unit="user",
    neighbours="add/remove one user",
    epsilon=Decimal(4),
    delta=Decimal("1e-6"),
    rho=Decimal("0.3"),
    releases=(),
    statement="",
)
NON_PRIVATE = msgspec.structs.replace(PRIVATE, kind="non_private", unit=None, epsilon=None, delta=None, rho=None)
NOBODY = msgspec.structs.replace(NON_PRIVATE, kind="no_personal_data")
FACTS = Facts(
    identity="a",
    bytes=1000,
    items=100,
    empty_titles=0,
    duplicate_titles=5,
    tagged=90,
    scores=200,
    explained=200,
    residual=1e-16,
    lists=400,
    p50_ms=1.0,
    p99_ms=9.0,
)
GOOD = Figures(
    metric="ndcg@100",
    basis="exact",
    over_popularity=Interval(0.05, 0.02, 0.08),
    over_incumbent=Interval(0.001, -0.002, 0.004),
    incumbent="b",
    segments=(SegmentMean("1 event", 0.2, 0.21), SegmentMean("tail", 0.001, 0.0)),
    facts=FACTS,
    lost_items=0.01,
    privacy=PRIVATE,
    sources={"model": "released: item-counts", "quality": "released: metric-sums", "name": "fixed a priori"},
    has_quality=True,
    advantage=Advantage(0.1, 0.15, 0.05),
    nobody=False,
)
ASKED = Gates(segment_floor=0.0005, min_tagged=0.5)


def failed(asked: Gates = ASKED, stage: str = "canary", **changes: Any) -> list[str]:
    figures = msgspec.structs.replace(GOOD, **changes)
    return [result.name for result in decide(figures, asked, stage) if not result.passed]


def facts(**changes: Any) -> dict[str, Facts]:
    return {"facts": msgspec.structs.replace(FACTS, **changes)}


def test_a_good_bundle_is_held_back() -> None:
    assert failed() == []
    assert failed(stage="production") == []


@pytest.mark.parametrize(
    ("changes", "gates"),
    [
        ({"over_popularity": Interval(0.05, -0.001, 0.1)}, ["lead-over-popularity"]),
        ({"over_popularity": None}, ["lead-over-popularity"]),
        ({"over_incumbent": Interval(0.0, -0.0051, 0.01)}, ["lead-over-incumbent"]),
        ({"over_incumbent": None}, ["lead-over-incumbent"]),
        ({"segments": (SegmentMean("tail", 0.0004, 0.0),)}, ["segment-floor"]),
        ({"segments": (SegmentMean("tail", 0.1, None),)}, ["segment-drop"]),
        ({"segments": ()}, ["segment-floor", "segment-drop"]),
        ({"segments": (SegmentMean("one", 0.5, 0.4), SegmentMean("other", 0.1, 0.13))}, ["segment-drop"]),
        ({"privacy": msgspec.structs.replace(PRIVATE, epsilon=Decimal("10.001"))}, ["epsilon"]),
        ({"privacy": msgspec.structs.replace(PRIVATE, delta=Decimal("1.1e-5"))}, ["delta"]),
        ({"privacy": msgspec.structs.replace(PRIVATE, unit=None)}, ["privacy-unit"]),
        ({"privacy": NON_PRIVATE}, ["privacy-claim", "non-private-stage"]),
        ({"sources": {"quality": "NON-PRIVATE, from exact figures about people: quality"}}, ["card-figures"]),
        ({"sources": {"model": "released: item-counts"}}, ["card-figures"]),
        ({"advantage": Advantage(0.2, 0.251, 0.05)}, ["membership"]),
        ({"advantage": None}, ["membership"]),
        (facts(bytes=50_000_001), ["bundle-bytes"]),
        (facts(p50_ms=20.1), ["latency-p50"]),
        (facts(p99_ms=100.1), ["latency-p99"]),
        (facts(lists=0), ["latency-p50", "latency-p99"]),
        ({"lost_items": 0.101}, ["lost-items"]),
        ({"lost_items": None}, ["lost-items"]),
        (facts(empty_titles=1), ["empty-titles"]),
        (facts(duplicate_titles=21), ["duplicate-titles"]),
        (facts(tagged=49), ["tagged"]),
        (facts(explained=199), ["explained"]),
        (facts(scores=0, explained=0), ["explained"]),
    ],
)
def test_a_bad_figure_is_let_through(changes: dict[str, Any], gates: list[str]) -> None:
    assert failed(**changes) == gates


def test_the_first_bundle_of_a_channel_is_held_back() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("incumbent", "over_incumbent", "lost_items"))
    first = {**nothing, "segments": (SegmentMean("tail", 0.1, None),)}
    assert failed(**first) == []
    results = {each.name: each for each in decide(msgspec.structs.replace(GOOD, **first), ASKED, "canary")}
    # Nothing about people was looked at where there is nothing to compare with.
    assert {results[name].basis for name in ("lead-over-incumbent", "segment-drop", "lost-items")} == {"public"}


def test_a_bundle_about_nobody_has_to_promise_something() -> None:
    assert failed(privacy=NOBODY, nobody=True, advantage=None, sources={"quality": "public: a catalogue"}) == []


def test_an_experiment_cannot_be_let_through_where_it_was_allowed() -> None:
    lab = Gates(claim=False, non_private_stages=("lab",))
    exact = {"privacy": NON_PRIVATE, "sources": {"quality": "NON-PRIVATE, from exact figures about people: x"}}
    assert failed(lab, "lab", **exact) == []
    assert failed(lab, "production", **exact) == ["non-private-stage"]


def test_a_gate_that_nobody_asked_for_decides() -> None:
    told = ("claim", "non_private_stages")
    nothing: dict[str, Any] = {name: None for name in Gates.__struct_fields__ if name not in told}
    results = decide(GOOD, Gates(claim=False, **nothing), "canary")
    assert [each.name for each in results] == ["non-private-stage", "card-figures"]


def test_released_leads_pass_for_exact_ones() -> None:
    results = {each.name: each for each in decide(msgspec.structs.replace(GOOD, basis="released"), ASKED, "canary")}
    assert {name for name, each in results.items() if each.basis == "released"} == {
        "lead-over-popularity",
        "lead-over-incumbent",
    }
    exact = {name for name, each in results.items() if each.basis == "exact"}
    assert exact == {"segment-floor", "segment-drop", "membership"}


def test_a_card_tells_exact_figures() -> None:
    results = decide(GOOD, ASKED, "canary")
    text = msgspec.json.encode(on_card(results, ())).decode()
    for figure in ("0.0500", "0.0200", "0.150", "1,000"):
        assert figure not in text


def test_an_override_needs_no_reason_or_names_no_gate() -> None:
    for reason in ("", "  ", "two\nlines", "x" * 501):
        with pytest.raises(MisuseError, match="overriding epsilon needs a reason"):
            check_overrides([Override("epsilon", reason)])
    results = decide(GOOD, ASKED, "canary")
    with pytest.raises(MisuseError, match="no gate 'epsilom' to override; there are lead-over-popularity"):
        check_passed(results, [Override("epsilom", "because")])


def test_a_gate_that_is_met_is_told_as_overridden() -> None:
    results = (GateResult(name="a", passed=True, figure="1", threshold="2", words="", basis="public"),)
    check_passed(results, [Override("a", "because")])
    assert on_card(results, [Override("a", "because")])[0].override is None


def test_not_every_gate_that_failed_is_told() -> None:
    results = decide(msgspec.structs.replace(GOOD, over_popularity=None, advantage=None), ASKED, "canary")
    with pytest.raises(GateFailedError, match=r"lead-over-pop.*: not measured.*membership: not measured") as caught:
        check_passed(results, [])
    assert caught.value.gates == ("lead-over-popularity", "membership")
