"""An explanation tells what was not done, leaves a number out, or is made of a record that does not come out again."""

import csv
import html
import io
import json
from decimal import Decimal
from importlib.resources import files

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from homespun.errors import MisuseError, RecordError
from homespun.model.bundle import Bundle
from homespun.protocol.records import ExplanationRecord, parse_record
from homespun.ranking.decision import decide
from homespun.ranking.request import Inputs
from homespun_server.compliance.documents.blocks import Bars, Language, Rows, Text
from homespun_server.compliance.explanations.executed import Remaker
from homespun_server.compliance.explanations.exporting import (
    COLUMNS,
    FORMATS,
    _harmless,
    as_document,
    as_lines,
    as_table,
)
from homespun_server.compliance.explanations.layers import Explained, explained, layers, sentences
from homespun_server.compliance.explanations.reading import Given, parse_given
from homespun_server.compliance.explanations.words import Catalogue, Words, languages, words_of

ENGLISH = words_of()


@pytest.fixture(scope="module")
def found(records: tuple[ExplanationRecord, ...], remaker: Remaker) -> tuple[Explained, ...]:
    return tuple(explained(Given(number, record), remaker, ENGLISH) for number, record in enumerate(records, 1))


def test_a_changed_record_is_explained(records: tuple[ExplanationRecord, ...], remaker: Remaker) -> None:
    first = records[0]
    items = (structs.replace(first.items[0], score=first.items[0].score + 1), *first.items[1:])
    with pytest.raises(RecordError, match="score"):
        explained(Given(1, structs.replace(first, items=items).sealed()), remaker, ENGLISH)


def test_the_counterfactual_was_not_executed(found: tuple[Explained, ...], remaker: Remaker) -> None:
    executed = found[0].executed
    assert executed.change is not None
    assert executed.change.kind == "event"
    assert executed.gone
    decision = remaker.remade(found[0].record)
    kept = [event for event in decision.person.inputs.events or () if event.item != executed.change.target]
    again = Inputs(kept, decision.person.inputs.steering, decision.person.inputs.attributes)
    # Without the events at all, instead of set aside: the item itself may come back, and else it is the same list.
    erased = decide(decision.compiled.beside(), again, decision.request)
    listed = [remaker.bundle.items[place] for place in erased.ranked.positions.tolist()]
    assert [item for item in listed if item != executed.change.target][:3] == list(executed.after)[:3]


def test_nothing_of_nobody_is_taken_away(found: tuple[Explained, ...]) -> None:
    executed = found[2].executed
    assert executed.change is None
    assert executed.before == executed.after
    told = " ".join(sentences(found[2], ENGLISH))
    assert "nothing about you" in told
    assert "could be taken away" in told


def test_the_first_layer_lacks_what_was_applied(found: tuple[Explained, ...], bundle: Bundle) -> None:
    told = " ".join(sentences(found[0], ENGLISH))
    record = found[0].record
    for what in (
        "5 of 300 items",
        bundle.manifest.name,
        "12 things",
        "plain sum",
        found[0].reasons[0],
        "on your device",
    ):
        assert what in told
    assert found[0].titles[record.items[0].item] in told
    assert found[0].titles[found[0].executed.gone[0]] in told
    (bars,) = [block for block in layers(found[0], ENGLISH) if isinstance(block, Bars)]
    assert sum(share for _, share, _ in bars.rows) == pytest.approx(1)


def test_a_number_is_missing_or_has_no_meaning(found: tuple[Explained, ...]) -> None:
    table = list(csv.DictReader(io.StringIO(as_table(found, ENGLISH).decode("utf-8-sig"))))
    assert tuple(table[0]) == COLUMNS
    assert all(row["meaning"] for row in table)
    for each in found:
        told = [row for row in table if (row["record"], row["number"]) == (str(each.given.number), "in plain words")]
        assert [row["meaning"] for row in told] == list(sentences(each, ENGLISH))
        for place, item in enumerate(each.record.items, 1):
            rows = [row for row in table if (row["record"], row["place"]) == (str(each.given.number), str(place))]
            parts = [row for row in rows if row["meaning"].endswith("in units of the score")]
            others = [row for row in rows if row["number"] in {"all smaller parts together", "rounding"}]
            assert len(parts) == len(item.attributions)
            whole = sum(Decimal(row["value"]) for row in (*parts, *others))
            (score,) = [Decimal(row["value"]) for row in rows if row["number"] == "score"]
            assert abs(whole - score) < Decimal("1e-4")
            assert {f"rank after {stage.stage}" for stage in item.stages} <= {row["number"] for row in rows}
            assert {"propensity", "place without the main reason"} <= {row["number"] for row in rows}


def test_a_line_is_not_the_record_or_has_not_all_layers(found: tuple[Explained, ...]) -> None:
    for each, raw in zip(found, as_lines(found, ENGLISH).splitlines(), strict=True):
        line = json.loads(raw)
        assert parse_record(json.dumps(line["record"])) == each.record
        assert line["procedure"] == list(sentences(each, ENGLISH))
        assert line["counterfactual"]["before"] == [item.item for item in each.record.items]
        assert len(line["counterfactual"]["items"]) == len(each.record.items)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_records_give_another_file(found: tuple[Explained, ...], form: str) -> None:
    assert FORMATS[form](found, ENGLISH) == FORMATS[form](found, ENGLISH)


