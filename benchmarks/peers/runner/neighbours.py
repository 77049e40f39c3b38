"""``implicit``: sums of the similarities of an item to those of the history, of its nearest neighbours only."""

from collections.abc import Sequence

import numpy as np
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, ItemItemRecommender, TFIDFRecommender

from benchmarks.peers.runner.cases import Case
from benchmarks.peers.runner.events import Events
from benchmarks.peers.runner.ranking import Scorer, Scores
from benchmarks.peers.runner.tuning import Peer, Setting

_SIMILARITIES = {"cosine": CosineRecommender, "tf-idf": TFIDFRecommender, "bm25": BM25Recommender}
_TRIED = (
    ("bm25", 100),
    ("tf-idf", 100),
    ("cosine", 100),
    ("bm25", 20),
    ("cosine", 20),
    ("tf-idf", 20),
    ("bm25", 500),
    ("cosine", 500),
)


class ItemItem(Peer):
    """Cosine, TF-IDF or BM25 similarity of items by their people."""

    def settings(self) -> Sequence[Setting]:
        """Return similarities and numbers of neighbours."""
        return [{"similarity": similarity, "neighbours": neighbours} for similarity, neighbours in _TRIED]

    def fit(self, events: Events, setting: Setting) -> Scorer:
        """Find the neighbours of every item."""
        model = _SIMILARITIES[str(setting["similarity"])](K=setting["neighbours"])
        model.fit(events.matrix().astype(np.float64), show_progress=False)
        return ItemItemScorer(model, events)


class ItemItemScorer:
    """Scores by one sparse product."""

    def __init__(self, model: ItemItemRecommender, events: Events) -> None:
        """Take a fitted model."""
        self._similarity = model.similarity
        self._events = events

    @property
    def model_bytes(self) -> int:
        """Bytes of the sparse matrix."""
        matrix = self._similarity
        return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)

    def scores(self, cases: Sequence[Case]) -> Scores:
        """Multiply the histories with the similarities."""
        return np.asarray((self._events.rows(cases) @ self._similarity).toarray(), np.float32)
