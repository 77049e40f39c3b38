"""A fragment of a privacy notice: the facts of Art. 13 and 14 GDPR, in words for the people whom they are about."""

from collections.abc import Iterator

from homespun.protocol.statistics.standard import STANDARD
from homespun_server.compliance.documents.blocks import Block, Document, Facts, Fill, Heading, Items, Rows, Text, points
from homespun_server.compliance.documents.gathering import Gathered
from homespun_server.compliance.documents.sections import controller, made, privacy

_STAYS = ("device table", "compartment")


def privacy_notice(gathered: Gathered) -> Document:
    """Return the fragment of a privacy notice."""
    subtitle = "Facts for the notice under Art. 13 and 14 of Regulation (EU) 2016/679 (GDPR)"
    return made(gathered, "notice", "About your data", subtitle, _blocks(gathered))


def _blocks(gathered: Gathered) -> Iterator[Block]:
    yield Heading("Who is responsible")
    yield from controller(gathered)
    yield Heading("What for, and on which basis")
    for purpose in gathered.declared.purposes:
        if purpose.people.startswith("Nobody"):
            continue
        yield Heading(purpose.title, 3)
        yield Text(purpose.what)
        yield Fill("On which basis", points(purpose.bases))
    yield Heading("What stays on your device")
    yield Items(_what(gathered, stays=True))
    yield Text(
        "It is encrypted, and nobody but you can read it. You can look at it, export it and erase it at any time."
    )
    yield Heading("What leaves your device, and where it comes from otherwise")
    yield Items(_what(gathered, stays=False))
    yield from _contributions(gathered)
    yield Heading("Who gets it")
    yield Items(_recipients(gathered))
    yield Fill("Processors, and transfers to other countries with their safeguards", "Art. 13(1)(e) and (f).")
    yield Heading("How long it is kept")
    rows = tuple((entry.what, entry.retention) for entry in gathered.declared.entries if entry.categories)
    yield Rows(("What", "How long"), rows, widths=(5, 6))
    yield Heading("How lists are made")
    yield Text(
        "Lists are made by a program on your device, with no human involved, from a plain sum of parts. “Why this?” "
        "shows every part of every score, and what would have to be otherwise."
    )
    yield Fill("Whether decisions of Art. 22 are made, and what they mean for people", "Art. 13(2)(f).")
    yield from _rights()


def _what(gathered: Gathered, *, stays: bool) -> tuple[str, ...]:
    kinds = _STAYS if stays else ("upload",)
    found = (entry for entry in gathered.declared.entries if entry.kind in kinds and entry.categories)
    return tuple(dict.fromkeys(entry.what for entry in found))


def _contributions(gathered: Gathered) -> Iterator[Block]:
    yield Text(
        "If you allow contributions, your device adds to sums over many people. Each device's part is bounded, split "
        "between two servers so that neither can read it, and noise is added before anybody sees a sum."
    )
    rows = tuple((each.counts, each.description) for each in STANDARD)
    yield Rows(("What is counted", "What your device adds"), rows, widths=(4, 7))
    yield from privacy(gathered)


def _recipients(gathered: Gathered) -> tuple[str, ...]:
    named = (name for entry in gathered.declared.entries if entry.categories for name in entry.recipients)
    return tuple(dict.fromkeys(name for name in named if not name.startswith("nobody")))


def _rights() -> Iterator[Block]:
    yield Heading("Your rights")
    yield Facts(
        (
            ("Access and portability (Art. 15, 20)", "Export everything on the device; ask us for the rest."),
            ("Rectification (Art. 16)", "Change interests, controls and what you declared on the device."),
            ("Erasure (Art. 17)", "Erase the profile on the device and get a signed receipt; ask us for the rest."),
            (
                "Restriction and objection (Art. 18, 21)",
                "One switch on the device; lists are then made without your data.",
            ),
            (
                "Withdrawing consent (Art. 7(3))",
                "At any time, as easily as it was given; what happened before stays lawful.",
            ),
            (
                "Explanation (Art. 15(1)(h))",
                "“Why this?”, and a record that anybody can check against the signed model.",
            ),
            ("Complaint (Art. 77)", "To a supervisory authority, for instance where you live."),
        )
    )
    yield Text(
        "Sums that were released and models that were trained from them cannot be taken apart again. With the stated "
        "(ε, δ) they hardly depend on any one person.",
    )
    yield Fill("Whether giving data is required by law or contract, and what follows otherwise", "Art. 13(2)(e).")
