"""Bounding how much of a person is looked at: a sample, drawn with a secret that only they (or the operator) have.

The bound on a contribution holds for every secret, known or not. The secret keeps the choice from being
predicted, so that nobody can arrange which of somebody's items are taken. It is no source of noise.
"""

import hashlib

import numpy as np

from homespun.protocol.statistics.grid import Integers, starts_of
from homespun.protocol.statistics.histories import Histories

_LABEL = b"homespun-sample-1:"


def sample(owners: Integers, histories: Histories, most: int, name: str) -> Integers:
    """Return which entries are taken: all of a person with at most ``most``, and that many of anybody else.

    Args:
        owners: int64 [m], the person of every entry, ascending.
        histories: For the people's secrets.
        most: Most entries of one person.
        name: The statistic's name, so that samples of different statistics are independent.

    Returns:
        int64 [k], indices of the entries, ascending.
    """
    starts = starts_of(owners, histories.people)
    over = np.flatnonzero(np.diff(starts) > most)
    if not over.size:
        return np.arange(owners.size)
    taken = np.ones(owners.size, np.bool_)
    for person in over.tolist():
        begin, end = int(starts[person]), int(starts[person + 1])
        taken[begin:end] = False
        taken[begin + _lowest(histories.secrets[person], name, end - begin, most)] = True
    return np.flatnonzero(taken)


def _lowest(secret: bytes, name: str, count: int, most: int) -> Integers:
    """Return the ``most`` of ``count`` places with the lowest numbers in a keyed stream (SHAKE-256, FIPS 202)."""
    stream = hashlib.shake_256(_LABEL + secret + name.encode()).digest(8 * count)
    numbers = np.frombuffer(stream, np.dtype("<u8"))
    return np.argsort(numbers, kind="stable")[:most]
