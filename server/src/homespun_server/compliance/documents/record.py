"""The record of processing activities: Art. 30(1) GDPR, (a) to (g)."""

from collections.abc import Iterator

from homespun_server.compliance.documents.blocks import Block, Document, Facts, Fill, Heading, Items, Rows, Text
from homespun_server.compliance.documents.gathering import Gathered
from homespun_server.compliance.documents.sections import (
    chosen_basis,
    controller,
    entries_table,
    made,
    measures,
    purpose_facts,
    statistics,
)


def record_of_processing(gathered: Gathered) -> Document:
    """Return the record of processing activities."""
    title = "Record of processing activities"
    return made(gathered, "art-30", title, "Art. 30(1) of Regulation (EU) 2016/679 (GDPR)", _blocks(gathered))


def data_map_document(gathered: Gathered) -> Document:
    """Return the data map, field by field: what the other documents sum up."""
    subtitle = "Everything that is kept, sent or summed, field by field"
    return made(gathered, "map", "Data map", subtitle, _fields(gathered))


def _blocks(gathered: Gathered) -> Iterator[Block]:
    yield Heading("(a) Controller")
    yield from controller(gathered)
    yield Fill(
        "Joint controllers and processors, if there are any", "Hosting and the operator of the second aggregator."
    )
    yield Heading("(b), (c), (d), (f) Processing activities")
    yield Text(
        "Purposes, whose data, categories, recipients and time limits, activity by activity, as they are declared."
    )
    for purpose in gathered.declared.purposes:
        yield Heading(purpose.title, 3)
        yield purpose_facts(gathered, purpose)
        yield chosen_basis(purpose)
    yield from _tables(gathered)
    yield Heading("Sums over people, and what they cost in privacy")
    yield from statistics(gathered)
    yield Heading("(e) Transfers to third countries")
    yield Facts((("Processes in", ", ".join(gathered.controller.jurisdictions)),))
    yield Fill(
        "Transfers out of these places, and the safeguards of Art. 46", "Hosting, and who serves the repository."
    )
    yield Heading("(g) Technical and organisational security measures")
    yield Items(measures(gathered))
    yield Fill("Organisational measures", "Who has access, training, incident response, how measures are reviewed.")
    yield Heading("Annex: everything that is kept, sent or summed")
    yield entries_table(gathered, gathered.declared.entries, "The data map in short; “document map” has every field")


def _tables(gathered: Gathered) -> Iterator[Block]:
    """Yield the tables of interactions that the settings name, which only the operator can know."""
    yield Heading("Tables of interactions that the controller holds", 3)
    named = gathered.settings.compliance.tables
    if not named:
        yield Text("The settings name none.", "soft")
        return
    rows = tuple((each.path, each.what, each.user, f"{each.keep_days} days") for each in named)
    yield Rows(("File", "What it holds", "Column of the person", "Kept"), rows, widths=(4, 5, 3, 2))


def _fields(gathered: Gathered) -> Iterator[Block]:
    for entry in gathered.declared.entries:
        yield Heading(f"{entry.what} ({entry.name})", 3)
        yield Facts(
            (
                ("Kind", entry.kind),
                ("Data", gathered.declared.categories[entry.category] + (f": {entry.why}" if entry.why else "")),
                ("Purposes", ", ".join(entry.purposes)),
                ("Source", entry.source),
                ("Recipients", "; ".join(entry.recipients)),
                ("Kept", entry.retention),
                ("Protected by", "; ".join(entry.protection)),
                ("Erased by", entry.erasure),
            )
        )
        if entry.fields:
            rows = tuple((name, field.category, field.what) for name, field in entry.fields.items())
            yield Rows(("Field", "Category", "What it holds"), rows, widths=(3, 3, 8))
