"""An aggregator's own noise on its share of a sum, before anybody else sees it.

The noise is the task's: with it alone, whatever the other aggregator does, the collector learns of one installation no
more than (ε, δ). It is drawn once for a task: what is answered is kept in the transaction that closes the batch, and
the sum is gone with it.
"""

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.collection.field import MODULUS
from homespun_server.collection.messages import Role, ShareRequest, aggregate_info
from homespun_server.collection.places import Known
from homespun_server.collection.sealing import seal
from homespun_server.privacy.mechanisms import add_discrete_gaussian


def noised_share(role: Role, known: Known, asked: ShareRequest, total: NDArray[np.uint64]) -> bytes:
    """Return a share of the sum with noise, sealed to the collector; every call draws anew.

    Args:
        role: Whose share.
        known: The task.
        asked: Which reports are in it.
        total: uint64 of shape [size], below the modulus.
    """
    noised = add_discrete_gaussian(total.astype(np.int64), known.task.sigma) % MODULUS
    info = aggregate_info(role, known.id, asked.count, asked.checksum)
    return seal(noised.astype("<u4").tobytes(), known.task.collector, info)
