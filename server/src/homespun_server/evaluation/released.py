"""An evaluation's figures that may travel: noisy sums over the people tested, charged to the operator's budget."""

from collections.abc import Callable, Mapping
from fractions import Fraction

import msgspec
import numpy as np

from homespun.protocol.bundle import PrivacyStatement
from homespun.protocol.statistics.standard import metric_sums
from homespun_server.evaluation.intervals import Reals
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.release import release
from homespun_server.publishing.figures import Quality, released_means
from homespun_server.statistics.cohort import Cohort
from homespun_server.statistics.raw import Raw
from homespun_server.statistics.sums import sum_metrics

Progress = Callable[[str, int, int], None]


class SharedQuality(msgspec.Struct, frozen=True):
    """What ``quality.json`` says: released figures, and nothing exact.

    Attributes:
        schema: Version of this structure.
        bundle: The bundle's id.
        protocol: Name of the protocol.
        text: What was done.
        quality: The figures.
        epsilon: ε per user of these figures, at ``delta``.
        delta: δ per user.
        bundle_privacy: What the bundle's own privacy rests on; these figures tell of its training people no less.
    """

    schema: int
    bundle: str
    protocol: str
    text: str
    quality: Quality
    epsilon: float
    delta: float
    bundle_privacy: PrivacyStatement


def metric_names(main: str, ks: tuple[int, ...]) -> tuple[str, ...]:
    """Return which figures are released: few, because each makes the noise of all a little larger."""
    return tuple(dict.fromkeys((main, f"capped_recall@{min(ks)}", f"capped_recall@{max(ks)}")))


def release_figures(
    metrics: Raw[Mapping[str, Mapping[str, Reals]]],
    bundle: str,
    names: tuple[str, ...],
    cohort: Cohort,
    budget: Reservation,
    observer: Progress,
) -> Quality:
    """Release the means over people of some figures of one bundle.

    Args:
        metrics: Everybody's figures, by bundle and name.
        bundle: The bundle's name there.
        names: Which figures; see ``metric_names``.
        cohort: Who was tested, or everybody who could have been.
        budget: The budget; all that it has left for the cohort is spent.
        observer: Called with (step, done, in all).
    """
    own = metrics.for_the_operator()[bundle]
    statistic = metric_sums(tuple(name.replace("@", "_") for name in names), who="people who were tested")
    total = sum_metrics(statistic, np.column_stack([own[name] for name in names]), cohort)
    rho = Fraction(budget.left(cohort.path))
    noisy = release(total, rho=rho, budget=budget, progress=lambda done, of: observer("release figures", done, of))
    return released_means(noisy).value
