"""``homespun-server statistics``: what can be counted about people, in plain words.

Shown are examples over a universe of a thousand items: the declarations of a fit have its own universe, weights
and limits. Reads no data.
"""

import argparse
from collections.abc import Mapping
from itertools import islice
from typing import cast

import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table

from homespun.protocol.statistics.declaration import Gap, Statistic
from homespun.protocol.statistics.standard import STANDARD
from homespun.protocol.statistics.variants import Measure

BY_NAME: Mapping[str, Statistic] = {statistic.name: statistic for statistic in STANDARD}

_SHOWN = 5
"""Values of a long parameter that are shown."""

_NOTE = (
    "Examples over a universe of 1,000 items. Each is a sum over people: what one person adds is clipped to the "
    "bound, noise is added once, to the sum, and only then is it shown to anybody. Unit: the user; neighbours: one "
    "user more or less."
)


def _statistics(options: argparse.Namespace, console: Console) -> None:
    chosen = STANDARD if options.name is None else (BY_NAME[options.name],)
    if options.json:
        # Not through rich, which would break long lines.
        encoded = msgspec.json.encode(chosen if options.name is None else chosen[0])
        console.file.write(msgspec.json.format(encoded, indent=2).decode() + "\n")
    else:
        console.print(_overview() if options.name is None else _in_full(chosen[0]))


def facts(statistic: Statistic) -> dict[str, str]:
    """Return what a declaration says, in plain words, by what it is about."""
    return {
        "Counted": statistic.counts,
        "Used to": statistic.purpose,
        "Told to people": statistic.description,
        "Numbers": _numbers(statistic),
        "Bound": f"L2 norm of what a person adds: at most {statistic.l2_bound / statistic.grid:g}, which is "
        f"{statistic.l2_bound:,} steps of 1/{statistic.grid}",
        "Carried in": f"integers of {statistic.width} bits, for up to {statistic.max_people:,} people",
        "Kept": statistic.retention,
    }


def parameters(statistic: Statistic) -> dict[str, str]:
    """Return the published parameters of a declaration, long ones shortened, by name."""
    form = statistic.transformation
    return {name: _value(getattr(form, name)) for name in form.__struct_fields__}


def _numbers(statistic: Statistic) -> str:
    if len(statistic.shape) == 1:
        return f"{statistic.size:,}"
    return f"{' × '.join(f'{length:,}' for length in statistic.shape)} = {statistic.size:,}"


def _value(value: object) -> str:
    match value:
        case tuple():
            return _listed(value)
        case Gap(seconds=seconds, weight=weight):
            return f"{weight} within {seconds:,} s"
        case Measure(name=name, cap=cap):
            return f"{name} up to {cap:,}"
        case int():
            return f"{value:,}"
    return str(value)


def _listed(values: tuple[object, ...]) -> str:
    match values:
        case ():
            return "none"
        case ((str(), str()), *_):
            return ", ".join(f"{one} × {other}" for one, other in cast(tuple[tuple[str, str], ...], values))
        case (tuple() as first, *_):
            return f"{len(values):,} lists of {len(first):,} numbers"
    more = len(values) - _SHOWN
    return ", ".join(map(_value, islice(values, _SHOWN))) + (f", … ({len(values):,} in all)" if more > 0 else "")


def _overview() -> RenderableType:
    table = Table(title="What can be counted", caption=_NOTE, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("statistic", no_wrap=True)
    table.add_column("counts")
    table.add_column("to")
    table.add_column("numbers", justify="right", no_wrap=True)
    for statistic in STANDARD:
        table.add_row(statistic.name, statistic.counts, statistic.purpose, f"{statistic.size:,}")
    return table


def _in_full(statistic: Statistic) -> RenderableType:
    table = Table(title=statistic.name, show_header=False, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in facts(statistic).items():
        table.add_row(name, text)
    table.add_section()
    for name, text in parameters(statistic).items():
        table.add_row(name, text)
    return Group(table, Panel(_NOTE, title="Mind"))


def configure(command: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    command.description = "List the statistics, or show one in full. Reads no data."
    command.set_defaults(run=_statistics)
    command.add_argument("name", nargs="?", choices=BY_NAME, metavar="NAME", help=", ".join(BY_NAME))
    command.add_argument("--json", action="store_true", help="write the declarations as JSON")
