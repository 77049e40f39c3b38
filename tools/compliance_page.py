"""Writes the page ``docs/compliance.md`` from its rows, ``tests/compliance/rows.toml``.

Usage: python -m tools.compliance_page [--check]

A row leads from an article to the feature that serves it, the evidence that it leaves, and the test that fails where
the feature is disabled. What disables it is part of the row, as a text to replace: ``tests/compliance`` does it, in a
copy, and runs the test. ``--check`` writes nothing and fails if the page is another.
"""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "tests" / "compliance" / "rows.toml"
PAGE = ROOT / "docs" / "compliance.md"

HEAD = """\
# Compliance

<!-- Made by tools/compliance_page.py from tests/compliance/rows.toml. Write no row here. -->

What the law asks for, what serves it here, what an auditor finds afterwards, and the test that fails where the feature
is switched off. The last is checked: for each row the feature is disabled in a copy of the code, and the named test has
to fail (`tests/compliance`; a tenth of the rows in `make test`, all in `make soak`).

This page is no legal advice, and no row makes anybody compliant: who uses homespun decides what for, on what basis, and
answers for it. What no software can promise stands in the [threat model](threat-model.md) and on the page about
[privacy](privacy.md).
"""


class Mutation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What disables a feature.

    Attributes:
        file: The source file, from the repository's root.
        find: A text that occurs there exactly once.
        replace: What stands there instead.
    """

    file: str
    find: str
    replace: str


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row of the page.

    Attributes:
        law: The law, which heads a table.
        article: The article, or section.
        asks: What it asks for, in a few words.
        feature: What serves it, in plain words; Markdown.
        evidence: What an auditor finds afterwards; Markdown.
        test: The test that fails where the feature is disabled, as pytest names it.
        mutation: What disables it.
    """

    law: str
    article: str
    asks: str
    feature: str
    evidence: str
    test: str
    mutation: Mutation


def read_rows(path: Path = ROWS) -> tuple[Row, ...]:
    """Read the rows, in the order of the file.

    Raises:
        msgspec.ValidationError: If one is not as it should be.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return msgspec.convert(content["row"], tuple[Row, ...])


def page_of(rows: Sequence[Row]) -> str:
    """Return the page; rows of one law stand together."""
    parts = [HEAD]
    for law, found in groupby(rows, key=lambda row: row.law):
        lines = [_line(row) for row in found]
        parts.append("\n".join([f"\n## {law}\n", *_TABLE, *lines, ""]))
    return "".join(parts)


_TABLE = ("| Article | Asks for | Served by | Evidence | Test |", "| --- | --- | --- | --- | --- |")


def _line(row: Row) -> str:
    file, _, name = row.test.partition("::")
    source = f"[`{row.mutation.file.rpartition('/')[2]}`]({_SOURCE}/{row.mutation.file})"
    cells = (row.article, row.asks, f"{row.feature} ({source})", row.evidence, f"`{file}`: {_words(name)}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _words(name: str) -> str:
    return name.rpartition("::")[2].partition("[")[0].removeprefix("test_").replace("_", " ")


_SOURCE = ".."


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the page, and return the exit status."""
    parser = argparse.ArgumentParser(description="Writes docs/compliance.md from its rows.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is another")
    options = parser.parse_args(arguments)
    made = page_of(read_rows())
    if not options.check:
        PAGE.write_text(made, encoding="utf-8", newline="\n")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != made:
        print("docs/compliance.md is not what its rows make: python -m tools.compliance_page", file=sys.stderr)
        return 1
    print(f"docs/compliance.md: {len(read_rows())} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
