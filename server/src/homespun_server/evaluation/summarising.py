"""From figures of every case to means with intervals: per model, against the others, and in segments."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from homespun_server.evaluation.intervals import Integers, Interval, Reals, clustered
from homespun_server.evaluation.lists import coverage, gini, lorenz
from homespun_server.evaluation.measuring import Asked, Measured
from homespun_server.evaluation.result import ModelFigures, SegmentFigures
from homespun_server.evaluation.segments import TOO_FEW, Segment, segments


def summarise(
    measured: Measured,
    earlier: Sequence[Measured],
    asked: Asked,
    ks: Sequence[int],
    *,
    exposure_at: int,
    proposal_recall: Mapping[int, float] | None = None,
) -> ModelFigures:
    """Summarise one model.

    Args:
        measured: The model; a bundle if ``proposal_recall`` is given.
        earlier: The models that it is held against.
        asked: The cases.
        ks: Lengths of lists.
        exposure_at: Length of the lists of the Lorenz curve.
        proposal_recall: By k.
    """
    accuracy = measured.accuracy(asked, ks)
    return ModelFigures(
        model=measured.name,
        role="reference" if proposal_recall is None else "bundle",
        metrics=means({**accuracy, **measured.lists}, asked.users),
        lists={
            **{f"coverage@{k}": coverage(shown) for k, shown in measured.shown.items()},
            **{f"gini@{k}": gini(shown) for k, shown in measured.shown.items()},
        },
        leads={other.name: _leads(accuracy, other.accuracy(asked, ks), asked.users) for other in earlier},
        segments=tuple(_segment(measured, asked, ks, segment) for segment in segments(asked)),
        lorenz=lorenz(measured.shown[exposure_at]),
        proposal_recall={str(k): share for k, share in (proposal_recall or {}).items()},
    )


def means(figures: Mapping[str, Reals], users: Integers) -> dict[str, Interval]:
    """Return the mean of each figure with its interval; figures that no case has are left out.

    Args:
        figures: float64 [cases] each, NaN where a case does not have it.
        users: int64 [cases], whose each case is.
    """
    found = clustered(np.column_stack(list(figures.values())), users)
    return {name: interval for name, interval in zip(figures, found, strict=True) if interval is not None}


def _leads(own: Mapping[str, Reals], other: Mapping[str, Reals], users: Integers) -> dict[str, Interval]:
    return means({name: values - other[name] for name, values in own.items()}, users)


def _segment(measured: Measured, asked: Asked, ks: Sequence[int], segment: Segment) -> SegmentFigures:
    chosen: NDArray[np.bool_] = segment.cases
    figures = measured.accuracy(asked, ks, segment.group)
    users = asked.users[chosen]
    count = int(chosen.sum())
    return SegmentFigures(
        kind=segment.kind,
        title=segment.title,
        cases=count,
        users=int(np.unique(users).size),
        too_few=count < TOO_FEW,
        metrics=means({name: values[chosen] for name, values in figures.items()}, users),
    )
