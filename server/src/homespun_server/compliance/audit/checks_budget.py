"""Checks of the privacy budget: its chain, its arithmetic, and that the log knows of all of it."""

from collections.abc import Iterator
from fractions import Fraction

import msgspec

from homespun.errors import ProofError
from homespun_server.compliance.audit.contents import BUDGET, lines
from homespun_server.compliance.audit.evidence import Evidence, ReplayedLedger
from homespun_server.compliance.log.found import release_content
from homespun_server.privacy.ledger.book import Book
from homespun_server.privacy.ledger.events import Reserved, decoded, spend_entry, spend_of
from homespun_server.privacy.ledger.state import BudgetState
from homespun_server.privacy.zcdp import rho_for


def chain(evidence: Evidence) -> tuple[int, str]:
    """Replay every ledger: each event follows from the one before it, and could have happened."""
    events = sum(len(each.hashes) for each in evidence.ledgers)
    return events, f"events of {len(evidence.ledgers)} ledgers follow from each other"


def arithmetic(evidence: Evidence) -> tuple[int, str]:
    """Compute every charge and every ceiling anew: ρ = Δ²/2σ² as fractions, never negative, never back, never over."""
    charges = 0
    for name, raw in evidence.below(BUDGET):
        book, spent = Book(name.removesuffix(".jsonl")), Fraction(0)
        for event in lines(raw):
            book.add(event)
            what = decoded(event).what
            if isinstance(what, Reserved):
                _check_ceilings(_state(book))
            state = _state(book)
            if state.lifetime_spent < spent or state.spent < 0:
                raise ProofError(f"the budget of {state.data_set} went backwards. What was spent stays spent.")
            spent = state.lifetime_spent
        charges += _check_charges(_state(book))
    return charges, "charges are ρ = Δ²/2σ² exactly, and every reservation was within its ceilings"


def logged(evidence: Evidence) -> tuple[int, str]:
    """Check that ledgers and log say the same of every release, and that no event was changed since it was logged."""
    by_name = {each.name: each for each in evidence.ledgers}
    heads, releases = evidence.said_of("ledger"), evidence.said_of("release")
    for said in heads:
        _check_head(by_name.get(str(said["data_set"])), said)
    ends = {(said["data_set"], said["events"]) for said in heads}
    missing = [each.name for each in evidence.ledgers if (each.name, len(each.hashes)) not in ends]
    if missing:
        raise ProofError(f"the log does not know the ledger of {missing[0]} as it stands here.")
    ours = [content for each in evidence.ledgers for content in _released(each)]
    key = msgspec.json.Encoder(order="sorted").encode
    if sorted(map(key, ours)) != sorted(map(key, releases)):
        raise ProofError(
            f"the ledgers have {len(ours)} releases, and the log knows {len(releases)}, or others: a release was "
            "removed, added or changed after it was logged."
        )
    return len(ours), f"releases are in the log as they are in the ledgers, and {len(heads)} states of ledgers"


def _check_head(ledger: ReplayedLedger | None, said: dict[str, object]) -> None:
    count = said["events"]
    if ledger is None or not isinstance(count, int) or not 1 <= count <= len(ledger.hashes):
        raise ProofError(f"the log knows a ledger of {said['data_set']} with {count} events, which is not here.")
    if ledger.hashes[count - 1] != said["head"]:
        raise ProofError(
            f"the first {count} events of the ledger of {ledger.name} are others than when they were logged."
        )


def _released(ledger: ReplayedLedger) -> Iterator[dict[str, object]]:
    for spend in _state(ledger.book).spends:
        if spend.released is not None:
            yield release_content(ledger.name, spend)


def _state(book: Book) -> BudgetState:
    return book.state(0)


def _check_ceilings(state: BudgetState) -> None:
    for ceiling, ever in state.ceilings:
        if state.used(ever=ever) > ceiling:
            raise ProofError(f"a reservation of the data set {state.data_set} exceeded its ceiling of ρ = {ceiling}.")


def _check_charges(state: BudgetState) -> int:
    for each in state.spends:
        spend = spend_of(spend_entry(each.spend))
        if spend.rho != Fraction(spend.l2_bound**2, 2 * spend.sigma**2):
            raise ProofError(f"charge {each.charge} of {state.data_set} is not what σ = {spend.sigma} costs.")
    policy = state.policy
    if policy.epsilon is not None and Fraction(rho_for(policy.epsilon, policy.delta)) != policy.ceiling:
        raise ProofError(f"the ceiling of {state.data_set} is not that of its ε and δ.")
    return len(state.spends)
