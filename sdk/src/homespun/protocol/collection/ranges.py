"""A number in 0..largest as bits, so that every choice of bits is a number in that range and no other.

The weights are 1, 2, 4, …, and a last one that makes all of them together exactly ``largest``. Whoever shows that the
bits are bits has shown the range; nothing lies between a power of two and the range.

Pure.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from homespun.protocol.collection.field import Elements, multiply, total


@dataclass(frozen=True)
class Range:
    """The integers 0..largest.

    Attributes:
        largest: At least 1, below the modulus.
    """

    largest: int

    @property
    def bits(self) -> int:
        """Bits of one number."""
        return self.largest.bit_length()

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        """What each bit counts: int64 [bits]; they add up to ``largest``."""
        powers = [1 << place for place in range(self.bits - 1)]
        return np.array([*powers, self.largest - sum(powers)], np.int64)

    def split(self, numbers: NDArray[np.int64]) -> Elements:
        """Return the bits of numbers in the range: uint64 [..., bits] for int64 [...]."""
        last = self.weights[-1]
        upper = numbers > self.largest - last
        rest = numbers - upper * last
        lower = (rest[..., None] >> np.arange(self.bits - 1)) & 1
        bits: Elements = np.concatenate([lower, upper[..., None]], axis=-1).astype(np.uint64)
        return bits

    def join(self, bits: Elements) -> Elements:
        """Return the numbers, mod p, of bits or of shares of bits: uint64 [...] for uint64 [..., bits]."""
        return total(multiply(bits, self.weights.astype(np.uint64)))
