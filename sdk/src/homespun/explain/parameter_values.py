"""Main parameters as values, and how they are told: plain data, in JSON or in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from homespun.explain.parameter_words import shares_words

SCHEMA_VERSION = 1
"""Version of what is written as JSON."""


@dataclass(frozen=True)
class PartShare:
    """How much a part of the score counts.

    Attributes:
        name: As policies and explanations call it.
        kind: ``history``, ``prior``, ``context``, ``habit``, ``archetype`` or ``repeat``.
        text: What it is.
        shares: Its share of what tells items apart, from 0 to 1, for each of ``Parameters.levels``. Shares add up to 1,
            or are all 0 at a level where nothing tells items apart.
        controls: What the person can do about it; names of ``Parameters.controls``.
    """

    name: str
    kind: str
    text: str
    shares: tuple[float, ...]
    controls: tuple[str, ...]


@dataclass(frozen=True)
class CaseShares:
    """How much parts count in one case of a policy's switching.

    Attributes:
        when: When it holds, in words.
        personal: Whether that asks about the person.
        parts: The parts.
    """

    when: str
    personal: bool
    parts: tuple[PartShare, ...]


@dataclass(frozen=True)
class StageText:
    """What a stage does.

    Attributes:
        stage: Its name.
        text: One sentence.
        controls: What the person can do about it.
    """

    stage: str
    text: str
    controls: tuple[str, ...]


@dataclass(frozen=True)
class RuleText:
    """What a rule does.

    Attributes:
        name: The rule's.
        text: One sentence.
        personal: Whether its condition asks about the person.
    """

    name: str
    text: str
    personal: bool


@dataclass(frozen=True)
class SurfaceParameters:
    """How the lists of one place in the application are made.

    Attributes:
        name: The surface's.
        source: Which items are looked at, in words.
        tastes: Whether lists follow the person's taste; else ``parts``, ``cases`` and ``non_profiled`` are empty.
        parts: How much parts of the score count, where no case holds.
        non_profiled: Names of the parts that a list without personal data goes by; empty where it has no items.
        cases: The same in each case of switching; the first that holds counts.
        stages: What happens before and after scoring, in order.
        rules: The rules that can act.
    """

    name: str
    source: str
    tastes: bool
    parts: tuple[PartShare, ...]
    non_profiled: tuple[str, ...]
    cases: tuple[CaseShares, ...]
    stages: tuple[StageText, ...]
    rules: tuple[RuleText, ...]


@dataclass(frozen=True)
class Parameters:
    """The main parameters of one bundle under one policy.

    Attributes:
        schema: SCHEMA_VERSION of the writer.
        bundle: The bundle's identity.
        name: Its name.
        policy: The policy's name.
        histories: How many made-up histories stand for each level.
        seed: What they were drawn by.
        levels: The numbers of liked items that shares are given for.
        surfaces: How lists are made, by place in the application.
        new_items: What is done for items of which nothing is learned yet.
        without_profile: What a list without personal data leaves out.
        controls: What the person can do, by name.
    """

    schema: int
    bundle: str
    name: str
    policy: str
    histories: int
    seed: int
    levels: tuple[int, ...]
    surfaces: tuple[SurfaceParameters, ...]
    new_items: str
    without_profile: str
    controls: dict[str, str]

    def data(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        found: dict[str, Any] = msgspec.json.decode(self.json())
        return found

    def json(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def text(self) -> str:
        """Return it in plain language, for people."""
        return "\n".join(_lines(self)) + "\n"


def _lines(found: Parameters) -> Iterator[str]:
    yield f"How lists are made: the bundle {found.name!r} ({found.bundle}), the policy {found.policy!r}."
    told: dict[tuple[PartShare, ...], str] = {}
    for surface in found.surfaces:
        yield ""
        yield f"On {surface.name!r}"
        yield from (f"  {line}" for line in _surface_lines(surface, found.levels, told))
    yield ""
    yield "Everywhere"
    yield f"  {found.new_items}"
    yield f"  {found.without_profile}"
    yield ""
    yield "What the person can do"
    yield from (f"  {name}: {text}" for name, text in found.controls.items())
    yield ""
    yield (
        "A share is a part's variance over the catalogue by the sum of all parts' variances, as the mean over "
        f"{found.histories} made-up histories drawn by popularity (seed {found.seed}); no person's data was used."
    )


def _surface_lines(
    surface: SurfaceParameters, levels: Sequence[int], told: dict[tuple[PartShare, ...], str]
) -> Iterator[str]:
    yield surface.source
    yield from _share_lines(surface.parts, levels, told, repr(surface.name))
    for number, case in enumerate(surface.cases, start=1):
        yield f"Case {number}, when {case.when}:"
        where = f"case {number} of {surface.name!r}"
        yield from (f"  {line}" for line in _share_lines(case.parts, levels, told, where))
    if surface.non_profiled:
        shares = ((part.text, part.shares[0]) for part in surface.parts)
        yield f"Without personal data: {shares_words(shares)}."
    yield from (stage.text for stage in surface.stages)
    yield from (rule.text for rule in surface.rules)
    controls = {control for part in surface.parts for control in part.controls}
    controls.update(control for stage in surface.stages for control in stage.controls)
    if controls:
        yield f"The person can change this by: {', '.join(sorted(controls))}."


def _share_lines(
    parts: tuple[PartShare, ...], levels: Sequence[int], told: dict[tuple[PartShare, ...], str], where: str
) -> Iterator[str]:
    if not parts:
        return
    if parts in told:
        yield f"Parts of the score count as on {told[parts]}."
        return
    told[parts] = where
    for number, level in enumerate(levels):
        noun = "liked item" if level == 1 else "liked items"
        yield f"With {level} {noun}: {shares_words((part.text, part.shares[number]) for part in parts)}."
