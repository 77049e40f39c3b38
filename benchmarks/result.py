"""What a benchmark yields: sections of typed cells, shown as tables and written as JSON."""

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import msgspec
from rich import box
from rich.table import Table

from benchmarks.measure import Spread
from homespun_server.evaluation.intervals import Interval

SCHEMA_VERSION = 1

PACKAGES = ("homespun", "homespun-server", "implicit", "numpy", "onnxruntime", "opendp", "scipy")

Plot = Literal["bars", "ratios", "curves"]

Cell = str | int | float | Spread | Interval | None


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        title: What it shows.
        columns: Headings, units included; also the keys in JSON.
        rows: One cell a column.
        note: How to read it.
        plot: How the page shows its intervals beside the table; None: not at all.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    plot: Plot | None = None


def machine(packages: Iterable[str] = PACKAGES) -> dict[str, str | int | None]:
    """Return what the figures depend on: system, processors, Python and the packages' versions."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # not every benchmark needs every package
        return None


def write_result(
    benchmark: str,
    sections: Iterable[Section],
    made: datetime,
    folder: Path,
    *,
    measured_on: Mapping[str, str | int | None],
    about: str = "",
    sample: float | None = None,
) -> Path:
    """Write ``<benchmark>.json`` into ``folder`` and return its path.

    Args:
        benchmark: Its name.
        sections: What was measured.
        made: When.
        folder: Made if it is not there.
        measured_on: What the figures depend on.
        about: What the benchmark measures, in a sentence.
        sample: The share of people that was looked at, if not all.
    """
    content = {
        "schema": SCHEMA_VERSION,
        "benchmark": benchmark,
        "about": about,
        "made": made.isoformat(timespec="seconds"),
        "machine": measured_on,
        **({} if sample is None else {"sample": sample}),
        "sections": [as_data(section) for section in sections],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{benchmark}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    return path


def as_data(section: Section) -> dict[str, object]:
    """Return a section with every row as a mapping from column to raw value.

    Raises:
        ValueError: If a row does not have one cell a column.
    """
    rows = [dict(zip(section.columns, row, strict=True)) for row in section.rows]
    plot = {} if section.plot is None else {"plot": section.plot}
    return {"title": section.title, "note": section.note, **plot, "rows": rows}


def as_table(section: Section) -> Table:
    """Lay out a section for a terminal."""
    table = Table(title=section.title, caption=section.note or None, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(section.columns):
        table.add_column(heading, justify="right" if place else "left")
    for row in section.rows:
        table.add_row(*(text(cell) for cell in row))
    return table


def text(cell: Cell) -> str:
    """Return a cell as people read it: a range in brackets, ± half of an interval."""
    match cell:
        case None:
            return "–"
        case str():
            return cell
        case Spread():
            return f"{_figure(cell.median)} ({_figure(cell.low)}–{_figure(cell.high)})"
        case Interval():
            return f"{cell.mean:.4f} ±{(cell.high - cell.low) / 2:.4f}"
        case _:
            return _figure(cell)


def _figure(value: float) -> str:
    """Return a number with three significant digits, or all that stand before the decimal point."""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
