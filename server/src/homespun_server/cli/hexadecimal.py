"""Keys as arguments."""

import argparse

_BYTES = 32


def key_of(text: str) -> bytes:
    """Return the public key that an argument names: 64 hexadecimal digits."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != _BYTES:
        raise argparse.ArgumentTypeError(f"{text!r} is no key of {2 * _BYTES} hexadecimal digits")
    return raw
