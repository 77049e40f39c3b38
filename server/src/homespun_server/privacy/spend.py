"""Spends, and what several of them cost the user who loses most.

A spend concerns the users of one *path*: cells inside cells, each of a named group, ``()`` being everybody.
A user is in at most ``at_most`` cells of a group: 1 for the two sides of a split, K for the windows of a
period of which each user takes part in K. zCDP adds up over the releases that one user is in, whatever the
later ones were chosen by (a privacy filter: Feldman, Zrnic 2021, "Individual Privacy Accounting via a Rényi
Filter", and Whitehouse et al. 2023), and a release of a cell costs nobody outside it anything. So of each group
the ``at_most`` costliest cells add up, and groups beside each other add up in full.

That holds only if who is in which cell was fixed without looking at what anybody did, and if a group's name
stands for one division of the users for ever. The cohorts see to both.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from homespun_server.errors import PrivacyParameterError
from homespun_server.privacy.zcdp import gaussian_rho
from homespun_server.statistics.cohort import Path

MECHANISM = "discrete-gaussian"
"""Noise that was added to a sum over a table: the unit is the user."""

COLLECTED = "discrete-gaussian-each"
"""Noise that leader and helper of a task each added in full, so that there is twice the variance.

Charged is what one of them costs, for one of them may not be honest. The unit is the installation, once per task.
"""

MECHANISMS = (MECHANISM, COLLECTED)
"""The mechanisms with an accounted cost: ρ = Δ²/2σ² of the σ that the spend states."""

MAX_STEPS = (1 << 53) - 1
"""Largest bound and σ: whole numbers beyond are not exact everywhere."""

Amount = tuple[Path, Fraction]
"""ρ for the users of a path."""

_DIGEST = re.compile("[0-9a-f]{64}")
_MAX_TEXT = 200


@dataclass(frozen=True, kw_only=True)
class Spend:
    """One charge against a budget: the immutable record of a release.

    Attributes:
        statistic: Name of the declared statistic.
        mechanism: Name of the mechanism, one of ``MECHANISMS``.
        l2_bound: Sensitivity in grid steps.
        sigma: Noise parameter in grid steps.
        rho: zCDP charged, exact.
        declaration: SHA-256 of the statistic's declaration, lower-case hexadecimal.
        path: Whose data were summed.
    """

    statistic: str
    mechanism: str
    l2_bound: int
    sigma: int
    rho: Fraction
    declaration: str
    path: Path = ()


def check_spend(spend: Spend) -> None:
    """Refuse a spend that does not state what its release costs.

    Raises:
        PrivacyParameterError: If the mechanism is unknown, the charge is not what σ costs, or a field is malformed.
    """
    if spend.mechanism not in MECHANISMS:
        raise PrivacyParameterError(f"the mechanism {spend.mechanism!r} has no accounted cost; it is refused.")
    # A bound of 0 would make any number of releases free.
    in_range = 1 <= min(spend.sigma, spend.l2_bound) <= max(spend.sigma, spend.l2_bound) <= MAX_STEPS
    if not in_range or spend.rho != gaussian_rho(spend.l2_bound, spend.sigma):
        raise PrivacyParameterError(
            f"a charge of {spend.rho} is not what σ = {spend.sigma} costs for an L2 bound of {spend.l2_bound}."
        )
    check_text("the statistic's name", spend.statistic)
    check_digest(spend.declaration)
    check_path(spend.path)


def check_path(path: Path) -> None:
    """Refuse a path that names no users.

    Raises:
        PrivacyParameterError: If a name is empty, a limit is below 1, or a group occurs twice.
    """
    for membership in path:
        check_text("a group's name", membership.group)
        check_text("a cell's name", membership.cell)
        if not 1 <= membership.at_most <= MAX_STEPS:
            raise PrivacyParameterError(
                f"a user is in at least one cell of {membership.group}, not {membership.at_most}."
            )
    if len({membership.group for membership in path}) < len(path):
        raise PrivacyParameterError("a group stands inside itself; a path names each group once.")


def check_text(what: str, text: str) -> None:
    """Refuse text that would not be readable in a ledger.

    Raises:
        PrivacyParameterError: If it is empty, too long, or has characters that do not print.
    """
    if not (text and len(text) <= _MAX_TEXT and text.isprintable()):
        raise PrivacyParameterError(f"{what} is {text!r}; give 1 to {_MAX_TEXT} printable characters.")


def check_digest(digest: str) -> None:
    """Refuse what is no SHA-256.

    Raises:
        PrivacyParameterError: If it is anything but 64 lower-case hexadecimal digits.
    """
    if not _DIGEST.fullmatch(digest):
        raise PrivacyParameterError(f"{digest!r} is no SHA-256; give 64 lower-case hexadecimal digits.")


def check_groups(paths: Iterable[Path]) -> None:
    """Refuse paths that disagree in how many cells of one group a user is.

    Raises:
        PrivacyParameterError: If one group's name comes with two limits.
    """
    limits: dict[str, int] = {}
    for membership in (membership for path in paths for membership in path):
        known = limits.setdefault(membership.group, membership.at_most)
        if known != membership.at_most:
            raise PrivacyParameterError(
                f"a user would be in at most {known} and in at most {membership.at_most} cells of the group "
                f"{membership.group!r}. A group has one limit for ever; give another design another name."
            )


def cost(spends: Iterable[Spend | Amount]) -> Fraction:
    """Return the zCDP of the user who loses most by all of these.

    Args:
        spends: Spends, or ρ with its path.

    Raises:
        PrivacyParameterError: If one group's name comes with two limits.
    """
    amounts = [(each.path, each.rho) if isinstance(each, Spend) else each for each in spends]
    check_groups(path for path, _ in amounts)
    return _cost(amounts)


def _cost(amounts: Iterable[Amount]) -> Fraction:
    own: list[Fraction] = []
    groups: dict[tuple[str, int], dict[str, list[Amount]]] = defaultdict(lambda: defaultdict(list))
    for path, rho in amounts:
        if path:
            outermost, *inner = path
            groups[outermost.group, outermost.at_most][outermost.cell].append((tuple(inner), rho))
        else:
            own.append(rho)
    for (_, at_most), cells in groups.items():
        own += sorted((_cost(inside) for inside in cells.values()), reverse=True)[:at_most]
    return total(own)


def total(values: Iterable[Fraction]) -> Fraction:
    """Return the exact sum.

    Adds equal denominators first and then pairwise, because running sums of thousands of different fractions
    grow long and slow.
    """
    numerators: dict[int, int] = defaultdict(int)
    for value in values:
        numerators[value.denominator] += value.numerator
    parts = [Fraction(numerator, denominator) for denominator, numerator in numerators.items()]
    while len(parts) > 1:
        pairs = [one + other for one, other in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0] if parts else Fraction(0)
