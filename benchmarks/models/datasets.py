"""The data sets: where they are, which column is what, and what may be done with them.

MovieTweetings comes with homespun-server, and MovieLens-1M is fetched. The others may not be passed on: they are
folders of that name with ``interactions.parquet`` and ``items.parquet``, beneath a folder that is named with
``--data`` or in ``HOMESPUN_DATA``. A data set that is not there is reported as missing, never left out.
"""

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import duckdb

from benchmarks.ml1m import movielens
from benchmarks.workspace import BenchmarkError, Workspace
from homespun_server.data import movietweetings
from homespun_server.statistics.columns import AUTO, Choice, InteractionColumns, ItemColumns
from homespun_server.statistics.items import Items
from homespun_server.statistics.sql import literal

FOLDER_VARIABLE = "HOMESPUN_DATA"

ML1M = "ml-1m"
MOVIETWEETINGS = "movietweetings"
RETAIL = "online-retail"
FRAPPE = "frappe-apps"
APPS = "seq-apps-for-android"

FRAPPE_CONTEXTS = ("daytime", "weekday", "homework", "cost", "weather", "country")

_SAMPLE = "homespun-benchmark-sample"


class MissingDataError(BenchmarkError):
    """A data set that a benchmark needs is not there."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name} is missing: {reason}")


@dataclass(frozen=True)
class DataSet:
    """A data set on disk.

    Attributes:
        name: Its name.
        title: Its name for people.
        interactions: Table of interactions.
        catalogue: Table of items.
        columns: Which column of the one is what.
        item_columns: Which column of the other is what.
    """

    name: str
    title: str
    interactions: Path
    catalogue: Path
    columns: InteractionColumns
    item_columns: ItemColumns

    def items(self) -> Items:
        """Read the catalogue."""
        return Items.read(self.catalogue, self.item_columns)


@dataclass(frozen=True)
class _Described:
    title: str
    columns: InteractionColumns
    item_columns: ItemColumns


def _columns(*, time: Choice = AUTO, weight: Choice = AUTO, context: tuple[str, ...] = ()) -> InteractionColumns:
    return InteractionColumns(time=time, kind=None, weight=weight, context=context)


_FILMS = ItemColumns(attributes=("year",))

_DESCRIBED: Mapping[str, _Described] = MappingProxyType(
    {
        ML1M: _Described("MovieLens-1M", _columns(), _FILMS),
        MOVIETWEETINGS: _Described("MovieTweetings", _columns(), _FILMS),
        RETAIL: _Described("Online Retail", _columns(weight=None), ItemColumns()),
        FRAPPE: _Described("Frappe", _columns(time=None, weight=None, context=FRAPPE_CONTEXTS), ItemColumns()),
        APPS: _Described("Apps for Android", _columns(time=None, weight=None), ItemColumns(title=None)),
    }
)

SETS = tuple(_DESCRIBED)


def title_of(name: str) -> str:
    """Return a data set's name for people."""
    return _DESCRIBED[name].title


def locate(name: str, workspace: Workspace) -> DataSet:
    """Return where a data set is; with a sample, of a share of its people alone.

    Raises:
        MissingDataError: If it is not there.
    """
    interactions, catalogue = _tables(name, workspace)
    described = _DESCRIBED[name]
    found = DataSet(name, described.title, interactions, catalogue, described.columns, described.item_columns)
    return found if workspace.sample is None else _sampled(found, workspace.sample, workspace.cache / "samples")


def _tables(name: str, workspace: Workspace) -> tuple[Path, Path]:
    if name == MOVIETWEETINGS:
        return movietweetings()
    if name == ML1M:
        try:
            return movielens(workspace.cache)
        except (subprocess.CalledProcessError, OSError) as error:
            raise MissingDataError(name, f"it cannot be fetched ({error})") from error
    if workspace.data is None:
        raise MissingDataError(name, f"name the folder of data sets with --data or in {FOLDER_VARIABLE}")
    folder = workspace.data / name
    tables = folder / "interactions.parquet", folder / "items.parquet"
    absent = [table.name for table in tables if not table.is_file()]
    if absent:
        raise MissingDataError(name, f"the folder of data sets has no {name}/{absent[0]}")
    return tables


def _sampled(data: DataSet, share: float, folder: Path) -> DataSet:
    """Return the data set with the events of a share of its people, chosen by a hash of their id."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(str(data.interactions.stat().st_mtime_ns).encode()).hexdigest()[:8]
    path = folder / f"{data.name}-{share:g}-{digest}.parquet"
    if not path.is_file():
        user = f'"{data.columns.user}"'
        below = int(share * (1 << 32))
        source = literal(data.interactions.as_posix())
        unfinished = path.with_suffix(".unfinished")
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT * FROM read_parquet({source}) WHERE "  # noqa: S608 - own names
                f"('0x' || substr(sha256('{_SAMPLE}:' || {user}), 1, 8))::UINTEGER < {below}) "
                f"TO {literal(unfinished.as_posix())} (FORMAT parquet)"
            )
        unfinished.replace(path)
    return replace(data, interactions=path)