def test_the_page_lacks_a_layer(found: tuple[Explained, ...]) -> None:
    page = FORMATS["html"](found[:1], ENGLISH).decode()
    for heading in ("In plain words", "The full record", "The executed counterfactual"):
        assert f">{heading}</h2>" in page
    assert "<script" not in page
    assert FORMATS["pdf"](found[:1], ENGLISH).startswith(b"%PDF-")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_spreadsheet_runs_a_text(start: str) -> None:
    assert _harmless(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert _harmless("-0.5") == "-0.5"
    assert _harmless(-3) == "-3"


@given(st.text(min_size=1))
def test_a_cell_begins_as_a_formula(text: str) -> None:
    told = _harmless(text)
    assert not told.startswith(("=", "@", "\t", "\r", "\n"))
    if told.startswith(("+", "-")):
        float(told)


def test_a_list_is_explained_by_ids_although_titles_are_given(
    records: tuple[ExplanationRecord, ...], bundle: Bundle, found: tuple[Explained, ...]
) -> None:
    titles = {item: f"Titel von {place}" for place, item in enumerate(bundle.items)}
    made = explained(Given(1, records[0]), Remaker(bundle, titles=titles | {"elsewhere": "-"}), ENGLISH)
    own = {title for title in found[0].titles.values() if len(title) > 8}
    for form in ("html", "csv"):
        told = html.unescape(FORMATS[form]([made], ENGLISH).decode())
        assert not [title for title in own if title in told]
        assert not [reason for reason in made.reasons if reason not in told and form == "html"]
    assert made.titles[records[0].items[0].item] == titles[records[0].items[0].item]
    assert json.loads(as_lines([made], ENGLISH))["record"] == json.loads(msgspec.json.encode(records[0]))
    assert found[0].recorded == tuple(item.reason for item in records[0].items)


def test_a_support_case_loses_its_number_or_its_note(records: tuple[ExplanationRecord, ...], remaker: Remaker) -> None:
    case = {
        "schema": 1,
        "case": "=C-7",
        "note": "Why <b>this</b>?",
        "record": json.loads(msgspec.json.encode(records[0])),
    }
    given = parse_given(1, json.dumps(case).encode())
    assert given == Given(1, records[0], "=C-7", "Why <b>this</b>?")
    made = [explained(given, remaker, ENGLISH)]
    assert "Case =C-7: Why <b>this</b>?" in sentences(made[0], ENGLISH)
    assert "&lt;b&gt;this&lt;/b&gt;" in FORMATS["html"](made, ENGLISH).decode()
    assert ",'=C-7," in as_table(made, ENGLISH).decode()


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"case": "x"}', b'{"schema": 9}', b"\xff", b'{"schema":3' + b"[" * 9000]
)
def test_what_is_no_record_is_read(line: bytes) -> None:
    with pytest.raises(RecordError, match="line 4"):
        parse_given(4, line)


def test_another_language_lacks_a_sentence_of_the_first_layer() -> None:
    assert set(languages()) == {"de", "en"}
    german = words_of("de")
    assert german.language == "de"
    with pytest.raises(MisuseError, match=r"lacks 'first\."):
        Words(Catalogue(language="fr", texts={}), _catalogue("en"))
    some = _catalogue("de").texts
    with pytest.raises(MisuseError, match="no explanation says"):
        Words(Catalogue(language="de", texts={**some, "first.joke": "ha"}), _catalogue("en"))
    with pytest.raises(MisuseError, match="fills 'secret'"):
        Words(Catalogue(language="de", texts={**some, "first.who": "{secret}"}), _catalogue("en"))
    with pytest.raises(MisuseError, match="formats a field"):
        Words(Catalogue(language="de", texts={**some, "first.who": "{model.__class__}{model!r}"}), _catalogue("en"))
    with pytest.raises(MisuseError, match="no catalogue for 'xx'"):
        words_of("xx")


def test_a_layer_that_stays_english_is_not_marked_so(records: tuple[ExplanationRecord, ...], remaker: Remaker) -> None:
    german = words_of("de")
    made = explained(Given(1, records[0]), remaker, german)
    blocks = list(layers(made, german))
    assert [block.tag for block in blocks if isinstance(block, Language)] == ["de", "en", "en"]
    told = " ".join(sentences(made, german))
    assert "einfache Summe" in told
    assert "weil du" in told
    assert "because" not in told
    second = blocks[[place for place, block in enumerate(blocks) if isinstance(block, Language)][1] :]
    assert not any("gemocht" in block.text for block in second if isinstance(block, Text))
    assert not any("passt" in cell for block in second if isinstance(block, Rows) for row in block.rows for cell in row)
    assert as_document([made], german).language == "de"


@given(st.text(max_size=30))
@settings(max_examples=20, deadline=None)
def test_a_note_is_read_as_a_template(note: str) -> None:
    assert note in ENGLISH.say("first.case", case="{0}", note=note)


def _catalogue(language: str) -> Catalogue:
    raw = files("homespun_server.compliance.explanations").joinpath(f"catalogue/{language}.json").read_bytes()
    return msgspec.json.decode(raw, type=Catalogue)
