"""Plain words for fleets that are too small for the ε that was asked for.

They name the exact number of users, so they are as raw as that number: for the operator's report alone.
"""

from collections.abc import Iterator

from homespun_server.planning.fleet import Fleet
from homespun_server.planning.verdict import is_weak, too_small
from homespun_server.privacy.provenance import Sourced
from homespun_server.statistics.raw import Raw

LARGEST_MEANINGFUL = 10.0
"""ε beyond which a formal guarantee is hardly one; what is published elsewhere for people's data lies below it."""

TYPICAL_ITEMS = 1000
"""Items that a fleet is taken to have here, each person liking 40 of them; ``homespun-server plan`` asks."""


def advice(*, users: Raw[int], directions: Sourced[int], epsilon: float, delta: float) -> Raw[tuple[str, ...]]:
    """Return warnings about a private fit, in plain words; none if there is nothing to warn of.

    Args:
        users: Users who took part.
        directions: Patterns of taste that stand out from the noise (see ``train_collaborative``).
        epsilon: ε of the fit.
        delta: δ of the fit.
    """
    return Raw(tuple(_warnings(users.for_the_operator(), directions.value, epsilon, delta)))


def _warnings(users: int, directions: int, epsilon: float, delta: float) -> Iterator[str]:
    if is_weak(delta, users):
        yield (
            f"δ = {delta:g} is not below one in {users:,} users: a guarantee that weak would allow somebody's data to "
            "be published whole. Use a δ well below that."
        )
    if epsilon > LARGEST_MEANINGFUL:
        yield (
            f"ε = {epsilon:g} promises next to nothing: whoever sees the bundle may become e^{epsilon:g} times surer "
            f"that somebody was in the data. Values above {LARGEST_MEANINGFUL:g} are for experiments."
        )
    fleet = Fleet(users=max(users, 1), items=TYPICAL_ITEMS)
    for verdict in too_small(fleet, epsilon, delta):
        yield verdict.text(fleet, epsilon)
    if directions <= 1:
        yield (
            "Only what everybody likes stands out from the noise, no pattern of taste does: expect little more than "
            "popularity. People who like more items each, more people, or a larger ε would change that."
        )
