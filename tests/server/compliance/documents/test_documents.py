"""A document leaves out what is declared, fills in what only the controller knows, or is another one each time."""

import dataclasses
import json
import re
from pathlib import Path

import msgspec
import pytest

from homespun.errors import HomespunError
from homespun.protocol.statistics.standard import STANDARD
from homespun_server.compliance.documents.blocks import Bars, Document, Fill, Heading, Rows, fields_of
from homespun_server.compliance.documents.gathering import Gathered, gather
from homespun_server.compliance.documents.making import DOCUMENTS, TITLES
from homespun_server.compliance.documents.rendering import FORMATS, as_json, as_markdown
from homespun_server.settings import ComplianceSettings, ServerSettings
from homespun_server.store import Store
from tools import risks_reference


@pytest.fixture(scope="module")
def documents(gathered: Gathered) -> dict[str, Document]:
    return {kind: make(gathered) for kind, make in DOCUMENTS.items()}


def text(document: Document) -> str:
    """Return all that a document says."""
    return as_json(document).decode()


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_does_not_say_who_decides_or_what_it_is_from(documents: dict[str, Document], kind: str) -> None:
    document = documents[kind]
    assert document.controller == "Films <Ltd>, 1 Example Street, Example"
    assert "no legal advice" in document.disclaimer
    assert len(document.sources) >= 5
    assert all(re.fullmatch("[0-9a-f]{64}", source.digest) for source in document.sources)
    assert set(TITLES) == set(DOCUMENTS)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_same_sources_give_another_document(
    directory: ServerSettings, store: Store, gathered: Gathered, documents: dict[str, Document], kind: str
) -> None:
    again = DOCUMENTS[kind](gather(directory, store))
    assert again == documents[kind]
    for draw in FORMATS.values():
        assert draw(again) == draw(documents[kind])


def test_the_record_lacks_something_of_article_30(gathered: Gathered, documents: dict[str, Document]) -> None:
    told = text(documents["art-30"])
    headings = " ".join(block.text for block in documents["art-30"].blocks if isinstance(block, Heading))
    assert all(f"({letter})" in headings for letter in "abcdefg")
    for purpose in gathered.declared.purposes:
        assert purpose.title in headings
        assert all(json.dumps(basis, ensure_ascii=False)[1:-1] in told for basis in purpose.bases)
    for entry in gathered.declared.entries:
        assert entry.name in told
        assert json.dumps(entry.retention, ensure_ascii=False)[1:-1] in told
    assert "ratings.csv" in told
    assert "400 days" in told


def test_a_field_of_the_data_map_is_in_no_document(gathered: Gathered, documents: dict[str, Document]) -> None:
    rows = [tuple(row) for block in documents["map"].blocks if isinstance(block, Rows) for row in block.rows]
    said = [
        (name, field.category, field.what)
        for entry in gathered.declared.entries
        for name, field in entry.fields.items()
    ]
    assert rows == said


def test_a_basis_or_a_rating_is_filled_in_by_the_program(gathered: Gathered, documents: dict[str, Document]) -> None:
    asked = [field.what for field in fields_of(documents["art-30"])]
    assert sum(what.startswith("The legal basis") for what in asked) == len(gathered.declared.purposes)
    rated = [
        row[1:]
        for block in documents["art-35"].blocks
        if isinstance(block, Rows) and block.columns[0] == "Risk"
        for row in block.rows
    ]
    assert set(rated) == {("to be rated", "to be rated")}
    assert len(rated) == sum(len(group["risks"]) for group in gathered.risks["groups"])


def test_the_assessment_lacks_a_risk_or_a_measured_attack(documents: dict[str, Document]) -> None:
    found = json.loads(risks_reference.risks())
    said = [
        cell for block in documents["art-35"].blocks if isinstance(block, Rows) for row in block.rows for cell in row
    ]
    for group in found["groups"]:
        for risk in group["risks"]:
            assert risk["risk"] in said
            assert risk["measure"] in said
    assert all(risk["risk"] in said for risk in found["left"])
    assert "0.012 (exact)" in said
    assert "for the controller alone" in text(documents["art-35"])


