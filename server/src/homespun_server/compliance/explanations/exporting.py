"""Explanations as files: for people (a page, a PDF), for spreadsheets, and for programs.

Spreadsheets take some texts for formulas, so these are written with an apostrophe before (CWE-1236).
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from homespun.protocol.read_only import ReadOnlyDict
from homespun.protocol.records import ExplanationRecord
from homespun_server.compliance.documents.blocks import Block, Document, Heading, Source
from homespun_server.compliance.documents.rendering import as_page, as_pdf
from homespun_server.compliance.explanations.layers import (
    Explained,
    item_numbers,
    layers,
    list_numbers,
    moment,
    sentences,
)
from homespun_server.compliance.explanations.words import Words

SCHEMA_VERSION: Final = 1
"""Version of a line of JSON."""

COLUMNS = ("record", "case", "time", "surface", "place", "item", "title", "number", "value", "meaning")
"""The columns of a table: one number a row, with what it means, after the sentences of the first layer."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Without(msgspec.Struct, frozen=True):
    """The executed counterfactual of one item; see ``homespun.explain.counterfactual``."""

    item: str
    without: tuple[str, ...]
    executed: int
    exhaustive: bool


class CounterfactualLayer(msgspec.Struct, frozen=True):
    """The third layer: the main reason, the list with and without it, and what each item would need."""

    reason: str | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    items: tuple[Without, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One explanation as JSON.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        case: The support case; empty where it is none.
        note: What was noted there.
        language: Of the first layer.
        procedure: The first layer, sentence by sentence.
        record: The second layer: the record as it came in.
        counterfactual: The third layer.
        titles: Titles of the items that are named.
    """

    schema: Literal[1] = SCHEMA_VERSION
    case: str
    note: str
    language: str
    procedure: tuple[str, ...]
    record: ExplanationRecord
    counterfactual: CounterfactualLayer
    titles: dict[str, str]


def as_lines(found: Sequence[Explained], words: Words) -> bytes:
    """Return a line of JSON for each explanation."""
    return b"".join(msgspec.json.encode(_line(each, words), order="deterministic") + b"\n" for each in found)


def as_table(found: Sequence[Explained], words: Words) -> bytes:
    """Return comma-separated values, a sentence or a number a row, under a row of names; UTF-8 with a mark."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for each in found:
        for row in _rows(each, words):
            writer.writerow([_harmless(cell) for cell in row])
    return ("\ufeff" + out.getvalue()).encode()


def as_document(found: Sequence[Explained], words: Words) -> Document:
    """Return explanations as a document."""
    return Document(
        kind="explanation",
        title=words.say("first.title"),
        subtitle=words.say("first.subtitle"),
        language=words.language,
        blocks=tuple(_blocks(found, words)),
        sources=tuple(_sources(found)),
        disclaimer=words.say("first.disclaimer"),
    )


FORMATS: Final[Mapping[str, Callable[[Sequence[Explained], Words], bytes]]] = ReadOnlyDict(
    {
        "jsonl": as_lines,
        "csv": as_table,
        "html": lambda found, words: as_page(as_document(found, words)),
        "pdf": lambda found, words: as_pdf(as_document(found, words)),
    }
)
"""What makes a file of explanations, by the name of its format."""


def _line(found: Explained, words: Words) -> Line:
    executed = found.executed
    items = tuple(
        Without(one.item, tuple(change.label for change in one.changes), one.executed, one.exhaustive)
        for one in executed.items
    )
    reason = None if executed.change is None else executed.change.label
    return Line(
        case=found.given.case,
        note=found.given.note,
        language=words.language,
        procedure=sentences(found, words),
        record=found.record,
        counterfactual=CounterfactualLayer(reason, executed.before, executed.after, items),
        titles=found.titles,
    )


def _rows(found: Explained, words: Words) -> Iterator[tuple[object, ...]]:
    """Yield what is said in plain words, and every number of a record and of its counterfactual with its meaning."""
    record, executed = found.record, found.executed
    surface = record.inputs.surface if record.inputs else ""
    head = (found.given.number, found.given.case, moment(record.time), surface)
    for sentence in sentences(found, words):
        yield (*head, "", "", "", "in plain words", "", sentence)
    for name, value, meaning in list_numbers(record, words):
        yield (*head, "", "", "", name, value, meaning)
    for place, (item, without) in enumerate(zip(record.items, executed.items, strict=True), 1):
        about = (*head, place, item.item, found.titles[item.item])
        for name, value, meaning in item_numbers(item, found, words):
            yield (*about, name, value, meaning)
        for stage in item.stages:
            yield (*about, f"rank after {stage.stage}", stage.after, words.say("meaning.rank"))
        yield (*about, "propensity", item.propensity, words.say("meaning.propensity"))
        yield (*about, str(without), without.executed, words.say("meaning.counterfactual"))
        after = executed.after.index(item.item) + 1 if item.item in executed.after else 0
        yield (*about, "place without the main reason", after, words.say("meaning.without"))


def _blocks(found: Sequence[Explained], words: Words) -> Iterator[Block]:
    for each in found:
        if len(found) > 1:
            surface = each.record.inputs.surface if each.record.inputs else ""
            yield Heading(f"{each.given.number}. {moment(each.record.time)} · {surface}")
        yield from layers(each, words)


def _sources(found: Sequence[Explained]) -> Iterator[Source]:
    for each in found:
        encoded = msgspec.json.encode(each.record, order="deterministic")
        yield Source(f"record {each.given.number}", each.record.digest or hashlib.sha256(encoded).hexdigest())
    for bundle, model in sorted({(each.record.bundle, each.model) for each in found}):
        yield Source(f"the bundle {model}", bundle)


def _harmless(value: object) -> str:
    told = str(value)
    is_text = isinstance(value, str) and not _is_number(value)
    return f"'{told}" if is_text and told.startswith(_FORMULA) else told


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
