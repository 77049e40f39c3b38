"""The bundle's statement of privacy: what all that it was made from adds up to, in numbers and in plain words."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Literal

from homespun.errors import MisuseError
from homespun.protocol.bundle import PrivacyStatement, ReleaseEntry
from homespun.protocol.collection.constants import NORM_PROOF_DELTA
from homespun_server.privacy.provenance import Sourced
from homespun_server.privacy.release import Release
from homespun_server.privacy.spend import cost
from homespun_server.privacy.zcdp import epsilon_of
from homespun_server.publishing.trust import TRUST
from homespun_server.statistics.cohort import Path

_DIGITS = 4


def privacy_statement(everything: Sourced[object], delta: float | None) -> PrivacyStatement:
    """State the privacy of a bundle.

    Args:
        everything: All that influenced the bundle or stands on its card, as one.
        delta: The δ of the (ε, δ) to state; needed if it was derived from private releases alone.

    Returns:
        The statement; one exact figure about people makes all of it non-private.

    Raises:
        MisuseError: If releases are private and ``delta`` is missing, or some are about users and others about
            installations.
    """
    releases = everything.releases
    entries = tuple(_entry(release) for release in releases)
    if not everything.people:
        return _without_figures("no_personal_data", entries, _NO_PERSONAL_DATA)
    if everything.exact:
        exact = ", ".join(dict.fromkeys(everything.exact))
        return _without_figures("non_private", entries, _NON_PRIVATE.format(exact=exact))
    if delta is None:
        raise MisuseError("δ is needed to state the privacy of private releases.")
    spent = [(_path(release), release.rho) for release in releases if release.rho is not None]
    rho = cost(spent)
    tasks = _tasks(releases)
    # The exact sum is a touch above its float; the stated ε must not be below what was spent.
    epsilon = _rounded_up(epsilon_of(float(rho) * (1 + 1e-12), delta - tasks * NORM_PROOF_DELTA))
    text = (_COLLECTED if tasks else _DIFFERENTIAL_PRIVACY).format(
        epsilon=epsilon, delta=delta, count=len(releases), trust=TRUST
    )
    if rho < sum(amount for _, amount in spent):
        text = f"{text} {_NOT_EVERYBODY}"
    return PrivacyStatement(
        kind="differential_privacy",
        unit="installation per task" if tasks else "user",
        neighbours="zero out one report of each task" if tasks else "add/remove one user",
        epsilon=epsilon,
        delta=Decimal(str(delta)),
        rho=_quotient_rounded_up(rho),
        releases=entries,
        statement=text,
    )


def _tasks(releases: Sequence[Release]) -> int:
    """Return how many of the releases are collected tasks: all of them or none, for there is one unit.

    In each task an honest device draws its report anew with a probability of ``NORM_PROOF_DELTA``, which is part of δ.
    """
    tasks = sum(release.task is not None for release in releases)
    if 0 < tasks < len(releases):
        raise MisuseError(
            "some releases are about users and others about installations, so no one guarantee covers both. Train from "
            "one table, or from collected tasks."
        )
    return tasks


def _path(release: Release) -> Path:
    """Return the release's path with its data set in every group: cells of different ones may hold the same person."""
    return tuple(replace(step, group=f"{release.mark.hex()} {step.group}") for step in release.path)


def _entry(release: Release) -> ReleaseEntry:
    return ReleaseEntry(
        statistic=release.statistic.name,
        mechanism=_mechanism(release),
        l2_bound=release.statistic.l2_bound,
        sigma=Decimal(release.sigma),
        rho=None if release.rho is None else _quotient_rounded_up(release.rho),
        values=release.values.size,
    )


def _mechanism(release: Release) -> Literal["discrete-gaussian", "discrete-gaussian-each", "none"]:
    if not release.private:
        return "none"
    return "discrete-gaussian" if release.task is None else "discrete-gaussian-each"


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


_NO_PERSONAL_DATA = "Made from the catalogue alone. No data about people was used."

_NON_PRIVATE = (
    "NON-PRIVATE: made from exact figures about people, without noise ({exact}). There is no privacy guarantee; "
    "for experiments only."
)

_DIFFERENTIAL_PRIVACY = (
    "Every number that was learned from people's data is one of {count} sums over users with discrete Gaussian "
    "noise. Together they are (ε = {epsilon}, δ = {delta})-differentially private for adding or removing one "
    "user with everything that user ever did in the data. The item catalogue, its titles and tags are public "
    "and not protected. Another release about the same people adds to this loss."
)

_COLLECTED = (
    "Every number that was learned from people's data is one of {count} sums of devices' reports. No server could read "
    "one of these reports, and leader and helper each added discrete Gaussian noise. Together they are (ε = "
    "{epsilon}, δ = {delta})-differentially private for leaving out what one installation reported, once in each task, "
    "while {trust}. How many reported is public. Who takes part with k installations in each task has the protection "
    "of k times less noise. The item catalogue, its titles and tags are public and not protected. Another task that "
    "the same installations report to adds to this loss."
)

_NOT_EVERYBODY = (
    "Not everybody is in every sum, by a choice that looks at nobody's data: ε is that of the user who loses most."
)
