"""Audits in a row, what they showed together, and what their silence is worth."""

import msgspec

from homespun.errors import MisuseError
from homespun_server.errors import ClaimRefutedError
from homespun_server.privacy.audit.bound import SIGNIFICANCE
from homespun_server.privacy.audit.canaries import CANARIES
from homespun_server.privacy.audit.design import FACTOR, Design, design_for
from homespun_server.privacy.audit.run import Claim, Observer, Outcome, audit, toss
from homespun_server.privacy.zcdp import rho_for

SCHEMA_VERSION = 1

CANARIES_USED = 40_000
"""Canaries, where nobody says otherwise."""

EPSILON_AUDITED = 2.0
"""ε of the claim, where nobody says otherwise: about where one run shows most."""

ENOUGH_POWER = 0.95
"""An audit that catches a fault less often than this says so."""


class Audited(msgspec.Struct, frozen=True):
    """Audits of one statistic.

    Attributes:
        statistic: Its name.
        rho: The claim, in zCDP.
        claim: The claim as it is stated, ε at δ.
        design: What was guessed, and what would contradict the claim.
        power: Probability that one run catches a fault, by its name; computed beforehand.
        outcomes: What each run showed.
        schema: Version of this structure.
    """

    statistic: str
    rho: float
    claim: Claim
    design: Design
    power: dict[str, float]
    outcomes: tuple[Outcome, ...]
    schema: int = SCHEMA_VERSION

    @property
    def contradicting(self) -> int:
        """How many runs contradict the claim."""
        return sum(not outcome.holds for outcome in self.outcomes)

    @property
    def weak(self) -> bool:
        """Whether some fault would be caught too rarely for a claim that survives to say much."""
        return min(self.power.values()) < ENOUGH_POWER

    @property
    def holds(self) -> bool:
        """Whether the claim survives: no more runs contradict it than may do by chance, which is 5%."""
        return self.contradicting <= SIGNIFICANCE * len(self.outcomes)


def audit_series(
    statistic: str,
    claim: Claim,
    observer: Observer,
    *,
    canaries: int = CANARIES_USED,
    delta: float | None = None,
    runs: int = 1,
) -> Audited:
    """Audit one statistic several times, with new coins and new noise each time.

    Args:
        statistic: One of ``CANARIES``.
        claim: What releases are made for and must keep to.
        observer: Called with (step, done, in all).
        canaries: How many in a run.
        delta: δ to audit at; None: where most would be caught.
        runs: How many.

    Raises:
        MisuseError: If there are too few canaries to show anything.
        PrivacyParameterError: If the claim or δ promises nothing.
    """
    design = design_for(rho_for(claim.epsilon, claim.delta), canaries, delta=delta)
    if design.critical > design.guesses:
        raise MisuseError(
            f"with {canaries:,} canaries not even {design.guesses:,} right guesses would contradict ε = "
            f"{design.epsilon:.3g} at δ = {design.delta:g}, so this audit could not fail and shows nothing. Use more "
            "canaries, or audit at an ε nearer to 2: the code that is audited is the same."
        )
    people = CANARIES[statistic](canaries)
    outcomes = []
    for done in range(runs):
        observer(f"audit {statistic}", done, runs)
        outcomes.append(audit(people, claim, design, toss(canaries), observer))
    observer(f"audit {statistic}", runs, runs)
    power = {
        "half the noise": design.power(FACTOR),
        "no clipping": design.power(people.unclipped),
        "a person counted twice": design.power(FACTOR),
    }
    return Audited(statistic, design.rho, claim, design, power, tuple(outcomes))


def check_claims(audits: "list[Audited]") -> None:
    """Refuse a build whose claims did not survive.

    Raises:
        ClaimRefutedError: If one of them did not.
    """
    for audited in audits:
        if not audited.holds:
            worst = max(outcome.bound for outcome in audited.outcomes)
            raise ClaimRefutedError(
                f"{audited.contradicting} of {len(audited.outcomes)} audits contradict the claim for "
                f"{audited.statistic}: it is ε = {audited.design.epsilon:.3g} at δ = {audited.design.delta:.0e}, and "
                f"with 95% confidence ε is at least {worst:.3g}. This build tells more of people than it says. Release "
                "nothing with it; look at what changed in clipping, summing or noise."
            )
