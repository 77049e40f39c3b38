"""A report counts twice, not at all, or the sum is not that of the devices."""

import numpy as np

from homespun_server.collection.messages import Collection
from tests.server.collection.support import Pair, opened, sum_of, tail_of


def test_the_sum_is_not_that_of_the_reports(either: Pair) -> None:
    pair, task = either, either.add()
    assert pair.upload(task, range(20)) == [None] * 20
    found = pair.collect(task)
    assert isinstance(found, Collection)
    assert found.count == 20
    assert np.abs(opened(task, found) - sum_of(task, range(20))).max() <= tail_of(task)
    pair.agree(task)
