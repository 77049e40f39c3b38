"""Writes the reference of the statistics, ``docs/reference/statistics.md``, from their declarations.

Usage: python -m tools.statistics_reference [--check]

Nothing about a statistic is written twice: the page is made of the texts that people and ledgers are shown and of
the docstrings of the declarations. ``--check`` writes nothing and fails if the page is another.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from inspect import getdoc
from pathlib import Path

from homespun.protocol.statistics.declaration import LikeRule, Statistic
from homespun.protocol.statistics.standard import STANDARD
from homespun_server.cli.statistics import facts, parameters

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "statistics.md"

HEAD = """\
# Statistics

<!-- Made by tools/statistics_reference.py from the declarations. Change those, and run it. -->

Everything that is learned from people is a sum over them, of one of the kinds on this page. A statistic is data: a
declaration that names what is counted and publishes every parameter. A table of interactions and a device turn a
person's events into what they add with the same code, in three named steps:

1. **Cells**: which numbers of the sum a person adds to, and with what integer weight. Where somebody has more items
   or cells than are looked at, a sample is taken, keyed by a secret of the person's own, so that nobody can arrange
   which are.
2. **Clip**: the weights are divided by their L2 norm and multiplied by the bound. Norms are computed with integers and
   rounded up, values are rounded down, so the norm of what a person adds is at most the bound exactly, and not up to
   rounding. Adding or removing one person moves the sum by no more than the bound.
3. **Noise**: added once, to the sum. Only then is it shown to anybody, or used.

What rounding takes is little: the norm of what a person with n cells adds is less than √n + 1 steps below the bound,
.1% for 100 cells and 12.5% for a million. A declaration whose largest possible sum, with the tail of the noise, would
wrap its integers is refused.

The examples below are over a universe of 1,000 items. `homespun-server statistics` shows them in a terminal, and with
`--json` as data; `homespun/protocol/schemas/statistic.json` is the JSON Schema of a declaration.
"""


def page() -> str:
    """Return the page."""
    sections = (line for statistic in STANDARD for line in _section(statistic))
    return "\n".join([HEAD, *_overview(), *_rule(), *sections])


def _overview() -> Iterator[str]:
    yield "| Statistic | Counts | To |"
    yield "| --- | --- | --- |"
    for statistic in STANDARD:
        yield f"| [{statistic.name}](#{statistic.name}) | {statistic.counts} | {statistic.purpose} |"
    yield ""


def _rule() -> Iterator[str]:
    rule, explained = documentation(LikeRule)
    yield f"## In favour, and liked\n\n{rule}\n"
    yield "| Parameter | Meaning |"
    yield "| --- | --- |"
    for name, text in explained.items():
        yield f"| `{name}` | {text} |"
    yield ""


def _section(statistic: Statistic) -> Iterator[str]:
    rule, explained = documentation(type(statistic.transformation))
    yield f"## {statistic.name}\n"
    yield f"{rule}\n"
    yield "| | |"
    yield "| --- | --- |"
    for name, text in facts(statistic).items():
        yield f"| {name} | {text} |"
    yield ""
    shown = parameters(statistic)
    if shown:
        yield "| Parameter | Here | Meaning |"
        yield "| --- | --- | --- |"
        for name, value in shown.items():
            yield f"| `{name}` | {value} | {explained[name]} |"
        yield ""


def documentation(described: type) -> tuple[str, dict[str, str]]:
    """Return a structure's docstring as Markdown, and what it says about each parameter."""
    text = (getdoc(described) or "").replace("``", "`")
    rule, _, attributes = text.partition("\n\nAttributes:\n")
    # An attribute's further lines are indented by four more.
    entries = attributes.replace("\n        ", " ").splitlines()
    return rule, dict(entry.strip().split(": ", 1) for entry in entries)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it; 0 if it is what it should be."""
    return kept(PAGE, page, "statistics", "declarations", arguments)


def kept(path: Path, make: Callable[[], str], about: str, source: str, arguments: Sequence[str] | None) -> int:
    """Write a page that is made from code, or check it with ``--check``; return 0 if it is what it should be.

    Args:
        path: The page.
        make: Returns its text.
        about: What it is about; the tool is called ``tools.<about>_reference``.
        source: What it is made from, in the plural.
        arguments: The command's; None: those of this process.
    """
    parser = argparse.ArgumentParser(description=f"Write {path.name} from the {source}.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is another")
    if not parser.parse_args(arguments).check:
        path.write_text(make(), encoding="utf-8", newline="\n")
        return 0
    current = path.is_file() and path.read_text(encoding="utf-8") == make()
    print(
        f"{about}: the reference is that of the {source}"
        if current
        else f"{path.name} is not what the {source} say now: run python -m tools.{about}_reference."
    )
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main())
