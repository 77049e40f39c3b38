"""Writes the page of benchmarks, ``docs/benchmarks.md`` with its plots, from the results that are committed.

Usage: python -m tools.benchmark_page [--check]

No figure on the page is written by hand: it is made of ``benchmarks/results/*.json``, which the benchmarks wrote.
Results of a sample of people are refused. ``--check`` writes nothing and fails if the page or a plot is another.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.models.parts import PARTS
from benchmarks.result import SCHEMA_VERSION, Plot
from homespun_server.evaluation.intervals import Interval
from tools.benchmark_plots import bars, curves, ratios

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs"
PAGE = "benchmarks.md"
_LARGE = 100
"""From here on no digit stands behind the decimal point."""

PLOT = "assets/benchmark-{name}-{number}.svg"

HEAD = """\
# Benchmarks

<!-- Made by tools/benchmark_page.py from benchmarks/results. Run the benchmarks and it; write no figure here. -->

How good exported bundles are, and how fast, useful and true lists and reasons, beside peers that were asked the same in
the same run. A bundle ranks by the client's own code, from its quantized files. Peers are tuned within what trains, as
the blend of a bundle without privacy is, for two minutes each; the tables say how many of their settings that were.
What is claimed stands beside what was measured, whether it was reached or not. Intervals are 95% bootstrap intervals
over users and are given in brackets; ratios are paired.

Each part is run with `python -m benchmarks NAME --out benchmarks/results` in the environment that `make bench`
prepares, the peers' one beside it (`make peers`). Data sets that may not be passed on are looked for in the folder
that `--data` or `HOMESPUN_DATA` names.
"""


class ResultError(Exception):
    """A result that no page can be made of."""


class Shown(msgspec.Struct, frozen=True):
    """A section as it was written; rows are cells by column."""

    title: str
    note: str
    rows: list[dict[str, object]]
    plot: Plot | None = None


class Result(msgspec.Struct, frozen=True):
    """A benchmark's result as it was written."""

    schema: int
    benchmark: str
    made: str
    machine: dict[str, str | int | None]
    sections: list[Shown]
    about: str = ""
    sample: float | None = None


def read_results(folder: Path) -> list[Result]:
    """Read all results, in the order of the benchmark's parts.

    Raises:
        ResultError: If one cannot be read, is of a sample, or is of another version.
    """
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    order = {name: number for number, name in enumerate(PARTS)}
    return sorted(found, key=lambda result: (order.get(result.benchmark, len(order)), result.benchmark))


def _read(path: Path) -> Result:
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result)
    except msgspec.DecodeError as error:
        raise ResultError(f"{path.name} is no result of a benchmark: {error}. Run the benchmark again.") from error
    if result.sample is not None:
        raise ResultError(f"{path.name} is of a share of {result.sample:g} of the people. Run it without --sample.")
    if result.schema != SCHEMA_VERSION:
        raise ResultError(f"{path.name} is of schema {result.schema}, not {SCHEMA_VERSION}. Run the benchmark again.")
    return result


def files(results: Sequence[Result]) -> dict[str, str]:
    """Return the page and its plots, by their path beneath docs."""
    made: dict[str, str] = {}
    lines = [HEAD, *_overview(results)]
    for result in results:
        lines += _heading(result)
        for number, section in enumerate(result.sections):
            lines += [f"### {section.title}\n", *([f"{section.note}\n"] if section.note else [])]
            drawing = draw(section)
            if drawing is not None:
                path = PLOT.format(name=result.benchmark, number=number)
                made[path] = drawing
                lines.append(f"![{section.title}]({path})\n")
            lines += [*table(section.rows), ""]
    made[PAGE] = "\n".join(lines).rstrip("\n") + "\n"
    return made


def _overview(results: Sequence[Result]) -> Iterator[str]:
    """Yield what was to be reached, and what was."""
    yield "## What was to be reached\n"
    rows = [
        {"measured": section.title, **_told(row)}
        for result in results
        for section in result.sections
        for row in section.rows
        if row.get("verdict") is not None
    ]
    if rows:
        yield from table(rows)
    else:
        yield "No result with an aim is committed yet."
    yield ""


_FIGURES = ("ratio", "proposal recall", "lead")


