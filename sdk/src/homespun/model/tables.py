"""Checks what a bundle's tables hold: nothing that is not finite, and no sparse entry outside the catalogue.

Pure: whoever calls says how rows are read, so that large tables are looked at piece by piece.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from homespun.errors import ModelContractError
from homespun.protocol.contract import Layout, tables

CHUNK = 1 << 16
"""Rows that are looked at together."""


class Reader(Protocol):
    """Reads rows of a table."""

    def __call__(self, table: str, first: int = 0, count: int | None = None) -> NDArray[Any]:
        """Return ``count`` rows from ``first`` on, at most to the table's end; all of them, if None."""


def check_tables(layout: Layout, read: Reader) -> None:
    """Check all tables.

    Args:
        layout: What the manifest states.
        read: Reads their rows.

    Raises:
        ModelContractError: If a number is NaN or infinite, or sparse rows are not as the contract says.
    """
    for name, tensor in tables(layout).items():
        if tensor.element == "float32":
            rows = max(1, CHUNK * 16 // max(1, int(np.prod(tensor.shape[1:]))))
            for first in range(0, tensor.shape[0], rows):
                _check_finite(name, read(name, first, rows))
    for name, blocks in layout.sparse.items():
        _check_starts(name, read(f"{name}.starts"), blocks.number)
        for first in range(0, blocks.number, CHUNK):
            _check_blocks(name, read(f"{name}.bases", first, CHUNK), read(f"{name}.gaps", first, CHUNK), layout.items)
        if read(f"{name}.levels", 0, 1)[0] != 0:
            raise ModelContractError(f"the code 0 of the table {name!r} does not stand for 0, so padding would count.")


def _check_finite(name: str, values: NDArray[np.float32]) -> None:
    if not np.isfinite(values).all():
        raise ModelContractError(
            f"the weight {name!r} holds NaN or infinity, so scores would mean nothing. Do not use the bundle."
        )


def _check_starts(name: str, starts: NDArray[np.int32], blocks: int) -> None:
    # Ascending, so that no history can ask for more blocks than there are.
    if starts[0] != 0 or starts[-1] != blocks or (starts[1:] < starts[:-1]).any():
        raise ModelContractError(
            f"the rows of the table {name!r} do not follow each other from its first block to its last."
        )


def _check_blocks(name: str, bases: NDArray[np.int32], gaps: NDArray[np.uint8], items: int) -> None:
    # Not ``sum``, which takes four times as long along short rows.
    last = bases + np.einsum("ij->i", gaps.astype(np.int32)).astype(np.int64)
    if gaps[:, 0].any() or (bases < 0).any() or (last >= items).any():
        raise ModelContractError(f"the table {name!r} has an entry for an item that the catalogue does not have.")
