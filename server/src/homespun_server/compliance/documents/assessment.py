"""A skeleton of the data protection impact assessment: Art. 35(7) GDPR, (a) to (d).

Risks and measures are the threat model's rows, each with the tests that show the measure. How likely and how severe a
risk is for people, in this controller's circumstances, no program knows: those fields are open.
"""

from collections.abc import Iterator
from typing import Any

from homespun_server.compliance.documents.blocks import Block, Document, Facts, Fill, Heading, Items, Rows, Text, points
from homespun_server.compliance.documents.gathering import Gathered
from homespun_server.compliance.documents.sections import (
    chosen_basis,
    controller,
    entries_table,
    made,
    measures,
    privacy,
    statistics,
)

_ATTACKS = ("membership",)
"""The gates that attack a model with people's data."""

_TO_RATE = "to be rated"


def impact_assessment(gathered: Gathered) -> Document:
    """Return the skeleton of an impact assessment."""
    subtitle = "Skeleton under Art. 35(7) of Regulation (EU) 2016/679 (GDPR); open fields are the controller's"
    blocks = (*_description(gathered), *_necessity(gathered), *_risks(gathered), *_measures(gathered))
    title = "Data protection impact assessment"
    return made(gathered, "art-35", title, subtitle, blocks, [gathered.risk_source()])


def _description(gathered: Gathered) -> Iterator[Block]:
    yield Heading("(a) Systematic description of the processing")
    yield from controller(gathered)
    yield Text(
        "An application on the person's device keeps what they do in an encrypted profile and chooses from it, on the "
        "device, what is shown. Models are trained on servers from noised sums over people, signed, and fetched by all "
        "devices alike. A device contributes to sums only with consent, split between two servers."
    )
    rows = tuple((each.title, each.what, each.people, each.place) for each in gathered.declared.purposes)
    yield Rows(("Activity", "What happens", "Whose data", "Where"), rows, "Activities", widths=(4, 8, 4, 3))
    personal = (entry for entry in gathered.declared.entries if entry.categories)
    yield entries_table(gathered, personal, "Personal data that is kept, sent or summed")
    yield Fill("Scale and context", "How many people, for how long, children or other vulnerable people, expectations.")
    yield Fill("Effects of what is shown", "Whether lists can matter legally or as much (Art. 22), or touch Art. 9.")


def _necessity(gathered: Gathered) -> Iterator[Block]:
    yield Heading("(b) Necessity and proportionality")
    yield Items(
        (
            "Profiles stay on the device: scoring, explaining and measuring need no server (Art. 5(1)(c), Art. 25).",
            "Every purpose is off until it is granted, each stands alone, and a withdrawal clears what rested on it.",
            "The person sees, steers, exports and erases the profile on the device, at once and without asking.",
            "A list without personal data is one switch away (Art. 21 GDPR, Art. 38 DSA).",
            "Every decision can be recorded, explained, made again and checked from the signed model (Art. 15(1)(h)).",
        )
    )
    yield Heading("What is learnt about people, and what that costs", 3)
    yield from statistics(gathered)
    yield Heading("Legal bases", 3)
    for purpose in gathered.declared.purposes:
        yield chosen_basis(purpose)
    yield Fill("Why nothing milder would do", "For each purpose: what was considered and left out.")


def _risks(gathered: Gathered) -> Iterator[Block]:
    yield Heading("(c) Risks to the rights and freedoms of people")
    yield Text(
        "Technical risks are those of the threat model. How likely and how severe each is for people depends on the "
        "controller's circumstances and is to be rated below."
    )
    for group in gathered.risks["groups"]:
        rows = tuple((risk["risk"], _TO_RATE, _TO_RATE) for risk in group["risks"])
        yield Rows(("Risk", "Likelihood", "Severity"), rows, group["group"], widths=(10, 2, 2))
    yield Heading("What measures do not cover", 3)
    left = tuple((risk["risk"], risk["why"]) for risk in gathered.risks["left"])
    yield Rows(("Remaining risk", "Why"), left, widths=(3, 9))
    yield Fill(
        "Risks beyond the technical ones", "Discrimination, filter bubbles, pressure, surprise, loss of control."
    )
    yield Heading("Measured attacks on the model in production", 3)
    yield from _attacks(gathered)
    yield from privacy(gathered)


def _attacks(gathered: Gathered) -> Iterator[Block]:
    found = [gate for gate in gathered.live.gates if gate["name"] in _ATTACKS] if gathered.live else []
    if not found:
        yield Text(
            "No attack on the model in production is registered. Measure one with homespun-server audit membership, or "
            "let a pipeline's gates do it; homespun-server audit privacy attacks this build's own releases.",
            "soft",
        )
        return
    rows = tuple(_attack(gate) for gate in found)
    yield Rows(("Attack", "Found", "Asked for", "What it means"), rows, widths=(3, 4, 3, 6))
    yield Text(
        "Figures of the kind “exact” are exact figures about people: for the controller alone, and never for a page "
        "that others read.",
        "warning",
    )


def _attack(gate: dict[str, Any]) -> tuple[str, ...]:
    return (gate["name"], f"{gate['figure']} ({gate['basis']})", gate["threshold"], gate["words"])


def _measures(gathered: Gathered) -> Iterator[Block]:
    yield Heading("(d) Measures against the risks")
    yield Text("Each measure of the program is shown by tests, which are part of its source.")
    for group in gathered.risks["groups"]:
        rows = tuple((risk["risk"], risk["measure"], points(risk["tests"])) for risk in group["risks"])
        yield Rows(("Against", "Measure", "Shown by"), rows, group["group"], widths=(5, 6, 6))
    yield Heading("Declared protections of data", 3)
    yield Items(measures(gathered))
    yield Fill("Measures of the organisation", "Separation of the two aggregators, key ceremony, access, review.")
    yield Heading("Advice and decision", 3)
    yield Facts((("Data protection officer", gathered.controller.officer or "none named"),))
    yield Fill("Advice of the data protection officer (Art. 35(2))")
    yield Fill("Views of the people concerned or their representatives (Art. 35(9))")
    yield Fill("Residual risk, and whether the authority has to be consulted first (Art. 36)")
    yield Fill("Approved by, on, to be reviewed by", "At the latest when the data map's digest below is another.")