def _told(row: Mapping[str, object]) -> dict[str, object]:
    names = list(row)
    # Where no column has one of these names, the second one is what was measured.
    figure = next((name for name in names if name.startswith(_FIGURES)), names[1] if len(names) > 1 else None)
    aims = [row[name] for name in names if name.startswith("aim") and isinstance(row[name], int | float)]
    whose = [text_of(row[name]) for name in names[:2] if isinstance(row[name], str) and name != figure]
    return {
        "of": ", beside ".join(whose) if "beside" in row else ", ".join(whose),
        "figure": figure,
        "value": None if figure is None else row[figure],
        "aim": aims[0] if aims else None,
        "verdict": row["verdict"],
    }


def _heading(result: Result) -> Iterator[str]:
    yield f"## {result.benchmark}\n"
    if result.about:
        yield f"{result.about}\n"
    known = {name: value for name, value in result.machine.items() if value is not None}
    yield f"Measured {result.made[:10]} on " + ", ".join(f"{name} {value}" for name, value in known.items()) + ".\n"


def table(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Yield a Markdown table."""
    if not rows:
        return
    columns = list(rows[0])
    yield "| " + " | ".join(columns) + " |"
    yield "| --- |" + " ---: |" * (len(columns) - 1)
    for row in rows:
        yield "| " + " | ".join(text_of(row[column]).replace("|", "\\|") for column in columns) + " |"


def text_of(cell: object) -> str:
    """Return a cell as people read it."""
    if cell is None:
        return "–"
    interval = interval_of(cell)
    if interval is not None:
        return f"{interval.mean:.4f} ({interval.low:.4f} to {interval.high:.4f})"
    if isinstance(cell, dict):
        return f"{_number(cell['median'])} ({_number(cell['low'])} to {_number(cell['high'])})"
    return _number(cell) if isinstance(cell, int | float) else str(cell)


def _number(value: float) -> str:
    if isinstance(value, int) or abs(value) >= _LARGE:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def interval_of(cell: object) -> Interval | None:
    """Return a cell as an interval, if it is one."""
    return msgspec.convert(cell, Interval) if isinstance(cell, dict) and "mean" in cell else None


def draw(section: Shown) -> str | None:
    """Return the plot of a section, if it has one and anything was measured."""
    series = [name for name in _columns(section) if not name.startswith("lead")]
    if section.plot is None or not series:
        return None
    if section.plot == "ratios":
        rows = [(_compared(row), [interval_of(row[series[0]])]) for row in section.rows]
        aims = [row["aim"] for row in section.rows]
        return ratios(section.title, rows, [aim if isinstance(aim, int | float) else None for aim in aims])
    labelled = [(str(next(iter(row.values()))), [interval_of(row[name]) for name in series]) for row in section.rows]
    if section.plot == "curves":
        whole = [(label, [one for one in row if one is not None]) for label, row in labelled]
        return curves(section.title, series, [(label, row) for label, row in whole if len(row) == len(series)])
    return bars(section.title, series, [(label, row) for label, row in labelled if any(row)])


def _compared(row: Mapping[str, object]) -> str:
    return f"{row['model']} / {row['beside']}" if "beside" in row else text_of(next(iter(row.values())))


def _columns(section: Shown) -> list[str]:
    """Return the columns that hold intervals."""
    names = list(section.rows[0]) if section.rows else []
    return [name for name in names if any(interval_of(row[name]) is not None for row in section.rows)]


def stale(made: Mapping[str, str], docs: Path) -> list[str]:
    """Return what is not, or not any more, what the results say: paths beneath docs."""
    different = [path for path, content in made.items() if _current(docs / path) != content]
    drawn = {path.relative_to(docs).as_posix() for path in docs.glob(PLOT.format(name="*", number="*"))}
    return sorted([*different, *(drawn - made.keys())])


def _current(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(made: Mapping[str, str], docs: Path) -> None:
    """Write the page and its plots, and remove plots of results that are gone."""
    for path in stale(made, docs):
        if path in made:
            (docs / path).parent.mkdir(parents=True, exist_ok=True)
            (docs / path).write_text(made[path], encoding="utf-8", newline="\n")
        else:
            (docs / path).unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it; 0 if it is what it should be."""
    parser = argparse.ArgumentParser(description="Write docs/benchmarks.md from benchmarks/results.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is another")
    checking = parser.parse_args(arguments).check
    try:
        made = files(read_results(RESULTS))
    except ResultError as error:
        print(f"benchmarks: {error}")
        return 1
    if not checking:
        write(made, DOCS)
        return 0
    wrong = stale(made, DOCS)
    print(
        f"not what the results say now: {', '.join(wrong)}; run python -m tools.benchmark_page."
        if wrong
        else "benchmarks: the page is that of the results"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
