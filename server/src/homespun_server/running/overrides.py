"""Overrides: somebody lets a gate pass that was not met, and says why."""

from collections.abc import Sequence

import msgspec

from homespun.errors import MisuseError
from homespun_server.errors import GateFailedError
from homespun_server.publishing.review import GateOnCard
from homespun_server.running.gates import GateResult

_LONGEST = 500


class Override(msgspec.Struct, frozen=True):
    """A gate that somebody lets pass.

    Attributes:
        gate: The gate's name.
        reason: Why; it stands on the bundle's card, for everybody.
    """

    gate: str
    reason: str


def check_overrides(overrides: Sequence[Override]) -> None:
    """Refuse overrides without a reason.

    Raises:
        MisuseError: Naming the gate.
    """
    for override in overrides:
        if not override.reason.strip() or len(override.reason) > _LONGEST or not override.reason.isprintable():
            raise MisuseError(
                f"overriding {override.gate} needs a reason of one line, at most {_LONGEST} characters (--reason); it "
                "stands on the bundle's card."
            )


def check_passed(results: Sequence[GateResult], overrides: Sequence[Override]) -> None:
    """Refuse a bundle that does not meet a gate which nobody overrode.

    Raises:
        GateFailedError: Saying of each gate what was found and what was asked.
        MisuseError: If a gate is overridden that there is not, or that nobody can override.
    """
    by_name = {result.name: result for result in results}
    let_through = {override.gate for override in overrides}
    for name in sorted(let_through):
        if name not in by_name:
            raise MisuseError(f"there is no gate {name!r} to override; there are {', '.join(by_name)}.")
        if by_name[name].final:
            raise MisuseError(f"nobody can override {name}: {by_name[name].words}")
    failed = [result for result in results if not result.passed and result.name not in let_through]
    if failed:
        raise GateFailedError(
            "the bundle is not published, because it does not meet "
            + "; ".join(f"{each.name}: {each.figure}, where {each.threshold} was asked" for each in failed)
            + ". Nothing was signed. Make a better one, or let a gate pass with --override GATE --reason TEXT, which "
            "stands on the card.",
            gates=tuple(each.name for each in failed),
        )


def on_card(results: Sequence[GateResult], overrides: Sequence[Override]) -> tuple[GateOnCard, ...]:
    """Return what the card says of the gates: no figure, because some of them are exact."""
    reasons = {override.gate: override.reason for override in overrides}
    return tuple(
        GateOnCard(
            name=result.name,
            asked=result.threshold,
            passed=result.passed,
            basis=result.basis,
            override=None if result.passed else reasons.get(result.name),
        )
        for result in results
    )
