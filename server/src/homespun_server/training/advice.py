"""Plain words for fleets that are too small for the ε that was asked for."""

import math

from homespun_server.privacy.accountant import epsilon_of, rho_for

ENOUGH_SIGNAL = 2200.0
"""Users times √(2ρ) below which a private model is little better than popularity and content.

Quality depends on that product. Measured at δ = 1e-6: 10,000 users at ε = 1 (2,200) keep about two thirds
of the quality that the same recipe has without noise, 30,000 keep 82%, 75,000 keep 89%.
"""


def advice(*, users: int, directions: int, epsilon: float, delta: float) -> tuple[str, ...]:
    """Return warnings about a private fit, in plain words; none if there is nothing to warn of.

    Args:
        users: Users who took part.
        directions: Patterns of taste that stand out from the noise (see ``train_collaborative``).
        epsilon: ε of the fit.
        delta: δ of the fit.
    """
    found = []
    if delta * users >= 1:
        found.append(
            f"δ = {delta:g} is not below one in {users:,} users: a guarantee that weak would allow somebody's data to "
            "be published whole. Use a δ well below that."
        )
    per_user = math.sqrt(2 * rho_for(epsilon, delta))
    if users * per_user < ENOUGH_SIGNAL:
        needed = math.ceil(ENOUGH_SIGNAL / per_user / 1000) * 1000
        instead = epsilon_of((ENOUGH_SIGNAL / max(users, 1)) ** 2 / 2, delta)
        found.append(
            f"{users:,} users are few for ε = {epsilon:g}: expect little more than popularity and content. About "
            f"{needed:,} users would be enough at this ε; with these users it would take ε ≈ {instead:.2g}."
        )
    if directions <= 1:
        found.append(
            "Only what everybody likes stands out from the noise, no pattern of taste does: expect little more than "
            "popularity. People who like more items each, more people, or a larger ε would change that."
        )
    return tuple(found)
