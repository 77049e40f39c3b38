"""The export's page: what the files say, for reading and printing.

One file without scripts that fetches nothing, which its content security policy makes sure of. Every word
that is not ours is escaped by ``markup``. Long tables are cut, and say so.

Pure but for the style sheet, which is part of the package.
"""

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from homespun.person.export import markup
from homespun.person.export.contents import Column, Contents, Section
from homespun.protocol.export import PORTABLE

MOST_ROWS = 200
"""Rows of a section that the page shows."""

MOST_COLUMNS = 10
"""Columns of a section that names none itself."""


@dataclass(slots=True)
class Excerpt:
    """The rows of a section that the page shows; see Section.show.

    Attributes:
        section: Whose rows.
        count: How many rows there are in all.
        shown: At most MOST_ROWS of them, oldest first.
    """

    section: Section
    count: int = 0
    shown: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_ROWS))

    def add(self, row: Mapping[str, Any]) -> None:
        """Take the next row."""
        self.count += 1
        if self.section.show == "last" or self.count <= MOST_ROWS:
            self.shown.append(row)

    def rows(self) -> list[Mapping[str, Any]]:
        """Return what is shown, in the order in which it is shown."""
        rows = list(self.shown)
        return rows[::-1] if self.section.show == "last" else rows


def page(contents: Contents, excerpts: Sequence[Excerpt]) -> bytes:
    """Return the page in UTF-8.

    Args:
        contents: Whose profile, and when it was exported.
        excerpts: What is shown of each section, in this order.
    """
    style = files("homespun.person.export").joinpath("page.css").read_text(encoding="utf-8")
    parts = [
        _head(style),
        _introduction(contents),
        _contents_list(excerpts),
        *(_section(excerpt) for excerpt in excerpts),
        _FOOTER,
    ]
    return "\n".join(parts).encode()


def _head(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Your data</title>
<style>{style}</style>
</head>
<body>"""


def _introduction(contents: Contents) -> str:
    facts = {
        "Made": f"{markup.moment(contents.made)} UTC",
        "Profile": markup.text(contents.profile or "in memory only"),
    }
    if contents.bundle:
        facts["Model"] = f"{markup.text(contents.bundle.name)} ({markup.text(contents.bundle.id)})"
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return f"""<header>
<h1>Your data</h1>
<p>This is everything that the application keeps about you on your device: what you told it, what it recorded,
what it concluded from that, and what it did with it. The same is in the files beside this page, in full and
for programs to read.</p>
<dl>{listed}</dl>
</header>
<main>"""


def _contents_list(excerpts: Iterable[Excerpt]) -> str:
    entries = "".join(
        f'<li><a href="#{excerpt.section.name}">{markup.text(excerpt.section.heading)}</a>'
        f"<span>{excerpt.count:,}</span></li>"
        for excerpt in excerpts
    )
    return f'<nav aria-label="Contents"><ol>{entries}</ol></nav>'


def _section(excerpt: Excerpt) -> str:
    section = excerpt.section
    portable = section.category in PORTABLE
    right = "Yours to take elsewhere (portability)" if portable else "For you to see (access)"
    file = f"data/{section.name}.json"
    return f"""<section aria-labelledby="{section.name}">
<h2 id="{section.name}">{markup.text(section.heading)}</h2>
<p>{markup.text(section.description, 2000)}</p>
<p><span class="right">{right}</span> <a href="{file}">{file}</a></p>
{_table(excerpt) if excerpt.count else '<p class="soft">There is nothing of this kind.</p>'}
</section>"""


def _table(excerpt: Excerpt) -> str:
    rows = excerpt.rows()
    columns = _used(excerpt.section.columns or _columns_of(rows), rows)
    classes = [_class(column, rows) for column in columns]
    head = "".join(
        f'<th scope="col"{class_}>{markup.text(column.label)}</th>'
        for column, class_ in zip(columns, classes, strict=True)
    )
    body = "\n".join(
        "<tr>" + "".join(_cell(row, column, class_) for column, class_ in zip(columns, classes, strict=True)) + "</tr>"
        for row in rows
    )
    return f"""<div class="scroll" tabindex="0" role="region" aria-labelledby="{excerpt.section.name}">
<table>
<caption><span>{_caption(excerpt, len(rows))}</span></caption>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
</div>"""


def _caption(excerpt: Excerpt, shown: int) -> str:
    newest = ", newest first" if excerpt.section.show == "last" else ""
    if shown == excerpt.count:
        return f"{_entries(shown)}{newest}"
    which = "latest" if newest else "first"
    return (
        f"The {which} {shown} of {_entries(excerpt.count)}{newest}. data/{excerpt.section.name}.json has all of them."
    )


def _entries(count: int) -> str:
    return f"{count:,} entry" if count == 1 else f"{count:,} entries"


def _columns_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Column, ...]:
    fields = dict.fromkeys(name for row in rows for name in row)
    return tuple(
        Column((name,), name.replace("_", " ").capitalize(), "time" if name == "time" else "plain")
        for name in list(fields)[:MOST_COLUMNS]
    )


def _used(columns: Iterable[Column], rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    nothing: tuple[Any, ...] = (None, "", [], (), {})
    return [column for column in columns if any(_value(row, column) not in nothing for row in rows)]


def _value(row: Mapping[str, Any], column: Column) -> Any:
    value: Any = row
    for name in column.path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _cell(row: Mapping[str, Any], column: Column, class_: str) -> str:
    return f'<td dir="auto"{class_}>{_SHOW[column.kind](_value(row, column))}</td>'


def _class(column: Column, rows: Iterable[Mapping[str, Any]]) -> str:
    values = [_value(row, column) for row in rows]
    numbers = all(isinstance(value, int | float | None) and not isinstance(value, bool) for value in values)
    if column.kind == "real" or (column.kind == "plain" and numbers):
        return ' class="number"'
    return ' class="brief"' if column.kind == "brief" else ""


_SHOW = {"plain": markup.cell, "time": markup.moment, "real": markup.real, "brief": markup.brief}

_FOOTER = """</main>
<footer>
<p class="soft">Times are in UTC. Long numbers are rounded and long texts are cut on this page, and where a title
or a text holds invisible characters, their codes are shown; the data files have everything exactly as it was
kept. The SHA-256 of every file stands in manifest.json.</p>
</footer>
</body>
</html>
"""
