"""Is it better than what everybody gets, and no worse than what devices have, for everybody?"""

from collections.abc import Sequence

from homespun_server.evaluation.intervals import Interval
from homespun_server.publishing.review import Basis
from homespun_server.running.gates.figures import SegmentMean
from homespun_server.running.gates.result import NOT_MEASURED, GateResult


def lead(name: str, over: str, metric: str, found: Interval | None, least: float, basis: Basis) -> GateResult:
    """Judge a paired lead by the lower bound of its 95% interval.

    Args:
        name: The gate's name.
        over: What the lead is over, in words.
        metric: The metric.
        found: The lead; None: not measured.
        least: Least lower bound.
        basis: Whether the lead was released.
    """
    threshold = f"lower bound ≥ {least:+g}"
    words = f"The paired lead over {over} in {metric}; its 95% interval must lie above the threshold."
    if found is None:
        return GateResult(name=name, passed=False, figure=NOT_MEASURED, threshold=threshold, words=words, basis=basis)
    return GateResult(
        name=name,
        passed=found.low >= least,
        figure=f"{found.mean:+.4f} ({found.low:+.4f} to {found.high:+.4f})",
        threshold=threshold,
        words=words,
        basis=basis,
    )


def no_incumbent(least: float) -> GateResult:
    """Return the result where a channel has nothing yet: there is nothing to fall behind."""
    return GateResult(
        name="lead-over-incumbent",
        passed=True,
        figure="no incumbent",
        threshold=f"lower bound ≥ {least:+g}",
        words="The channel has no bundle yet, so nothing can get worse.",
        basis="public",
    )


def segment_floor(segments: Sequence[SegmentMean], metric: str, floor: float) -> GateResult:
    """Judge the worst part of the requests."""
    worst = min(segments, key=lambda each: each.own, default=None)
    return GateResult(
        name="segment-floor",
        passed=worst is not None and worst.own >= floor,
        figure=NOT_MEASURED if worst is None else f"{worst.own:.4f} ({worst.title})",
        threshold=f"≥ {floor:g} in every part",
        words=f"The mean {metric} of the part of the requests that is served worst.",
        basis="exact",
    )


def segment_drop(segments: Sequence[SegmentMean], metric: str, most: float, *, has_incumbent: bool) -> GateResult:
    """Judge the part of the requests that falls behind the incumbent most.

    Args:
        segments: The parts.
        metric: The metric.
        most: The largest drop.
        has_incumbent: Whether the channel has a bundle; if it has, and nothing was compared, the gate is not met.
    """
    drops = [(each.incumbent - each.own, each.title) for each in segments if each.incumbent is not None]
    drop, title = max(drops, default=(0.0, ""))
    return GateResult(
        name="segment-drop",
        passed=drop <= most if drops else not has_incumbent,
        figure=f"{drop:.4f} ({title})" if drops else NOT_MEASURED if has_incumbent else "no incumbent",
        threshold=f"≤ {most:g} in every part",
        words=f"By how much the mean {metric} of a part lies below the incumbent's, where it falls most.",
        basis="exact" if drops or has_incumbent else "public",
    )
