"""A page shows another figure than the report, loads something, runs what a name holds, or forgets to warn."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from homespun.protocol.experiment import Variant, statistic_of
from homespun_server.experiments.analysis import Settings, analyse
from homespun_server.experiments.page import page
from homespun_server.experiments.plots import WIDTH, Plot, looks_plot, parts, spread, uplift_plot
from homespun_server.experiments.result import Estimate, ExperimentReport
from homespun_server.experiments.trials import World
from tests.server.experiments.support import BETTER, UNEQUAL, experiment, released
from tests.server.support import exact

AT = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script> & "co"'


def report(world: World = BETTER, *, people: int = 24_000, windows: int = 3, epsilon: float = 4.0) -> ExperimentReport:
    return analyse(experiment(), released(world, people=people, windows=windows, epsilon=epsilon), Settings(), AT)


class Page(HTMLParser):
    """The page's elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in {"src", "href", "xlink:href"} or "url(" in (value or "")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_figure_is_only_in_a_plot() -> None:
    found = report()
    text = Page(page(found)).text
    for each in found.comparisons:
        for one in (each.own, each.other, each.difference):
            assert all(part in text for part in parts(one)), one
        assert all(part in text for part in parts(each.relative, percent=True))
        assert each.verdict in text
    for look in found.comparisons[0].looks:
        assert all(part in text for one in (look.difference, look.fixed) for part in parts(one))
    assert found.texts["fresh"] in text
    for each_note in found.notes:
        assert each_note in text


def test_a_page_loads_or_runs_something() -> None:
    name = HOSTILE
    variants = (Variant(name="control", share=10, text="x"), Variant(name="fresh", share=10, text="x"))
    found = msgspec.structs.replace(
        report(windows=1), experiment=name, verdicts={name: report().verdicts["fresh"]}, texts={name: name}
    )
    parsed = Page(page(found))
    assert "script" not in parsed.tags
    assert parsed.links == []
    assert HOSTILE in parsed.text
    assert "default-src 'none'" in page(found)
    assert variants[0].name == found.counted[0].variant


def test_a_broken_experiment_is_compared() -> None:
    text = Page(page(report(UNEQUAL))).text
    assert "fresh: broken" in " ".join(text.split())
    assert "All metrics" not in text


def test_exact_sums_are_shown_without_a_warning() -> None:
    release = exact(np.arange(16) * 2896 * 100, statistic_of(experiment()))
    shown = analyse(experiment(), [release], Settings(), AT)
    assert "Non-private." in Page(page(shown)).text
    assert "Non-private." not in Page(page(report(people=4000, windows=1))).text


@pytest.mark.parametrize(("people", "windows", "epsilon"), [(24_000, 3, 4.0), (1200, 12, 1.0), (300, 1, 0.5)])
def test_a_mark_lies_outside_its_plot(people: int, windows: int, epsilon: float) -> None:
    found = report(people=people, windows=windows, epsilon=epsilon)
    uplifts, looks = uplift_plot(found.comparisons), looks_plot(found.comparisons[0])
    check_inside(uplifts, uplifts.start, uplifts.end, uplifts.height)
    check_inside(looks, looks.end, looks.start, WIDTH)
    assert len(uplifts.whiskers) + len(uplifts.missing) == len(found.comparisons)
    assert len(looks.whiskers) + len(looks.missing) == 2 * windows
    assert not re.search(r'="[^"]*(nan|inf|-\d)', "".join(re.findall(r"<(?:path|circle|line)[^>]*>", page(found))))


def check_inside(plot: Plot, start: float, end: float, across: float) -> None:
    assert start <= plot.zero <= end
    for mark in plot.whiskers:
        assert all(start - 1e-6 <= place <= end + 1e-6 for place in (mark.at, mark.low, mark.high))
        assert 0 < mark.across < across
        assert min(mark.low, mark.high) - 1e-6 <= mark.at <= max(mark.low, mark.high) + 1e-6
    assert 3 <= len(plot.ticks) <= 12
    assert "0" in [tick.text for tick in plot.ticks]


def test_what_the_noise_hides_gets_a_figure() -> None:
    hidden = Estimate(value=0.3, low=None, high=None)
    assert spread(hidden) == "not enough data"
    assert parts(hidden, percent=True) == ("not enough data", "")
