"""How much of the exact ranking the quantized proposals keep."""

from collections.abc import Iterable
from itertools import islice

import numpy as np

from homespun.model.bundle import Bundle
from homespun_server.evaluation.cases import Case


def proposal_recall(
    bundle: Bundle, cases: Iterable[Case], k: int, *, repeats: bool = False, most: int | None = None
) -> float:
    """Return the mean share of the exact top k, by float scores of the whole catalogue, that a device gets to rank.

    Args:
        bundle: The bundle.
        cases: At least one.
        k: Length of the lists.
        repeats: Whether items that the person has seen may be listed.
        most: Look at the first so many cases only; None: at all.
    """
    return float(np.mean([_kept(bundle, case, k, repeats=repeats) for case in islice(cases, most)]))


def _kept(bundle: Bundle, case: Case, k: int, *, repeats: bool) -> float:
    everything = np.arange(bundle.manifest.items)
    history = bundle.history(case.events)
    barred = frozenset() if repeats else case.seen
    allowed = everything[~np.isin(everything, bundle.positions_of(barred))]
    if not allowed.size:
        return 1.0  # whoever has everything misses nothing
    scores = bundle.scorer.score(history, everything).scores[allowed]
    exact = allowed[np.argsort(-scores, kind="stable")[:k]]
    return float(np.isin(exact, bundle.candidates(history, k, barred).positions).mean())
