"""What a ledger allows: functions of its state and of what is asked, that raise if the answer is no."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from fractions import Fraction

from homespun_server.errors import BudgetError, BudgetExceededError, PrivacyParameterError, ReservationEndedError
from homespun_server.privacy.ledger.events import ratio
from homespun_server.privacy.ledger.state import BudgetState, Held
from homespun_server.privacy.spend import (
    COLLECTED,
    Amount,
    Spend,
    check_groups,
    check_path,
    check_spend,
    check_text,
    cost,
)
from homespun_server.statistics.cohort import Path

_DIGITS = 4
_HAIR = 1e-9


def check_reserve(state: BudgetState, amounts: Sequence[Amount], purpose: str) -> None:
    """Refuse a reservation past a ceiling.

    Raises:
        BudgetExceededError: If the user who loses most could lose more than a ceiling allows.
        PrivacyParameterError: If what is asked for means nothing.
    """
    check_text("the purpose", purpose)
    if not amounts:
        raise PrivacyParameterError("a reservation of nothing; name the amounts.")
    for path, rho in amounts:
        check_path(path)
        ratio(rho)
    check_groups([*_paths(state), *(path for path, _ in amounts)])
    for ceiling, ever in state.ceilings:
        asked, together = cost(amounts), state.used(ever=ever, more=amounts)
        if together > ceiling:
            left = max(Fraction(0), ceiling - (together - asked))
            raise BudgetExceededError(_refusal(state, purpose, asked, left, ever=ever))


def check_live(state: BudgetState, held: Held) -> None:
    """Refuse the use of a reservation that has ended.

    Raises:
        ReservationEndedError: If it was closed or cancelled, or has expired.
    """
    if not held.live(state.time):
        raise ReservationEndedError(
            f"reservation {held.number} ({held.purpose}) "
            f"{f'was {held.ended}' if held.ended else f'expired on {moment(held.expires)}'}, so nothing can be spent "
            "from it. Nothing was spent or released; reserve again."
        )


def check_spending(state: BudgetState, held: Held, spend: Spend) -> None:
    """Refuse a spend that its reservation does not cover, or that a ceiling, lowered since, does not allow.

    Raises:
        BudgetExceededError: If it is more than is left.
        PrivacyParameterError: If the mechanism is unknown or the charge is not what it costs.
        ReservationEndedError: If the reservation has ended.
        BudgetError: If it is a task that was charged before, or another unit's than the ledger's.
    """
    check_spend(spend)
    check_live(state, held)
    _check_unit(state, spend)
    _check_once(state, held, spend)
    check_groups([*_paths(state), spend.path])
    if held.spending(spend) is None:
        raise BudgetExceededError(
            f"releasing {spend.statistic} would cost {_loss(state, spend.rho)}, and reservation {held.number} "
            f"({held.purpose}) has not so much left for these users. Nothing was spent or released."
        )
    for ceiling, ever in state.ceilings:
        spends = [each.spend for each in (state.spends if ever else state.current)]
        if cost([*spends, spend]) > ceiling:
            left = max(Fraction(0), ceiling - cost(spends))
            raise BudgetExceededError(_refusal(state, spend.statistic, spend.rho, left, ever=ever))


def _check_unit(state: BudgetState, spend: Spend) -> None:
    """Refuse to add up what users and what installations lose: the sum would be nobody's."""
    if any(each.spend.mechanism != spend.mechanism for each in state.spends):
        raise BudgetError(
            f"the ledger of {state.data_set!r} counts {unit_of(each.spend for each in state.spends)}s, and "
            f"{spend.statistic} is about {unit_of([spend])}s. Nothing was spent; give the other ones a data set of "
            "their own."
        )


def _check_once(state: BudgetState, held: Held, spend: Spend) -> None:
    """Refuse a second charge of a task: what two processes decide at once is decided here, by the ledger's order."""
    if spend.mechanism == COLLECTED and any(each.purpose == held.purpose for each in state.spends):
        raise BudgetError(f"{held.purpose} is charged already, so nothing was spent; collect it again to go on.")


def unit_of(spends: Iterable[Spend]) -> str:
    """Return whose loss a ledger's figures are: ``user``, or ``installation`` where tasks are collected."""
    return "installation" if any(each.mechanism == COLLECTED for each in spends) else "user"


def moment(time: int) -> str:
    """Return a time for people to read."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC"


def rounded(value: float, *, up: bool) -> float:
    """Return a figure with four digits, in the direction that promises nobody more than is true."""
    context = Context(prec=_DIGITS, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return float(context.create_decimal_from_float(value))


def _paths(state: BudgetState) -> list[Path]:
    spent = [each.spend.path for each in state.spends]
    return [*spent, *(path for each in state.held for path, _ in each.amounts)]


def _loss(state: BudgetState, rho: Fraction, *, up: bool = True) -> str:
    # What was asked for as ε = 2.43 comes back from ρ a hair above it.
    epsilon = rounded(state.epsilon(rho) * (1 - _HAIR if up else 1), up=up)
    return f"ρ = {rounded(float(rho), up=up):.4g} (ε = {epsilon:.4g} by itself)"


def _refusal(state: BudgetState, purpose: str, asked: Fraction, left: Fraction, *, ever: bool) -> str:
    policy = state.policy
    scope = "for ever" if ever else "for this period"
    epsilon = policy.lifetime if ever else policy.epsilon
    held = state.used(ever=ever) - (state.lifetime_spent if ever else state.spent)
    holders = ", ".join(str(each.number) for each in state.held)
    waiting = f" Open reservations ({holders}) hold ρ = {float(held):.4g} of it." if held else ""
    return (
        f"{purpose} asks for {_loss(state, asked)} of the data set {state.data_set!r}, but of the ε = {epsilon:g} per "
        f"user {scope} (δ = {policy.delta:g}) only {_loss(state, left, up=False)} is left.{waiting} "
        f"{_renewal(state, asked, ever=ever)} Nothing was read or released. Ask for no more than is left, or change "
        "the ceiling, with a reason (homespun-server budget change)."
    )


def _renewal(state: BudgetState, asked: Fraction, *, ever: bool) -> str:
    if ever:
        return "The ceiling for ever never renews."
    if state.renews is None:
        return "It never renews."
    if state.policy.ceiling is not None and asked > state.policy.ceiling:
        return "It is more than a whole period allows, so no renewal will help."
    return f"It renews on {moment(state.renews)}."
