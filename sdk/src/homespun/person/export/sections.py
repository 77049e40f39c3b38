"""The sections that every export has, in the order in which a person reads them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from homespun.errors import MisuseError
from homespun.person.export.contents import Column, Contents, InferredInterest, Section, check_names
from homespun.protocol.controls import Change, history
from homespun.protocol.export import event_row

EVENTS = "events"
ATTRIBUTES = "attributes"
CONTROLS = "controls"


def sections_of(contents: Contents) -> tuple[Section, ...]:
    """Return everything as sections, those of further stores last.

    Raises:
        MisuseError: Two sections have one name, or there are too many.
    """
    made = (_attributes, _events, _interests, _controls, _consents, _decisions, _egress, _receipts)
    sections = (*(make(contents) for make in made), *contents.extra)
    check_names(sections)
    return sections


def _attributes(contents: Contents) -> Section:
    return Section(
        name=ATTRIBUTES,
        schema=ATTRIBUTES,
        category="provided",
        title="What you said about yourself",
        description="Facts and preferences that you entered yourself.",
        rows=({"name": name, "value": value} for name, value in contents.attributes.items()),
        columns=(Column("name", "Name"), Column("value", "Your answer")),
    )


def _events(contents: Contents) -> Section:
    return Section(
        name=EVENTS,
        schema=EVENTS,
        category="observed",
        title="What you did",
        description=(
            "What the application recorded while you used it, such as what you opened, rated or bought. "
            "Recommendations are made from this."
        ),
        rows=(event_row(event, contents.titles.get(event.item)) for event in contents.events),
        columns=(
            Column("time", "When", "time"),
            Column("kind", "What you did"),
            Column("title", "Title"),
            Column("item", "Item"),
            Column("weight", "How much", "real"),
            Column("context", "Circumstances"),
        ),
        show="last",
    )


def _interests(contents: Contents) -> Section:
    return Section(
        name="interests",
        schema="interests",
        category="inferred",
        title="What was inferred about you",
        description=(
            "Interests that the application worked out from what you did. A weight of 1 means that everything you "
            "liked is of this kind, 0 that nothing is. Where you changed a weight, yours counts."
        ),
        rows=map(_interest_row, contents.interests),
        columns=(
            Column("tag", "Interest"),
            Column("weight", "Weight that counts", "real"),
            Column("inferred", "Weight inferred", "real"),
            Column("edited", "Changed by you"),
            Column("events", "From how many events"),
        ),
    )


def _interest_row(interest: InferredInterest) -> dict[str, Any]:
    return {
        "tag": interest.tag,
        "weight": interest.weight,
        "inferred": interest.inferred,
        "edited": interest.edited,
        "events": len(interest.events),
    }


def _controls(contents: Contents) -> Section:
    return Section(
        name=CONTROLS,
        schema=CONTROLS,
        category="control",
        title="What you set",
        description="What you set to steer or limit recommendations. A later setting can undo an earlier one.",
        rows=map(_control_row, history(contents.controls, contents.titles)),
        columns=(
            Column("sequence", "No."),
            Column("time", "When", "time"),
            Column("text", "What you set"),
            Column("undone", "Taken back"),
        ),
        show="last",
    )


def _control_row(change: Change) -> dict[str, Any]:
    return {**_row(change.entry), "text": change.text, "undone": change.undone}


def _consents(contents: Contents) -> Section:
    return Section(
        name="consents",
        schema="consents",
        category="consent",
        title="What you allowed and refused",
        description="What you were asked, with the words that you saw, and what you answered.",
        rows=map(_row, contents.consents),
        columns=(
            Column("sequence", "No."),
            Column("time", "When", "time"),
            Column("purpose", "Purpose"),
            Column("action", "What happened"),
            Column(("notice", "text"), "What you were shown"),
            Column("signal", "Signal"),
            Column("outcome", "What it forbids"),
            Column("exception", "Exception to"),
            Column("basis", "Why it is necessary"),
            Column("surface", "Where"),
            Column("method", "How"),
            Column("valid_until", "Valid until", "time"),
        ),
        show="last",
    )


def _decisions(contents: Contents) -> Section:
    return Section(
        name="decisions",
        schema="decisions",
        category="decision",
        title="Why things were recommended",
        description=(
            "Lists of recommendations that were kept with their exact reasons. The file has, for every item, the parts "
            "that add up to its score, and what the list was made from."
        ),
        rows=(_decision_row(record, contents.titles) for record in contents.decisions),
        columns=(
            Column("time", "When", "time"),
            Column(("inputs", "surface"), "Where"),
            Column("titles", "What was listed"),
            Column("personalized", "From your data"),
        ),
        show="last",
    )


def _egress(contents: Contents) -> Section:
    return Section(
        name="egress",
        schema="egress",
        category="egress",
        title="What left this device",
        description=(
            "Everything that was sent from this device, or waits to be sent, with the consent that allowed it. "
            "ε (epsilon) says how much a contribution could reveal about you at most; smaller is less."
        ),
        rows=map(_row, contents.egress),
        columns=(
            Column("sequence", "No."),
            Column("time", "When", "time"),
            Column("state", "State"),
            Column("what", "What"),
            Column("size", "Bytes"),
            Column("purpose", "Purpose"),
            Column("destination", "Sent to"),
            Column("epsilon_spent", "ε spent"),
            Column("epsilon_left", "ε left"),
            Column("note", "Note"),
        ),
        show="last",
    )


def _receipts(contents: Contents) -> Section:
    return Section(
        name="receipts",
        schema="receipts",
        category="receipt",
        title="What was erased",
        description="Receipts of what was erased, store by store, and what they cannot vouch for.",
        rows=map(_row, contents.receipts),
        columns=(Column("time", "When", "time"), Column("scope", "What"), Column("stores", "Store by store", "brief")),
        show="last",
    )


def _decision_row(record: Any, titles: Mapping[str, str]) -> dict[str, Any]:
    row = _row(record)
    return {**row, "titles": [titles.get(entry["item"], entry["item"]) for entry in row.get("items", ())]}


def _row(record: Any) -> dict[str, Any]:
    try:
        row = msgspec.to_builtins(record)
    except (TypeError, ValueError) as error:
        raise MisuseError(f"A {type(record).__name__} cannot be exported ({error}); make it a JSON object.") from error
    if not isinstance(row, dict):
        raise MisuseError(f"A {type(record).__name__} is no record; give a struct, a dataclass or a mapping.")
    return row
