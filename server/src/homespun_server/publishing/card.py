"""The model card: what a bundle is, what it was made from, what it promises and what it does not.

Written twice from one structure, as JSON for programs and Markdown for people. Only public facts,
releases, and figures derived from them appear; a raw figure appears only on a non-private card.
"""

import msgspec

from homespun.protocol.bundle import Component, HistoryRule, PrivacyStatement
from homespun.protocol.statistics import ITEM_COUNTS, ITEM_PAIRS, Statistic

SCHEMA_VERSION = 1


class Card(msgspec.Struct, frozen=True):
    """A model card.

    Attributes:
        schema: Version of this structure.
        name: The bundle's name.
        created: ISO 8601 date and time, UTC.
        items: Items that can be recommended.
        components: The score's additive parts.
        history: How a history becomes the model's input.
        privacy: The privacy statement.
        statistics: Declarations of the statistics used.
        parameters: Training parameters, all fixed a priori.
        limitations: What the model does not do.
    """

    schema: int
    name: str
    created: str
    items: int
    components: tuple[Component, ...]
    history: HistoryRule
    privacy: PrivacyStatement
    statistics: tuple[Statistic, ...]
    parameters: dict[str, str]
    limitations: tuple[str, ...]


def declarations(privacy: PrivacyStatement) -> tuple[Statistic, ...]:
    """Return the declarations of the statistics that a statement names."""
    known = {statistic.name: statistic for statistic in (ITEM_COUNTS, ITEM_PAIRS)}
    return tuple(known[release.statistic] for release in privacy.releases)


def limitations(privacy: PrivacyStatement, components: tuple[Component, ...]) -> tuple[str, ...]:
    """Return what must be said against the model."""
    found = ["Items that are not in the bundle are never recommended, and a history with them alone counts as empty."]
    names = {component.name for component in components}
    if "collaborative" in names:
        found.append("The order and the time of events are not used; only which items a person likes.")
        found.append("Rarely used items fell out of the universe: their counts do not stand out from the noise.")
    if names == {"content"}:
        found.append("Nothing was learned from people: similar means similar words and tags.")
    if privacy.kind == "differential_privacy":
        found.append("Quality figures are not stated here: they would need a release of their own.")
    return tuple(found)


def markdown(card: Card) -> str:
    """Render a card for people."""
    sections = [f"# {card.name}", f"Made {card.created}. {card.items:,} items can be recommended."]
    sections += ["## Privacy", card.privacy.statement]
    if card.privacy.releases:
        sections.append(_release_table(card.privacy))
    sections += ["## How it scores", _components(card.components)]
    sections += ["## What was counted", *(_declaration(statistic) for statistic in card.statistics)]
    if not card.statistics:
        sections.append("Nothing.")
    sections += ["## Parameters", "\n".join(f"- {name}: {value}" for name, value in card.parameters.items())]
    sections += ["## Limitations", "\n".join(f"- {limitation}" for limitation in card.limitations)]
    return "\n\n".join(sections) + "\n"


def _components(components: tuple[Component, ...]) -> str:
    return "\n".join(
        f"- {part.name}: {part.dimensions} dimensions, weight {part.weight}; linear in the history, so each "
        "score is the exact sum of what every liked item adds"
        for part in components
    )


def _declaration(statistic: Statistic) -> str:
    return (
        f"**{statistic.name}**: {statistic.counts}. Each person adds {statistic.per_user} (L2 norm at most "
        f"{statistic.l2_bound} steps of 1/{statistic.grid}). Used to {statistic.purpose}. "
        f"Kept: {statistic.retention}."
    )


def _release_table(privacy: PrivacyStatement) -> str:
    lines = ["| release | values | mechanism | sensitivity | σ | ρ (zCDP) |", "|---|---|---|---|---|---|"]
    for entry in privacy.releases:
        rho = "no guarantee" if entry.rho is None else str(entry.rho)
        lines.append(
            f"| {entry.statistic} | {entry.values:,} | {entry.mechanism} | {entry.l2_bound} | {entry.sigma} | {rho} |"
        )
    return "\n".join(lines)
