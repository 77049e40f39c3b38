"""The model card: what a bundle is, what it was made from, what it promises and what it does not.

Written twice from one structure, as JSON for programs and Markdown for people. Only public facts,
releases, and figures derived from them appear, each with where it comes from; an exact figure about people
appears only on a non-private card.
"""

from collections.abc import Iterable, Iterator

import msgspec

from homespun.errors import BundleIntegrityError
from homespun.protocol.bundle import CARD_DATA, CARD_TEXT, HistoryRule, PrivacyStatement
from homespun.protocol.policy import Policy
from homespun_server.privacy.release import Release
from homespun_server.publishing.figures import Figure, Quality, shown
from homespun_server.publishing.parts import Parts
from homespun_server.publishing.review import About, GateOnCard, Segments, about_lines, gate_lines, segment_lines
from homespun_server.publishing.scoring import scoring

SCHEMA_VERSION = 6
"""Version of the card that this package writes."""

READABLE = (4, 5, SCHEMA_VERSION)
"""Versions that it reads: 4 says nothing of gates, parts, purpose and main parameters, 5 knows no collected tasks."""


class Declared(msgspec.Struct, frozen=True):
    """What was counted, in short: a declaration can hold a published weight of every item, and is named by its digest.

    Attributes:
        name: The statistic's name.
        counts: What is summed.
        description: What one person adds, in plain words.
        shape: Shape of the sum.
        l2_bound: Largest L2 norm of what one person adds, in grid steps.
        grid: Steps in 1.0.
        purpose: What the released sum is used for.
        retention: How long the un-noised sum exists.
        digest: SHA-256 of the declaration's canonical JSON, in hexadecimal.
    """

    name: str
    counts: str
    description: str
    shape: tuple[int, ...]
    l2_bound: int
    grid: int
    purpose: str
    retention: str
    digest: str


class PolicyInShort(msgspec.Struct, frozen=True):
    """What the bundle's policy is about; it lies beside the card.

    Attributes:
        name: Its name for people.
        surfaces: The places that it makes lists for.
        rules: How many rules it has.
    """

    name: str
    surfaces: tuple[str, ...]
    rules: int

    @classmethod
    def of(cls, policy: Policy) -> "PolicyInShort":
        """Return a policy in short."""
        return cls(policy.name, tuple(policy.surfaces), len(policy.rules))


class Card(msgspec.Struct, frozen=True):
    """A model card.

    Attributes:
        schema: Version of this structure.
        name: The bundle's name.
        created: ISO 8601 date and time, UTC.
        model: Items that can be recommended, and the score's additive parts.
        words: How many words devices know, to score items that an application adds.
        attributes: The attributes of items that devices know.
        history: How a history becomes the model's input.
        privacy: The privacy statement.
        statistics: The statistics used.
        parameters: Training parameters.
        people: How many people it was made from; None if that is neither public nor released.
        quality: How good it is; None if that was not released.
        sources: Where everything comes from that could depend on people's data, by name.
        limitations: What the model does not do.
        policy: The policy that it comes with; None: without one.
        about: What the publisher says in their own words; None: nothing.
        segments: Quality in parts; None if that was not released.
        main_parameters: By what lists are made and how much each counts, in plain words; empty where nobody asked.
        gates: What was asked of it before it was published, and whether it was met.
        privacy_notes: What lies outside the statement of privacy.
        trust: What has to be so for the statement to hold, beside that whoever computed did as said; empty for sums
            over a table.
    """

    schema: int
    name: str
    created: str
    model: Parts
    words: int
    attributes: tuple[str, ...]
    history: HistoryRule
    privacy: PrivacyStatement
    statistics: tuple[Declared, ...]
    parameters: dict[str, str]
    people: Figure | None
    quality: Quality | None
    sources: dict[str, str]
    limitations: tuple[str, ...]
    policy: PolicyInShort | None = None
    about: About | None = None
    segments: Segments | None = None
    main_parameters: str = ""
    gates: tuple[GateOnCard, ...] = ()
    privacy_notes: tuple[str, ...] = ()
    trust: str = ""


def read_card(raw: bytes) -> Card:
    """Return the card that ``card.json`` holds.

    Raises:
        BundleIntegrityError: If it is malformed, or of a version that this package does not read.
    """
    try:
        version = msgspec.json.decode(raw, type=_Versioned).schema
        if version not in READABLE:
            raise BundleIntegrityError(
                f"the card has version {version}, and this homespun-server reads {READABLE[0]} to {READABLE[-1]}. "
                "Use the one that wrote it, or a newer one."
            )
        return msgspec.json.decode(raw, type=Card)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BundleIntegrityError(f"the card is malformed: {error}") from error


