"""A page shows another figure than it was given, loads something, runs what a name holds, or forgets to warn."""

import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from homespun_server.evaluation.cold import KNOWN
from homespun_server.evaluation.facts import ItemFacts
from homespun_server.evaluation.intervals import Interval
from homespun_server.evaluation.measuring import ask, measure
from homespun_server.evaluation.page import MOST_SERIES, headlines, page, shown_models
from homespun_server.evaluation.plots import bar_plot, curve_plot, figure, share_plot
from homespun_server.evaluation.result import INTERVALS, NOTICE, ColdCurve, ColdPoint, EvaluationReport
from homespun_server.evaluation.summarising import summarise
from tests.server.evaluation.test_measuring import CASES, COUNTS, IDS, Fixed

HOSTILE = '<script>alert("x")</script> & "co"'


def report_of(*bundles: str, protocol: str = "temporal", cold: bool = True) -> EvaluationReport:
    facts = ItemFacts.of(IDS, [("red",)] * 8, COUNTS, 50)
    asked = ask(CASES, facts, begin=100.0)
    popularity = measure("popularity", Fixed([0, 1]), CASES, facts, (2,))
    others = [measure(name, Fixed([0, 6, 5]), CASES, facts, (2,)) for name in bundles]
    models = [
        summarise(popularity, [], asked, (2,), exposure_at=2),
        *(summarise(one, [popularity], asked, (2,), exposure_at=2, proposal_recall={20: 0.987}) for one in others),
    ]
    half = Interval(0.5, 0.25, 0.75)
    points = tuple(
        ColdPoint(known, {"popularity": half, bundles[0]: half}, "popularity", Interval(-0.1, -0.2, -0.05), holds=False)
        for known in KNOWN
    )
    return EvaluationReport(
        schema=1,
        non_private=True,
        notice=NOTICE,
        created="2026-03-01T12:00:00+00:00",
        protocol=protocol,
        text="What was done.",
        asserted="You assert it.",
        repeats=False,
        intervals=INTERVALS,
        cases=asked.count,
        users=len(asked.names),
        left_out={"later events": 7},
        training_users=50,
        catalogue_items=8,
        ks=(2,),
        main="ndcg@2",
        exposure_at=2,
        models=tuple(models),
        cold_users=(ColdCurve(bundles[0], 40, too_few=False, points=points),) if cold else (),
        notes=("Something could not be measured.",),
    )


class Elements(HTMLParser):
    """What a page consists of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_name_becomes_a_part_of_the_page() -> None:
    html = page(report_of(HOSTILE))
    found = Elements(html)
    assert "script" not in found.tags
    assert HOSTILE in found.text
    assert "<script" not in html


def test_a_page_loads_something_from_elsewhere() -> None:
    html = page(report_of("films"))
    found = Elements(html)
    assert {"img", "link", "iframe", "object", "embed", "a"}.isdisjoint(found.tags)
    assert {"src", "href", "style", "onclick"}.isdisjoint(name for name, _ in found.attributes)
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_the_style_is_refused_by_its_own_policy() -> None:
    import base64
    import hashlib

    html = page(report_of("films"))
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"sha256-{digest}" in html


def test_a_figure_of_the_report_is_not_on_the_page() -> None:
    report = report_of("films")
    text = " ".join(Elements(page(report)).text.split())
    for model in report.models:
        interval = model.metrics[report.main]
        assert f"{figure(interval.mean)} {figure(interval.low)} to {figure(interval.high)}" in text
    for said in (
        *("Non-private", "What was done.", "You assert it.", "later events", "Something could not be measured."),
        *("98.70%", "2026-03-01T12:00:00+00:00", "On 4 requests nothing can be said", "0, 1, 3, 5, 10 events known"),
    ):
        assert said in text, said


def test_plots_stand_where_nothing_is_known() -> None:
    text = page(report_of("films", cold=False))
    assert "<h2>New people</h2>" not in text
    assert "<h2>New people</h2>" in page(report_of("films"))


@pytest.mark.parametrize(
    ("lead", "verdict"),
    [((0.2, 0.1, 0.3), "better"), ((-0.2, -0.3, -0.1), "worse"), ((0.1, -0.1, 0.3), "open"), ((0, 0, 0), "open")],
)
def test_chance_is_called_a_lead(lead: tuple[float, float, float], verdict: str) -> None:
    report = report_of("films")
    popularity, films = report.models
    leads = {"popularity": {**films.leads["popularity"], report.main: Interval(*lead)}}
    changed = msgspec.structs.replace(report, models=(popularity, msgspec.structs.replace(films, leads=leads)))
    (headline,) = headlines(changed)
    assert headline.verdict == verdict
    shown = {"better": "better than popularity", "worse": "worse than popularity", "open": "no difference"}
    assert shown[verdict] in Elements(page(changed)).text


def test_a_reference_without_a_hit_divides_by_zero() -> None:
    report = report_of("films")
    popularity, films = report.models
    nothing = msgspec.structs.replace(
        popularity, metrics={name: Interval(0.0, 0.0, 0.0) for name in popularity.metrics}
    )
    (headline,) = headlines(msgspec.structs.replace(report, models=(nothing, films)))
    assert headline.percent is None


def test_many_models_hide_a_bundle() -> None:
    report = report_of(*(f"bundle {number}" for number in range(7)))
    shown = shown_models(report)
    assert len(shown) == MOST_SERIES + 1
    assert shown[0].model == "popularity"
    assert page(report)


def test_a_bar_ends_elsewhere() -> None:
    plot = bar_plot([("x", [Interval(0.5, 0.25, 1.0), None]), ("y", [Interval(1.0, 1.0, 1.0)])], faint=[True, False])
    first, second = plot.marks
    width = second.x - plot.left
    assert (first.x - plot.left) / width == pytest.approx(0.5)
    assert (first.low - plot.left) / width == pytest.approx(0.25)
    assert first.high == second.x
    assert (first.faint, second.faint) == (True, False)
    assert plot.ticks[-1].text == "1"
    assert second.y > first.y
    assert first.text == "x: .500 (.250 to 1)"


def test_a_point_lies_elsewhere() -> None:
    plot = curve_plot(["0", "1"], [[Interval(0.0, 0.0, 0.0), Interval(0.5, 0.4, 0.6)]])
    low, high = plot.marks
    top = plot.ticks[-1]
    assert low.y == plot.base
    assert (plot.base - high.y) / (plot.base - top.at) == pytest.approx(0.5 / float(top.text))
    assert plot.lines[0].count(",") == 2
    assert low.x < high.x


def test_a_curve_of_shares_leaves_its_square() -> None:
    plot = share_plot([np.linspace(0, 1, 5).tolist()])
    first, *_, last = plot.lines[0].split()
    assert first == f"{plot.left:.1f},{plot.top + plot.side:.1f}"
    assert last == f"{plot.left + plot.side:.1f},{plot.top:.1f}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3741, ".374"), (-0.0041, "-.004"), (12.56, "12.6"), (0.0, "0"), (1.0, "1"), (0.9999, "1.000")],
)
def test_a_figure_reads_otherwise(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_scale_of_nothing_divides_by_zero() -> None:
    assert bar_plot([("x", [Interval(0.0, 0.0, 0.0)])]).marks[0].x == bar_plot([("x", [None])]).left
    assert bar_plot([]).marks == ()
