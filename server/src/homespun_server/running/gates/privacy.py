"""Is privacy stated, within what was allowed, and is nothing exact where it must not be?"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from homespun.protocol.bundle import PrivacyStatement
from homespun_server.running.gates.figures import Advantage
from homespun_server.running.gates.result import NOT_MEASURED, GateResult
from homespun_server.running.settings import Gates

_EXACT = "NON-PRIVATE"


def claims(privacy: PrivacyStatement, asked: Gates) -> Iterator[GateResult]:
    """Yield the gates of the statement of privacy."""
    if asked.claim:
        yield GateResult(
            name="privacy-claim",
            passed=privacy.kind != "non_private",
            figure=privacy.kind,
            threshold="differential privacy, or no data about people",
            words="A bundle that is made from people's data states what protects them.",
            basis="public",
        )
    if privacy.kind == "non_private":
        return  # there is nothing to hold against a ceiling; the claim is missing, and says so
    if asked.max_epsilon is not None:
        yield _ceiling("epsilon", "ε", privacy.epsilon, asked.max_epsilon)
    if asked.max_delta is not None:
        yield _ceiling("delta", "δ", privacy.delta, asked.max_delta)
    if asked.unit is not None:
        yield GateResult(
            name="privacy-unit",
            passed=privacy.kind == "no_personal_data" or privacy.unit == asked.unit,
            figure=str(privacy.unit),
            threshold=asked.unit,
            words="Whose presence the statement protects, with everything they did.",
            basis="public",
        )


def stage(privacy: PrivacyStatement, stage_name: str, allowed: Sequence[str]) -> GateResult:
    """Judge whether the bundle may go to a stage; nobody can override it."""
    return GateResult(
        name="non-private-stage",
        passed=privacy.kind != "non_private" or stage_name in allowed,
        figure=f"{privacy.kind} on {stage_name}",
        threshold=f"non_private on {', '.join(allowed) or 'no stage'} only",
        words="A bundle without a guarantee is for experiments, never for production.",
        basis="public",
        final=True,
    )


def card(privacy: PrivacyStatement, sources: Mapping[str, str], *, has_quality: bool) -> GateResult:
    """Judge whether every figure on the card is public, released, or marked on a bundle that is marked, too."""
    bare = [] if not has_quality or "quality" in sources else ["quality"]
    exact = [] if privacy.kind == "non_private" else [name for name, said in sources.items() if said.startswith(_EXACT)]
    wrong = [*bare, *exact]
    return GateResult(
        name="card-figures",
        passed=not wrong,
        figure=", ".join(wrong) or "all are",
        threshold="released, public, or marked non-private",
        words="Every figure on the card says where it comes from, and none is exact on a private bundle.",
        basis="public",
    )


def membership(found: Advantage | None, most: float, *, nobody: bool) -> GateResult:
    """Judge what the membership attack finds beyond chance, by the upper end of its interval."""
    threshold = f"≤ {most:g} beyond chance"
    words = "How much better than by chance the attack tells who was trained from: the upper end of its 95% interval."
    if nobody:
        figure, passed = "nobody is in it", True
    elif found is None:
        figure, passed = NOT_MEASURED, False
    else:
        beyond = max(0.0, found.high - found.chance)
        figure, passed = f"{beyond:.3f} ({found.value:.3f} found, {found.chance:.3f} by chance)", beyond <= most
    return GateResult(
        name="membership",
        passed=passed,
        figure=figure,
        threshold=threshold,
        words=words,
        basis="public" if nobody else "exact",
    )


def _ceiling(name: str, sign: str, found: Decimal | None, most: float) -> GateResult:
    value = Decimal(0) if found is None else found
    return GateResult(
        name=name,
        passed=value <= Decimal(str(most)),
        figure=f"{sign} = {value.normalize():f}",
        threshold=f"≤ {most:g}",
        words=f"The {sign} that the bundle states for all releases together.",
        basis="public",
    )
