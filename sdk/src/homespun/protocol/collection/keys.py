"""Public keys of X25519 (RFC 7748) that are none: points of small order, to which nothing can be sealed.

The secret that such a key agrees on is zero for everybody, so that everybody could open what is sealed to it. Libraries
refuse it when something is sealed; here it is refused where a task is written or read.

Pure.
"""

from typing import Final

_PRIME: Final = 2**255 - 19

_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        _PRIME - 1,
    }
)
"""u-coordinates of the points whose order divides 8, on the curve and on its twist (Bernstein, "Curve25519", 2006)."""


def is_of_small_order(key: str) -> bool:
    """Return whether a public key, in hexadecimal, is a point of small order.

    Args:
        key: 64 hexadecimal digits; as in RFC 7748 the topmost bit does not count, and the number is taken modulo p.
    """
    number = int.from_bytes(bytes.fromhex(key), "little") & ((1 << 255) - 1)
    return number % _PRIME in _SMALL_ORDER
