"""Releases of a run that is under way, kept one by one, and the budget that goes with them.

A run that is killed leaves three kinds of charges: kept (the numbers are in a file: used again, for nothing), lost (it
was charged, and the numbers went with the process) and none. What a run may still spend is what was wanted less what
is kept. Lost charges are spent for good; to spend again in their place is for the operator to decide, never for a
rerun.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from homespun.protocol.statistics.declaration import Statistic
from homespun_server.errors import BudgetError, OutputError
from homespun_server.evaluation.comparison import Observer
from homespun_server.privacy.kept import keep, kept
from homespun_server.privacy.ledger import BudgetLedger, Reservation
from homespun_server.privacy.ledger.state import BudgetState, RecordedSpend
from homespun_server.privacy.release import Release, digest_of
from homespun_server.privacy.spend import Amount
from homespun_server.statistics import cohort

_SUFFIX = ".parquet"
_NEXT_TO_NOTHING = Fraction(1, 10**15)
"""ρ that is reserved where all was spent: a reservation of nothing is refused."""


class FileDrawer:
    """Releases in a folder; only what a ledger recorded as released is one."""

    def __init__(self, folder: Path, ledger: BudgetLedger, observer: Observer) -> None:
        """Open a folder, which is made if it is not there.

        Raises:
            OutputError: If it cannot be made.
            ReleaseFileError: If a file in it was changed.
        """
        self._folder, self._observer = folder, observer
        try:
            folder.mkdir(parents=True, exist_ok=True)
            paths = sorted(folder.glob(f"*{_SUFFIX}"))
        except OSError as error:
            raise OutputError(f"{folder} cannot be made: {error}. Nothing was read or spent.") from error
        self._releases = [kept(path, ledger) for path in paths]

    @property
    def releases(self) -> tuple[Release, ...]:
        """Everything that is kept."""
        return tuple(self._releases)

    def kept(self, statistic: Statistic, path: cohort.Path) -> Release | None:
        """Return the release of a statistic about the users of a path; None if it was not made yet."""
        found = (each for each in self._releases if each.statistic.digest == statistic.digest and each.path == path)
        return next(found, None)

    def copy(self, folder: Path) -> None:
        """Copy what is kept to another folder, which is made.

        Raises:
            OutputError: If it cannot be written.
        """
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be made: {error}. Make room, and run again.") from error
        for each in self._releases:
            keep(each, folder / (each.statistic.name + _SUFFIX))

    def keep(self, release: Release) -> None:
        """Keep a release that was made just now."""
        keep(release, self._folder / (release.statistic.name + _SUFFIX))
        self._releases.append(release)
        self._observer(f"keep {release.statistic.name}", 1, 1)


@contextmanager
def resumed(
    ledger: BudgetLedger, amounts: Sequence[Amount], purpose: str, drawer: FileDrawer, *, spend_again: bool = False
) -> Iterator[Reservation]:
    """Reserve what a step still has to spend, while the context lasts; what a killed run held is given back first.

    Args:
        ledger: The ledger.
        amounts: What the step may spend in all.
        purpose: What for; the same for every run of the step, and for no other step.
        drawer: What is kept.
        spend_again: Whether to spend again what was charged and lost.

    Raises:
        BudgetError: If a charge's numbers are lost or about another model, and nobody said to spend again.
        BudgetExceededError: If the ledger does not allow it.
        LedgerError: If it is damaged, or was not opened.
    """
    state = ledger.state()
    for held in state.held:
        if held.purpose == purpose:
            ledger.cancel(held.number, "the run that held it was ended")
    have = frozenset(digest_of(each.values) for each in drawer.releases)
    if not spend_again:
        check_not_lost(state, purpose, have)
    left = [(path, max(rest, _NEXT_TO_NOTHING)) for path, rest in still_to_spend(state, amounts, purpose, have)]
    with ledger.reserve(left, purpose) as reservation:
        yield reservation


def digests_in(folder: Path, ledger: BudgetLedger) -> frozenset[str]:
    """Return the digests of the releases in a folder, which need not be there.

    Raises:
        ReleaseFileError: If a file in it was changed.
    """
    return frozenset(digest_of(kept(path, ledger).values) for path in sorted(folder.glob(f"*{_SUFFIX}")))


def still_to_spend(state: BudgetState, amounts: Sequence[Amount], purpose: str, have: frozenset[str]) -> list[Amount]:
    """Return what is wanted less what was spent on numbers that are there; by path, 0 where all was. Pure."""
    spent = [each.spend for each in state.spends if each.purpose == purpose and each.released in have]
    return [
        (path, max(rho - sum((each.rho for each in spent if each.path == path), Fraction(0)), Fraction(0)))
        for path, rho in amounts
    ]


def check_not_lost(state: BudgetState, purpose: str, have: frozenset[str]) -> None:
    """Refuse to go on where something was charged whose numbers are not there. Pure.

    Raises:
        BudgetError: If so.
    """
    lost = [each for each in state.spends if each.purpose == purpose and each.released not in have]
    if lost:
        raise BudgetError(_lost(state, lost))


def _lost(state: BudgetState, lost: Sequence[RecordedSpend]) -> str:
    names = ", ".join(each.spend.statistic for each in lost)
    epsilon = state.epsilon(sum((each.spend.rho for each in lost), Fraction(0)))
    what = (
        f"an earlier run was ended while it released {names}: ε = {epsilon:.4g} per user is charged, and the numbers "
        "are gone with it."
        if any(each.released is None for each in lost)
        else f"an earlier run released {names} of the same people: ε = {epsilon:.4g} per user is charged, and its "
        "numbers are gone from the work folder, or are about a model or a question that is another by now (an update "
        "of a library is enough)."
    )
    return (
        f"{what} Nothing was spent now. To spend it once more, run again with --spend-again; what was charged before "
        "stays charged, too."
    )
