"""Releases that are kept in files, so that what was paid for once is used again and not paid for twice.

A kept release is a Parquet file with one column of numbers and the declaration in its metadata. Neither its noise
nor its cost is in it: those are the ledger's, which knows a release by the digest of its numbers. So a file that
was changed, or that another ledger's release is in, is no release here.
"""

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from homespun.errors import MisuseError
from homespun.protocol.statistics.declaration import Statistic
from homespun_server.errors import OutputError, ReleaseFileError
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.release import Release, digest_of, restored
from homespun_server.statistics.cohort import mark_of

_COLUMN = "value"
_DECLARATION = b"homespun.statistic"


def keep(release: Release, path: str | Path) -> None:
    """Write a release to a file; an earlier file of that name is replaced at once, or not at all.

    Raises:
        MisuseError: If it is not private: an exact sum is not to be kept.
        OutputError: If it cannot be written.
    """
    if not release.private:
        raise MisuseError("a release without privacy holds an exact sum about people; it is not kept in files.")
    declaration = {_DECLARATION: msgspec.json.encode(release.statistic)}
    table = pa.table({_COLUMN: release.values}).replace_schema_metadata(declaration)
    target = Path(path)
    new = target.with_name(target.name + ".new")
    try:
        pq.write_table(table, new, compression="zstd")
        new.replace(target)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OutputError(f"the release cannot be written to {target}: {error}. Name another file.") from error


def kept(path: str | Path, ledger: BudgetLedger) -> Release:
    """Read a release that a ledger recorded.

    Args:
        path: A file that ``keep`` wrote.
        ledger: The ledger that the release was charged to.

    Raises:
        ReleaseFileError: If the file is damaged, or the ledger knows no such release.
        LedgerError: If the ledger is damaged or was not opened.
    """
    try:
        statistic, values = _read(path)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException, msgspec.MsgspecError, MisuseError) as error:
        raise ReleaseFileError(
            f"{path} is no kept release, or is damaged: {type(error).__name__}. Take a copy that is whole."
        ) from error
    digest = digest_of(values)
    found = [each for each in ledger.state().spends if each.released == digest]
    if not found:
        raise ReleaseFileError(
            f"the ledger of {ledger.data_set!r} knows no release with the numbers in {path}: they were changed, or "
            "were released under another name. Nothing that nobody accounts for is a release."
        )
    # Few numbers can be drawn twice by chance, and the file does not say which release they are.
    if len({each.spend for each in found}) > 1:
        charges = ", ".join(str(each.charge) for each in found)
        raise ReleaseFileError(
            f"charges {charges} of {ledger.data_set!r} released the very numbers in {path}, so nobody can tell whom "
            "they are about and what they cost. Release the statistic again."
        )
    return restored(found[0], statistic, values, mark_of(ledger.secret))


def _read(path: str | Path) -> tuple[Statistic, NDArray[np.int64]]:
    with pq.ParquetFile(path) as file:
        table = file.read()
    statistic = msgspec.json.decode((table.schema.metadata or {})[_DECLARATION], type=Statistic)
    if table.schema.types != [pa.int64()]:
        raise TypeError(f"{table.schema.types} where {_COLUMN} of int64 is kept")
    # With a number missing they would become floats, which are refused here.
    return statistic, table.column(_COLUMN).to_numpy().astype(np.int64, casting="safe")
