"""Normal numbers from a seed alone, the same on every machine up to rounding, and quicker than one by one."""

import math
import random

import numpy as np

from homespun.model.history import Reals


def normal_numbers(rows: int, columns: int, source: random.Random) -> Reals:
    """Return independent standard normal numbers (Box and Muller, 1958); float64 [rows, columns].

    Args:
        rows: How many rows.
        columns: How many columns.
        source: Where randomness comes from.
    """
    pairs = -(-rows * columns // 2)
    whole = np.frombuffer(source.randbytes(16 * pairs), np.dtype("<u8")).reshape(2, pairs)
    # 53 bits, above 0, because the logarithm of 0 is none.
    even = ((whole >> np.uint64(11)) + np.uint64(1)) * 2.0**-53
    lengths, angles = np.sqrt(-2 * np.log(even[0])), 2 * math.pi * even[1]
    return np.concatenate([lengths * np.cos(angles), lengths * np.sin(angles)])[: rows * columns].reshape(rows, columns)
