"""Shares of all devices, as people write them."""

import argparse
from decimal import Decimal, InvalidOperation

from homespun.protocol.channel import SHARES


def share(text: str) -> int:
    """Return a share in parts of ``SHARES``, from for instance ``10%`` or ``0.25%``.

    Raises:
        argparse.ArgumentTypeError: It is none, or finer than a hundredth of a percent.
    """
    try:
        parts = Decimal(text.removesuffix("%")) * SHARES / 100
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write for instance 10%") from None
    if not parts.is_finite() or parts != int(parts) or not 0 <= parts <= SHARES:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0% to 100% in hundredths of a percent")
    return int(parts)


def percent(parts: int) -> str:
    """Return a share as people write it."""
    return f"{parts * 100 / SHARES:g}%"
