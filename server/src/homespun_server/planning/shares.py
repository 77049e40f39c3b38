"""How a budget is divided over statistics.

Statistics of single numbers get fixed shares; the rest goes to those of pairs and of transitions in equal parts,
because they have a number for every two items and are what noise hurts. What was measured and what is a rule of
thumb stands with each (``kinds``). Everything is fixed by public facts, so the split tells of nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from homespun.errors import MisuseError
from homespun.protocol.statistics.grid import GRID
from homespun_server.planning.curve import CURVES, Matrix
from homespun_server.planning.fleet import Fleet
from homespun_server.planning.kinds import BY_WORD, Basis, Kind
from homespun_server.privacy.zcdp import sigma_for

ENOUGH = 0.4
"""Least share of what a statistic adds to popularity that makes it worth its budget: a judgement, no measurement.

At 0.4 the kept quality is about two thirds of the whole where popularity alone has half of it.
"""

SMALL_COUNTS = Fraction(10, 100)
"""Share of item counts where little else survives: a good universe and popularity are then most of what there is."""

MOST_FOR_SINGLE_NUMBERS = Fraction(40, 100)
"""What all statistics with a fixed share may take together; beyond it they shrink alike."""


@dataclass(frozen=True)
class Share:
    """One statistic's part of a budget.

    Attributes:
        word: The statistic, as the command line calls it.
        name: The same, as ledgers call it.
        share: Its part; the parts add up to 1.
        rho: zCDP that it may cost.
        sigma: Parameter of the noise, in grid steps.
        noise: The same in units of one person's largest contribution.
        why: The reason, in a few words.
        basis: Whether the share was measured.
    """

    word: str
    name: str
    share: Fraction
    rho: Fraction
    sigma: int
    noise: float
    why: str
    basis: Basis


def split(words: Sequence[str], fleet: Fleet, rho: Fraction) -> tuple[Share, ...]:
    """Divide a budget.

    Args:
        words: The statistics, as the command line calls them, in any order.
        fleet: The population.
        rho: zCDP of the whole budget.

    Returns:
        One share a statistic, in the order of ``words``; they add up to 1, and what they cost is at most ``rho``.

    Raises:
        MisuseError: If a statistic is unknown or named twice, or pairs or transitions lack item counts.
    """
    kinds = _kinds(words)
    shares = _shares(kinds, SMALL_COUNTS)
    if not _little_survives(kinds, shares, fleet, rho):
        shares = _shares(kinds, None)
    return tuple(_share(kind, share, rho) for kind, share in zip(kinds, shares, strict=True))


def _kinds(words: Sequence[str]) -> tuple[Kind, ...]:
    unknown = [word for word in words if word not in BY_WORD]
    if unknown or not words:
        named = ", ".join(unknown) or "nothing"
        raise MisuseError(f"{named} is no statistic to plan; choose from {', '.join(BY_WORD)}.")
    if len(set(words)) < len(words):
        raise MisuseError(f"a statistic stands twice in {' '.join(words)}; each is released once a period.")
    if set(words) & set(CURVES) and "counts" not in words:
        raise MisuseError("pairs and transitions are about the items that counts choose; plan counts with them.")
    return tuple(BY_WORD[word] for word in words)


def _shares(kinds: Sequence[Kind], counts: Fraction | None) -> tuple[Fraction, ...]:
    wanted = [counts if counts is not None and kind.word == "counts" else kind.share for kind in kinds]
    fixed = sum((share for share in wanted if share is not None), Fraction(0))
    matrices = wanted.count(None)
    limit = MOST_FOR_SINGLE_NUMBERS if matrices else Fraction(1)
    scale = limit / fixed if fixed and (fixed > limit or not matrices) else Fraction(1)
    rest = (1 - fixed * scale) / max(matrices, 1)
    return tuple(rest if share is None else share * scale for share in wanted)


def _little_survives(kinds: Sequence[Kind], shares: Sequence[Fraction], fleet: Fleet, rho: Fraction) -> bool:
    survivors = [_kept(kind, share, fleet, rho) for kind, share in zip(kinds, shares, strict=True)]
    known = [share for share in survivors if share is not None]
    return bool(known) and max(known) < ENOUGH


def _kept(kind: Kind, share: Fraction, fleet: Fleet, rho: Fraction) -> float | None:
    matrix = matrix_of(kind.word)
    return None if matrix is None else CURVES[matrix].kept(fleet, share * rho)


def matrix_of(word: str) -> Matrix | None:
    """Return the statistic if its quality can be predicted, else None."""
    return next((matrix for matrix in CURVES if matrix == word), None)


def _share(kind: Kind, share: Fraction, rho: Fraction) -> Share:
    own = share * rho
    sigma = sigma_for(GRID, own)
    why = kind.why
    return Share(kind.word, kind.name, share, own, sigma, sigma / GRID, why, kind.basis)
