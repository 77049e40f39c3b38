"""The bundle's statement of privacy: what its releases add up to, in numbers and in plain words."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Literal

from homespun.errors import MisuseError
from homespun.protocol.bundle import PrivacyStatement, ReleaseEntry
from homespun_server.privacy.accountant import epsilon_of
from homespun_server.privacy.release import Release

_DIGITS = 4


def privacy_statement(releases: Sequence[Release], delta: float | None) -> PrivacyStatement:
    """State the privacy of everything that was derived from ``releases``.

    Args:
        releases: All releases that influenced the bundle; none for a bundle from public item data alone.
        delta: The δ of the (ε, δ) to state; needed if every release is private.

    Returns:
        The statement; one release without privacy makes all of it non-private.

    Raises:
        MisuseError: If releases are private and ``delta`` is missing.
    """
    entries = tuple(_entry(release) for release in releases)
    if not releases:
        return _without_figures("no_personal_data", entries, _NO_PERSONAL_DATA)
    if not all(release.private for release in releases):
        return _without_figures("non_private", entries, _NON_PRIVATE)
    if delta is None:
        raise MisuseError("δ is needed to state the privacy of private releases.")
    rho = sum((release.rho or Fraction(0) for release in releases), Fraction(0))
    # The exact sum is a touch above its float; the stated ε must not be below what was spent.
    epsilon = _rounded_up(epsilon_of(float(rho) * (1 + 1e-12), delta))
    text = _DIFFERENTIAL_PRIVACY.format(epsilon=epsilon, delta=delta, count=len(releases))
    return PrivacyStatement(
        kind="differential_privacy",
        unit="user",
        neighbours="add/remove one user",
        epsilon=epsilon,
        delta=Decimal(str(delta)),
        rho=_quotient_rounded_up(rho),
        releases=entries,
        statement=text,
    )


def _entry(release: Release) -> ReleaseEntry:
    return ReleaseEntry(
        statistic=release.statistic.name,
        mechanism="discrete-gaussian" if release.private else "none",
        l2_bound=release.statistic.l2_bound,
        sigma=Decimal(release.sigma),
        rho=None if release.rho is None else _quotient_rounded_up(release.rho),
        values=release.values.size,
    )


def _without_figures(
    kind: Literal["no_personal_data", "non_private"], entries: tuple[ReleaseEntry, ...], statement: str
) -> PrivacyStatement:
    return PrivacyStatement(
        kind=kind,
        unit=None,
        neighbours=None,
        epsilon=None,
        delta=None,
        rho=None,
        releases=entries,
        statement=statement,
    )


def _rounded_up(value: float) -> Decimal:
    return Context(prec=_DIGITS, rounding=ROUND_CEILING).create_decimal_from_float(value)


def _quotient_rounded_up(value: Fraction) -> Decimal:
    return Context(prec=_DIGITS, rounding=ROUND_CEILING).divide(Decimal(value.numerator), Decimal(value.denominator))


def decimal(value: float) -> Decimal:
    """Return a real as a decimal of a few digits, for figures that promise nothing."""
    return Context(prec=_DIGITS, rounding=ROUND_FLOOR).create_decimal_from_float(value)


_NO_PERSONAL_DATA = "Made from the catalogue alone. No data about people was used."

_NON_PRIVATE = (
    "NON-PRIVATE: made from exact sums over people's data, without noise. There is no privacy guarantee; "
    "for experiments only."
)

_DIFFERENTIAL_PRIVACY = (
    "Every number that was learned from people's data is one of {count} sums over users with discrete Gaussian "
    "noise. Together they are (ε = {epsilon}, δ = {delta})-differentially private for adding or removing one "
    "user with everything that user ever did in the data. The item catalogue, its titles and tags are public "
    "and not protected. Another release about the same people adds to this loss."
)