def test_the_risks_are_not_those_of_the_threat_model() -> None:
    assert risks_reference.RISKS.read_text(encoding="utf-8") == risks_reference.risks(), (
        "run python -m tools.risks_reference"
    )
    found = json.loads(risks_reference.risks())
    assert len(found["groups"]) >= 5
    assert len(found["left"]) >= 10


def test_an_exact_figure_about_people_is_on_a_page_for_others(documents: dict[str, Document]) -> None:
    assert all("0.012" not in text(documents[kind]) for kind in ("dsa-27", "notice", "map", "art-30"))


def test_a_sum_its_unit_or_its_price_is_missing(documents: dict[str, Document]) -> None:
    for kind in ("art-30", "art-35", "notice"):
        told = text(documents[kind])
        assert all(json.dumps(each.description, ensure_ascii=False)[1:-1] in told for each in STANDARD)
        budget = next(
            block for block in documents[kind].blocks if isinstance(block, Rows) and block.caption == "Privacy budgets"
        )
        assert budget.rows == (("shop", "user: add/remove one user", "2 (month)", "20 (ever)", "0", "1e-06"),)


def test_parameters_have_no_importance_or_no_way_out(gathered: Gathered, documents: dict[str, Document]) -> None:
    document, live = documents["dsa-27"], gathered.live
    assert live is not None
    bars = [block for block in document.blocks if isinstance(block, Bars)]
    assert len(bars) > len(live.parameters.surfaces)
    for block in bars:
        assert sum(share for _, share, _ in block.rows) == pytest.approx(1)
    assert not fields_of(document)
    told = as_markdown(document).decode()
    assert "Without profiling" in told
    assert "without personal data" in told
    assert all(rule in told for rule in ("hides", "one switch away"))
    assert live.parameters.bundle in {source.digest for source in document.sources}


def test_a_notice_lacks_a_fact_of_article_13(documents: dict[str, Document]) -> None:
    told = text(documents["notice"])
    for right in ("Art. 15, 20", "Art. 16", "Art. 17", "Art. 18, 21", "Art. 7(3)", "Art. 15(1)(h)", "Art. 77"):
        assert right in told
    for fact in ("dpo@example.org", "Who gets it", "How long it is kept", "How lists are made"):
        assert fact in told
    open_fields = " ".join(str(field.hint) for field in fields_of(documents["notice"]))
    assert all(article in open_fields for article in ("Art. 13(1)(e) and (f)", "Art. 13(2)(e)", "Art. 13(2)(f)"))


def test_a_document_is_made_for_nobody(directory: ServerSettings, store: Store) -> None:
    nobody = dataclasses.replace(directory, compliance=ComplianceSettings())
    with pytest.raises(HomespunError, match=r"compliance\.controller"):
        gather(nobody, store)


def test_parameters_of_no_model_are_told(gathered: Gathered) -> None:
    without = dataclasses.replace(gathered, live=None)
    with pytest.raises(HomespunError, match="no bundle is in production"):
        DOCUMENTS["dsa-27"](without)
    for kind in ("art-30", "art-35", "notice", "map"):
        assert DOCUMENTS[kind](without).blocks


def test_a_change_of_what_is_declared_is_not_seen_in_the_sources(
    gathered: Gathered, documents: dict[str, Document]
) -> None:
    settings = dataclasses.replace(
        gathered.settings, compliance=msgspec.structs.replace(gathered.settings.compliance, gpc=False)
    )
    changed = DOCUMENTS["map"](dataclasses.replace(gathered, settings=settings))
    assert changed.sources != documents["map"].sources


def test_open_fields_are_not_seen_in_the_pdf_or_on_paper(documents: dict[str, Document], tmp_path: Path) -> None:
    for kind in ("art-35", "notice"):
        path = tmp_path / f"{kind}.pdf"
        path.write_bytes(FORMATS["pdf"](documents[kind]))
        assert path.stat().st_size > 20_000
    assert any(isinstance(block, Fill) for block in documents["art-35"].blocks)
