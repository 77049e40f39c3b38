"""What a card says of how a bundle was judged before it was published: gates, quality in parts, purpose, parameters.

A gate's figure about people is exact, and stays in the operator's report. The card says what was asked and whether it
was met, and that this itself is something that was learned from people.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from homespun_server.publishing.figures import Figure, shown

Basis = Literal["public", "released", "exact"]
"""What a gate looks at: nothing about people beyond the bundle itself, released figures, or exact ones."""


class GateOnCard(msgspec.Struct, frozen=True):
    """A condition for publishing, and whether the bundle met it.

    Attributes:
        name: The gate's.
        asked: What was asked, in words and with its threshold.
        passed: Whether it was met.
        basis: What it looked at.
        override: Why the bundle was published although it was not met; None: nobody let it pass.
    """

    name: str
    asked: str
    passed: bool
    basis: Basis
    override: str | None = None


class SegmentQuality(msgspec.Struct, frozen=True):
    """How good a model is in a part of the requests.

    Attributes:
        kind: By what requests are told apart: ``history``, ``popularity``, ``person`` or ``tag``.
        title: Which these are.
        figure: The figure.
    """

    kind: str
    title: str
    figure: Figure


class About(msgspec.Struct, frozen=True):
    """What the publisher says, in their own words; public facts that are fixed before data is seen.

    Attributes:
        data: What the data are, and where they come from.
        intended_use: What the bundle is for.
        not_for: What it is not for.
        contact: Whom to ask.
    """

    data: str = ""
    intended_use: str = ""
    not_for: str = ""
    contact: str = ""


class Segments(msgspec.Struct, frozen=True):
    """Quality in parts.

    Attributes:
        metric: What is measured.
        rows: The parts.
        note: How, and what it means.
    """

    metric: str
    rows: tuple[SegmentQuality, ...]
    note: str


def gate_lines(gates: Sequence[GateOnCard]) -> str:
    """Return the section on gates, as Markdown."""
    lines = ["| gate | asked | met | looked at |", "|---|---|---|---|"]
    lines += [f"| {gate.name} | {_cell(gate.asked)} | {_met(gate)} | {_BASES[gate.basis]} |" for gate in gates]
    overridden = [f"- **{gate.name}** was not met, and let pass: {gate.override}" for gate in gates if gate.override]
    return "\n".join([*lines, *(["", *overridden] if overridden else [])])


def about_lines(about: About) -> Iterator[str]:
    """Yield the sections in the publisher's own words."""
    for heading, text in (
        ("Data", about.data),
        ("Intended use", about.intended_use),
        ("Not for", about.not_for),
        ("Contact", about.contact),
    ):
        if text:
            yield f"## {heading}"
            yield text


def segment_lines(segments: Segments, source: str) -> str:
    """Return quality in parts, as Markdown.

    Args:
        segments: The parts.
        source: Where they come from.
    """
    lines = [f"{segments.metric}, in parts ({source}):", "", "| part | figure |", "|---|---|"]
    lines += [f"| {_cell(row.title)} | {shown(row.figure)} |" for row in segments.rows]
    return "\n".join([*lines, "", segments.note])


def decision_note(gates: Sequence[GateOnCard]) -> str:
    """Return what gates mean for privacy; empty where none looked at exact figures."""
    exact = sum(gate.basis == "exact" for gate in gates)
    if not exact:
        return ""
    bits = f"{exact} bit{'' if exact == 1 else 's'}, one a gate"
    return (
        "That this bundle was published tells that its gates were met or overridden, and some of them looked at exact "
        f"figures about people who were kept aside ({bits}). That is outside the stated (ε, δ), which is about the "
        "numbers in the bundle. Whoever cannot accept it lets gates decide by released figures, or without these gates."
    )


def _met(gate: GateOnCard) -> str:
    if gate.passed:
        return "yes"
    return "NO" if gate.override is None else "NO, overridden"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_BASES = {
    "public": "the bundle, and nobody's data",
    "released": "released figures",
    "exact": "exact figures, which are not told",
}
