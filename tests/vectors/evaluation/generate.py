"""Writes ``lists.json``: what another implementation (rectools) says of some lists.

Run it in an environment of its own, because that package holds numpy below 2: ``python generate.py`` beside the file
that it writes. ``made_with`` says which version it was.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.metrics import MAP, CatalogCoverage, IntraListDiversity, MeanInvUserFreq, Recall
from rectools.metrics.distances import PairwiseDistanceCalculator

KS = (1, 5, 10)
ITEMS, TAGS, USERS, CASES, DEPTH = 30, 6, 40, 25, 10
HERE = Path(__file__).parent


class Cosine(PairwiseDistanceCalculator):  # type: ignore[misc]  # not installed here
    """1 − cosine of tags, 1 where an item has none."""

    def __init__(self, rows: np.ndarray) -> None:
        self._rows = rows

    def _get_distances_for_item_pairs(self, items_0: object, items_1: object) -> np.ndarray:
        first, second = self._rows[np.asarray(items_0)], self._rows[np.asarray(items_1)]
        norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        return np.asarray(1 - (first * second).sum(axis=1) / np.where(norms > 0, norms, 1.0))


def main() -> None:
    draw = np.random.default_rng(7)
    marks = (draw.random((ITEMS, TAGS)) < 0.35).astype(float)
    trained = [
        (user, item) for user in range(USERS) for item in range(ITEMS - 3) if draw.random() < 1.2 / (1 + item / 3)
    ]
    lists = [draw.permutation(ITEMS)[: draw.integers(2, DEPTH + 1)].tolist() for _ in range(CASES)]
    relevant = [sorted(draw.choice(ITEMS, draw.integers(1, 6), replace=False).tolist()) for _ in range(CASES)]
    reco = pd.DataFrame(
        [(case, item, rank) for case, listed in enumerate(lists) for rank, item in enumerate(listed, 1)],
        columns=[Columns.User, Columns.Item, Columns.Rank],
    )
    wanted = pd.DataFrame(
        [(case, item) for case, own in enumerate(relevant) for item in own], columns=[Columns.User, Columns.Item]
    )
    past = pd.DataFrame(trained, columns=[Columns.User, Columns.Item])
    expected = {}
    for k in KS:
        expected[str(k)] = {
            "map": MAP(k).calc_per_user(reco, wanted).tolist(),
            "recall": Recall(k).calc_per_user(reco, wanted).tolist(),
            "novelty": MeanInvUserFreq(k).calc_per_user(reco, past).tolist(),
            "coverage": CatalogCoverage(k, normalize=True).calc(reco, list(range(ITEMS))),
        }
        if k > 1:
            expected[str(k)]["diversity"] = IntraListDiversity(k, Cosine(marks)).calc_per_user(reco).tolist()
    content = {
        "made_with": f"rectools {version('rectools')}",
        "tags": [[f"tag-{tag}" for tag in np.flatnonzero(row)] for row in marks],
        "trained": trained,
        "users": len({user for user, _ in trained}),
        "lists": lists,
        "relevant": relevant,
        "expected": expected,
    }
    (HERE / "lists.json").write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
