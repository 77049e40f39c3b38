"""From a collection to the noised sum: what is checked of what leader and helper answered, and how it is added up.

Nothing here can tell whether the two are honest. What can be told is told: sums that are of another task, that do not
open, or that no reports within their bounds and no noise of the task's can make.

Pure.
"""

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from homespun.protocol.collection.constants import TAIL
from homespun.protocol.collection.shares import ShareForm, add_vectors, centre
from homespun.protocol.collection.task import Task
from homespun_server.collection.messages import Collection, Role, aggregate_info
from homespun_server.collection.sealing import open_sealed
from homespun_server.errors import AggregationError

PASSES = 4 * TAIL
"""No report with a number so many times the bound passes the check of its projections, but with 2⁻¹⁰²: see
``homespun.protocol.collection.projections``."""

_WORD = np.dtype("<u4")


def revealed(task: Task, collection: Collection, private: X25519PrivateKey) -> NDArray[np.int64]:
    """Return the sum of a task's reports with both aggregators' noise: int64 [size], grid steps.

    Args:
        task: The task.
        collection: What its leader answered.
        private: The collector's key.

    Raises:
        AggregationError: If it is no collection of the task, does not open, or cannot be the sum of so many reports.
    """
    _check(task, collection)
    shares = [_share(task, collection, role, sealed, private) for role, sealed in _sides(collection)]
    values: NDArray[np.int64] = centre(add_vectors(*shares))
    _check_range(task, collection.count, values)
    return values


def range_of(task: Task, count: int) -> tuple[int, int]:
    """Return the least and the largest number that so many accepted reports and both noises make, but with 2⁻⁶³.

    Where every number of a report is checked, it lies in what a device may count. Where projections are, a number of a
    report that passes is at most ``PASSES`` times the bound, in either direction: honest devices never count below 0,
    and dishonest ones must not be able to make a whole batch look wrong.
    """
    form = ShareForm.of(task.statistic)
    tails = 2 * task.statistic.noise_tail(task.sigma)
    if not form.projected:
        return -tails, count * form.largest + tails
    reach = count * PASSES * form.bound + tails
    return -reach, reach


def _sides(collection: Collection) -> tuple[tuple[Role, bytes], tuple[Role, bytes]]:
    return ("leader", collection.leader), ("helper", collection.helper)


def _check(task: Task, collection: Collection) -> None:
    statistic = task.statistic
    if collection.task != task.id.hex() or collection.development != task.development:
        raise AggregationError(
            f"the leader answered with a collection of another task than {task.name}. Nothing of it was used; ask the "
            "leader's operator."
        )
    if not task.minimum_batch <= collection.count <= statistic.max_people:
        raise AggregationError(
            f"{task.name}: the leader says that it added {collection.count:,} reports, and the task allows "
            f"{task.minimum_batch:,} to {statistic.max_people:,}. Nothing of it was used; ask the leader's operator."
        )


def _share(
    task: Task, collection: Collection, role: Role, sealed: bytes, private: X25519PrivateKey
) -> NDArray[np.uint64]:
    info = aggregate_info(role, task.id, collection.count, collection.checksum)
    plain = open_sealed(sealed, private, info)
    if plain is None or len(plain) != _WORD.itemsize * task.statistic.size:
        raise AggregationError(
            f"{task.name}: the {role}'s sum does not open with this collector's key for {collection.count:,} reports. "
            "It was changed on its way, the two counted different reports, or the task names another collector."
        )
    share = np.frombuffer(plain, _WORD).astype(np.uint64)
    if (share >= task.modulus).any():
        raise AggregationError(f"{task.name}: the {role}'s sum has a number beyond the task's modulus; it is no share.")
    return share


def _check_range(task: Task, count: int, values: NDArray[np.int64]) -> None:
    least, largest = range_of(task, count)
    outside = int(((values < least) | (values > largest)).sum())
    if outside:
        raise AggregationError(
            f"{task.name}: {outside:,} of {values.size:,} numbers lie outside {least:,} to {largest:,}, which "
            f"{count:,} reports and both noises stay within. Leader or helper added something else than the reports "
            "that both accepted, or their sums belong to different batches. The numbers were not kept; the task stays "
            "charged, because they were seen."
        )
