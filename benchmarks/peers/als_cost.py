"""Runs in the peers' environment: fits ``implicit``'s ALS to a table, and prints what it took as one line of JSON.

Usage: python -m benchmarks.peers.als_cost INTERACTIONS FACTORS ITERATIONS

The table is read whole and everything counts as a like, as often as it stands there. Threads are the library's own,
which are as many as there are processors.
"""

import json
import sys
import time

import numpy as np
from implicit.als import AlternatingLeastSquares
from pyarrow import parquet
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.peak import peak_memory

SEED = 20_130_101


def main() -> None:
    """Read, fit, tell."""
    path, factors, iterations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    start = time.perf_counter()
    likes = read(path)
    read_seconds = time.perf_counter() - start
    model = AlternatingLeastSquares(factors=factors, iterations=iterations, random_state=SEED)
    with threadpool_limits(1, "blas"):  # as the library asks for: its own threads do the work
        model.fit(likes, show_progress=False)
    seconds = time.perf_counter() - start
    bytes_ = int(model.item_factors.nbytes)
    answer = {"read": read_seconds, "seconds": seconds, "peak": peak_memory(), "model_bytes": bytes_, "drawn": 0}
    print(json.dumps(answer), flush=True)


def read(path: str) -> csr_matrix:
    """Return how often everybody chose everything: float32 [people, items]."""
    table = parquet.read_table(path, columns=["user", "item"])
    users, items = (table[name].combine_chunks().dictionary_encode() for name in ("user", "item"))
    rows, columns = users.indices.to_numpy(), items.indices.to_numpy()
    shape = (len(users.dictionary), len(items.dictionary))
    return csr_matrix((np.ones(rows.size, np.float32), (rows, columns)), shape=shape)


if __name__ == "__main__":
    main()
