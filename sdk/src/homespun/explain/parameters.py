"""The main parameters by which lists are made, and how much each of them counts (Art. 27 of the DSA, 2022/2065).

Made from a bundle and a policy, and never written by hand: how much a part of the score counts is measured by running
the model (``homespun.explain.shares``), and everything else is told from the data that lists are made by. No person's
data is looked at, so that everybody may read it.
"""

from collections.abc import Iterable, Sequence

from homespun.explain.parameter_values import (
    SCHEMA_VERSION,
    CaseShares,
    Parameters,
    PartShare,
    RuleText,
    StageText,
    SurfaceParameters,
)
from homespun.explain.parameter_words import (
    CONTROLS,
    SOURCES,
    asks_about_person,
    part_controls,
    part_words,
    rule_words,
    stage_controls,
    stage_words,
)
from homespun.explain.shares import HISTORIES, SEED, Variances, measure
from homespun.model.bundle import Bundle
from homespun.model.history import Reals
from homespun.protocol.policy import Policy, Surface
from homespun.protocol.policy.rules import Rule
from homespun.protocol.policy.stages import Blend, Rules
from homespun.ranking.default import DEFAULT
from homespun.ranking.rules.words import condition_words

__all__ = ["CaseShares", "Parameters", "PartShare", "RuleText", "StageText", "SurfaceParameters", "parameters_of"]


def parameters_of(bundle: Bundle, policy: Policy | None) -> Parameters:
    """Return the main parameters by which lists are made.

    Args:
        bundle: The bundle.
        policy: The policy in force; None: the one that is followed where nobody gave one. A surface that every
            application has and that the policy does not name is as by default.
    """
    policy = policy or DEFAULT
    variances = measure(bundle, HISTORIES, SEED)
    surfaces = tuple(
        _surface(name, surface, policy.rules, variances)
        for name, surface in {**DEFAULT.surfaces, **policy.surfaces}.items()
    )
    return Parameters(
        schema=SCHEMA_VERSION,
        bundle=bundle.id,
        name=bundle.manifest.name,
        policy=policy.name,
        histories=HISTORIES,
        seed=SEED,
        levels=variances.levels,
        surfaces=surfaces,
        new_items=_new_items(bundle),
        without_profile=_without_profile(surfaces),
        controls=dict(CONTROLS),
    )


def _surface(name: str, surface: Surface, rules: Sequence[Rule], variances: Variances) -> SurfaceParameters:
    acting = [rule for rule in rules if rule.surfaces is None or name in rule.surfaces]
    if not any(isinstance(stage, Rules) for stage in surface.stages):
        acting = []
    tastes = surface.source != "similar"
    blend = next((stage for stage in surface.stages if isinstance(stage, Blend)), Blend())
    parts = _parts(variances, variances.shares(blend.weights)) if tastes else ()
    return SurfaceParameters(
        name=name,
        source=SOURCES[surface.source],
        tastes=tastes,
        parts=parts,
        # Nobody's history is as one without any liked item.
        non_profiled=tuple(part.name for part in parts if part.shares[0] > 0 and surface.source != "history"),
        cases=tuple(
            CaseShares(
                condition_words(case.when),
                asks_about_person(case.when),
                _parts(variances, variances.shares(case.weights)),
            )
            for case in blend.switch
            if tastes
        ),
        stages=tuple(
            StageText(str(type(stage).__struct_config__.tag), stage_words(stage, len(acting)), stage_controls(stage))
            for stage in surface.stages
        ),
        rules=tuple(RuleText(rule.name, rule_words(rule), asks_about_person(rule.when)) for rule in acting),
    )


def _parts(variances: Variances, shares: Reals) -> tuple[PartShare, ...]:
    return tuple(
        PartShare(part.name, part.kind, part_words(part, variances.manifest), tuple(column), part_controls(part))
        for part, column in zip(variances.parts, shares.T.tolist(), strict=True)
    )


def _new_items(bundle: Bundle) -> str:
    new = bundle.manifest.new_items
    count = bundle.manifest.items - new.first
    told = f"{count:,} of the {bundle.manifest.items:,} items count as new: nothing is learned of them from people"
    if not new.every:
        return f"{told}; no place is kept for such."
    return f"{told}; one place in {new.every} of lists from the whole bundle is kept for the best of them."


def _without_profile(surfaces: Iterable[SurfaceParameters]) -> str:
    asking: dict[str, None] = {}
    for surface in surfaces:
        asking |= {f"the rule {rule.name!r}": None for rule in surface.rules if rule.personal}
        cases = enumerate(surface.cases, start=1)
        asking |= {f"case {number} of {surface.name!r}": None for number, case in cases if case.personal}
    first = (
        "A list without personal data is made as for somebody with 0 liked items: it looks at no event, no interest, "
        "nothing that the person declares and nothing that they were shown; what they hid stays hidden."
    )
    if not asking:
        return first
    return (
        f"{first} Not known then, and neither true nor false, is what is asked about the person by {', '.join(asking)}."
    )
