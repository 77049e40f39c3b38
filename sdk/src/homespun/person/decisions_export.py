"""The records of decisions as files: for programs, for spreadsheets, and for people.

The page is one file without scripts that fetches nothing, which its content security policy makes sure of; every word
that is not ours is escaped. Spreadsheets take some texts for formulas, so these are written with an apostrophe before.

Pure but for the style sheet, which is part of the package.
"""

import base64
import csv
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

import msgspec

from homespun.explain.wording import DEFAULT
from homespun.protocol.bundle import CONTROL_CHARACTERS
from homespun.protocol.read_only import ReadOnlyDict
from homespun.protocol.records import AttributionEntry, ExplanationRecord, ItemEntry

Titles = Mapping[str, str]

_COLUMNS = (
    "time",
    "surface",
    "place",
    "item",
    "title",
    "score",
    "reason",
    "personalized",
    "propensity",
    "moves",
    "bundle",
    "policy",
    "digest",
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_lines(records: Sequence[ExplanationRecord], titles: Titles) -> bytes:
    """Return a line of JSON for each record; titles are the bundle's and not part of it."""
    del titles
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def as_table(records: Sequence[ExplanationRecord], titles: Titles) -> bytes:
    """Return a line of comma-separated values for each listed item, under a line of names; UTF-8 with a mark."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for record in records:
        for place, entry in enumerate(record.items, 1):
            row = (
                _moment(record.time),
                _surface(record),
                place,
                entry.item,
                titles.get(entry.item, ""),
                entry.score,
                entry.reason,
                record.personalized,
                entry.propensity,
                "; ".join(entry.moves),
                record.bundle,
                record.policy or "",
                record.digest,
            )
            writer.writerow([_harmless(value) for value in row])
    return ("\ufeff" + out.getvalue()).encode()


def as_page(records: Sequence[ExplanationRecord], titles: Titles) -> bytes:
    """Return a page in UTF-8, laid out for the screen and for paper."""
    style = files("homespun.person.export").joinpath("page.css").read_text(encoding="utf-8") + _STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    count = f"{len(records):,} {'list' if len(records) == 1 else 'lists'}"
    body = "\n".join(_list(record, titles) for record in records) or "<p>There is nothing of this kind.</p>"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Why things were recommended</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>Why things were recommended</h1>
<p>{count}, oldest first. The parts of a score add up to it exactly. With the file of the same records in lines of JSON
and the model's bundle, <code>homespun verify</code> makes every list again and compares it.</p>
</header>
<main>
{body}
</main>
</body>
</html>
""".encode()


def _list(record: ExplanationRecord, titles: Titles) -> str:
    facts = {
        "Surface": _surface(record),
        "From personal data": "yes" if record.personalized else "no",
        "Candidates looked at": f"{record.candidates:,}",
        "Consent records in force": ", ".join(f"{name} ({number})" for name, number in record.consents.items())
        or "none",
        "Model": record.bundle,
        "Policy": record.policy or "not recorded",
        "Computed by": record.runtime or "not recorded",
        "Numbers": record.precision or "not recorded",
        "Digest of the record": record.digest or "none",
    }
    told = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts.items())
    items = "\n".join(_item(place, entry, titles) for place, entry in enumerate(record.items, 1))
    return f"""<section class="decision">
<h2>{_moment(record.time)} UTC</h2>
<dl>{told}</dl>
{items}
</section>"""


def _item(place: int, entry: ItemEntry, titles: Titles) -> str:
    rows = "".join(_row(_label(part, titles), f"{part.value:+.6f}") for part in entry.attributions)
    if entry.others:
        rows += _row("all smaller parts together", f"{entry.others:+.6f}")
    left = f"{float(entry.residual):+.1e}" if entry.residual else "0"
    rows += _row("rounding", left) + _row("score", f"{entry.score:+.6f}", "total")
    moves = "".join(f"<li>{_text(move)}</li>" for move in entry.moves)
    ranks = ", ".join(f"{_text(each.stage)} {each.before}→{each.after}" for each in entry.stages)
    return f"""<article>
<h3>{place}. {_text(titles.get(entry.item, entry.item))}</h3>
<p>{_text(entry.reason)}</p>
{f"<ul>{moves}</ul>" if moves else ""}
{f'<p class="soft">Rank among the candidates, stage by stage: {ranks}</p>' if ranks else ""}
<table>
<thead><tr><th scope="col">Part</th><th scope="col" class="number">Adds</th></tr></thead>
<tbody>{rows}</tbody>
</table>
</article>"""


def _row(label: str, value: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<tr{mark}><td dir="auto">{_text(label)}</td><td class="number">{value}</td></tr>'


def _label(part: AttributionEntry, titles: Titles) -> str:
    item = titles.get(part.item or "", part.item or "")
    if part.source == "control":
        about = {"more_like": "asked for more like", "less_like": "asked for less like", "similar": "is like"}
        return f"your interest in {part.tag}" if part.tag else f"{about[part.control or 'similar']} {item}"
    named = {
        "history": f"{item} ({part.component})",
        "learning": f"{item} (learned on this device)",
        "prior": f"{DEFAULT.prior(part.component or '')} ({part.component}), the same for everybody",
        "context": f"{part.component}: {part.choice}",
        "archetype": "the kind of taste",
        "repeat": "chosen before",
        "returns": "coming back to things",
        "rule": f"the rule {part.component!r}",
        "recency": f"how new it is ({part.component})",
        "popularity": "the dial for popularity",
    }
    return named[part.source]


def _surface(record: ExplanationRecord) -> str:
    return record.inputs.surface if record.inputs else ""


def _moment(time: float) -> str:
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return f"{time:g}"


def _text(value: str) -> str:
    return escape(CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", value))


def _harmless(value: object) -> str:
    told = str(value)
    is_text = isinstance(value, str)
    return f"'{told}" if is_text and told.startswith(_FORMULA) else told


FORMATS: Mapping[str, Callable[[Sequence[ExplanationRecord], Titles], bytes]] = ReadOnlyDict(
    {"jsonl": as_lines, "csv": as_table, "html": as_page}
)
"""What makes a file of records, by the name of its format."""

_STYLE = """
article { break-inside: avoid; margin-block: 1.5rem; }
article table { max-width: 44rem; }
.total td { font-weight: 600; }
@media print { section.decision { break-before: page; } section.decision:first-of-type { break-before: auto; } }
"""