def encode_card(card: Card) -> dict[str, bytes]:
    """Return a card as the bundle's two files, by name."""
    data = msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n"
    return {CARD_DATA: data, CARD_TEXT: markdown(card).encode()}


class _Versioned(msgspec.Struct):
    schema: int


def declarations(releases: Iterable[Release]) -> tuple[Declared, ...]:
    """Return the declarations of the statistics that were released, each once."""
    found = (_declared(release) for release in releases)
    return tuple({declared.digest: declared for declared in found}.values())


def _declared(release: Release) -> Declared:
    statistic = release.statistic
    return Declared(
        name=statistic.name,
        counts=statistic.counts,
        description=statistic.description,
        shape=statistic.shape,
        l2_bound=statistic.l2_bound,
        grid=statistic.grid,
        purpose=statistic.purpose,
        retention=statistic.retention,
        digest=statistic.digest,
    )


def markdown(card: Card) -> str:
    """Render a card for people."""
    sections = [f"# {card.name}", f"Made {card.created}. {_items(card.model)}{_words(card.words)}{_attributes(card)}"]
    sections += () if card.about is None else about_lines(card.about)
    sections += ["## Privacy", card.privacy.statement, *card.privacy_notes]
    sections += [f"It holds while {card.trust}."] if card.trust else []
    if card.privacy.releases:
        sections.append(_release_table(card.privacy))
    sections += ["## How it scores", scoring(card.model)]
    if card.policy is not None:
        sections += ["## How lists are made", _policy(card.policy, card.sources["policy"])]
    if card.quality is not None:
        sections += ["## Quality", _quality(card.quality, card.sources["quality"])]
    if card.segments is not None:
        sections += ["## Quality in parts", segment_lines(card.segments, card.sources["segments"])]
    if card.gates:
        sections += ["## Gates", gate_lines(card.gates)]
    sections += ["## What was counted", *(_declaration(declared) for declared in card.statistics)]
    if not card.statistics:
        sections.append("Nothing.")
    sections += ["## Parameters", "\n".join(_facts(card))]
    if card.main_parameters:
        sections += ["## What lists are made by", f"```text\n{card.main_parameters.rstrip()}\n```"]
    sections += ["## Limitations", "\n".join(f"- {limitation}" for limitation in card.limitations)]
    return "\n\n".join(sections) + "\n"


def _items(model: Parts) -> str:
    new = model.items - model.new_items.first
    return f"{model.items:,} items can be recommended{f', {new:,} of them known by their content only' if new else ''}."


def _words(words: int) -> str:
    return f" Devices know {words:,} words, by which they score items that an application adds." if words else ""


def _attributes(card: Card) -> str:
    return f" Rules can ask for their {', '.join(card.attributes)}." if card.attributes else ""


def _policy(policy: PolicyInShort, source: str) -> str:
    rules = f"{policy.rules:,} rule{'' if policy.rules == 1 else 's'}"
    return f"By the policy “{policy.name}” ({source}): {rules}, for {', '.join(policy.surfaces)}."


def _facts(card: Card) -> Iterator[str]:
    for name, value in card.parameters.items():
        yield f"- {name}: {value} ({card.sources[f'parameter: {name}']})"
    if card.people is not None:
        yield f"- {card.people.name}: {shown(card.people)} ({card.sources['people']})"


def _quality(quality: Quality, source: str) -> str:
    lines = [f"On {shown(quality.people)} {quality.cohort} ({source}):", ""]
    lines += [f"- {metric.name}: {shown(metric)}" for metric in quality.metrics]
    return "\n".join([*lines, "", quality.note])


def _declaration(declared: Declared) -> str:
    return (
        f"**{declared.name}**: {declared.counts}. {declared.description} What one person adds has an L2 norm of at "
        f"most {declared.l2_bound} steps of 1/{declared.grid}. Used to {declared.purpose}. Kept: {declared.retention}. "
        f"Declaration: SHA-256 `{declared.digest}`."
    )


def _release_table(privacy: PrivacyStatement) -> str:
    lines = ["| release | values | mechanism | sensitivity | σ | ρ (zCDP) |", "|---|---|---|---|---|---|"]
    for entry in privacy.releases:
        rho = "no guarantee" if entry.rho is None else str(entry.rho)
        lines.append(
            f"| {entry.statistic} | {entry.values:,} | {entry.mechanism} | {entry.l2_bound} | {entry.sigma} | {rho} |"
        )
    return "\n".join(lines)
