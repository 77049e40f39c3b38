"""A page that says another thing than the results: older ones, a sample's, or nobody's."""

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.measure import Spread
from benchmarks.result import Section, write_result
from homespun_server.evaluation.intervals import Interval
from tools import benchmark_page
from tools.benchmark_page import PAGE, ResultError, files, main, read_results, stale, write

GOOD = Interval(0.5, 0.4, 0.6)
BETTER = Interval(1.25, 1.1, 1.4)

SECTIONS = (
    Section("Quality", ("model", "NDCG@10", "how"), (("ease", GOOD, "λ | 5"), ("gone", None, None)), "Why.", "bars"),
    Section(
        "Ratios",
        ("model", "beside", "ratio of NDCG@10", "aim", "verdict"),
        (("own", "ease", BETTER, 1.2, "met, within the interval"), ("own", "gone", None, None, None)),
        "Why.",
        "ratios",
    ),
    Section("Curve", ("known", "own", "lead over it"), (("0", GOOD, GOOD), ("1", BETTER, GOOD)), "Why.", "curves"),
    Section("Times", ("step", "seconds", "bytes"), (("fit", Spread(1.5, 1.0, 2.0, 3), 1_234_567),)),
)


def put(folder: Path, name: str = "models-ml1m-strong", **changes) -> Path:
    made = datetime(2025, 2, 3, tzinfo=UTC)
    return write_result(name, SECTIONS, made, folder, measured_on={"system": "X", "gone": None}, about="So.", **changes)


def test_a_figure_or_a_verdict_is_lost(tmp_path: Path) -> None:
    put(tmp_path)
    made = files(read_results(tmp_path))
    page = made[PAGE]
    assert "| ease | 0.5000 (0.4000 to 0.6000) | λ \\| 5 |" in page
    assert "| gone | – | – |" in page
    assert "| fit | 1.5 (1 to 2) | 1,234,567 |" in page
    assert "| Ratios | own, beside ease | ratio of NDCG@10 | 1.2500 (1.1000 to 1.4000) | 1.2 | met, within" in page
    assert "Measured 2025-02-03 on system X." in page
    assert page.index("What was to be reached") < page.index("## models-ml1m-strong") < page.index("So.")
    assert sorted(made) == [f"assets/benchmark-models-ml1m-strong-{number}.svg" for number in range(3)] + [PAGE]


def test_a_plot_is_no_svg_or_loads_something(tmp_path: Path) -> None:
    put(tmp_path)
    for path, drawing in files(read_results(tmp_path)).items():
        if path.endswith(".svg"):
            root = ET.fromstring(drawing)  # noqa: S314 - our own
            assert root.tag.endswith("svg")
            assert "script" not in drawing
            assert drawing.count("http") == 1  # the namespace
            assert any(".svg" in line and path in line for line in files(read_results(tmp_path))[PAGE].splitlines())
    ratios = files(read_results(tmp_path))["assets/benchmark-models-ml1m-strong-1.svg"]
    assert "own / ease: 1.25 (1.1 to 1.4)" in ratios
    assert "aim 1.2" in ratios


def test_the_figures_of_a_sample_are_published(tmp_path: Path) -> None:
    put(tmp_path, sample=0.1)
    with pytest.raises(ResultError, match="without --sample"):
        read_results(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schema": 1}'])
def test_something_else_is_read_as_a_result(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(content)
    with pytest.raises(ResultError, match=r"other\.json is no result"):
        read_results(tmp_path)


def test_a_result_of_another_schema_is_misread(tmp_path: Path) -> None:
    path = put(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "schema": 99}), "utf-8")
    with pytest.raises(ResultError, match="schema 99"):
        read_results(tmp_path)


def test_parts_stand_in_any_order(tmp_path: Path) -> None:
    for name in ("latency", "models-ml1m-next", "models-ml1m-strong"):
        put(tmp_path, name)
    found = [result.benchmark for result in read_results(tmp_path)]
    assert found == ["models-ml1m-strong", "models-ml1m-next", "latency"]


def test_an_old_page_or_plot_stays(tmp_path: Path) -> None:
    results, docs = tmp_path / "results", tmp_path / "docs"
    path = put(results)
    write(files(read_results(results)), docs)
    assert stale(files(read_results(results)), docs) == []
    plot = "assets/benchmark-models-ml1m-strong-0.svg"
    path.write_text(path.read_text("utf-8").replace("0.5", "0.25"), "utf-8")
    assert plot in stale(files(read_results(results)), docs)
    path.unlink()
    left = files(read_results(results))
    assert plot in stale(left, docs)
    write(left, docs)
    assert not list(docs.glob("assets/*"))
    assert "No result with an aim is committed yet." in (docs / PAGE).read_text("utf-8")


def test_a_check_passes_or_writes_where_the_page_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_page, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(benchmark_page, "DOCS", tmp_path / "docs")
    put(tmp_path / "results")
    assert main(["--check"]) == 1
    assert not (tmp_path / "docs").exists()
    assert main([]) == 0
    assert main(["--check"]) == 0
    put(tmp_path / "results", sample=0.5)
    assert main([]) == 1
