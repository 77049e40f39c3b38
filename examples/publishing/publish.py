"""From two CSV files to a staged rollout and back, with the commands that an operator types.

Usage: python examples/publishing/publish.py [FOLDER]     (results stay in FOLDER, ./publishing if not given)
"""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyarrow import parquet

import homespun as hs
from homespun_server.data import movietweetings

HERE = Path(__file__).parent
PEOPLE = 2500
NOTICE = hs.Notice("Films you rate are kept encrypted on this computer, to recommend others. They never leave it.")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_tables(folder)
    shutil.copy(HERE / "pipeline.toml", folder)
    # An operator keeps it in a password manager and hands it to the service by its environment.
    environment = {**os.environ, "HOMESPUN_KEY_PASSPHRASE": "correct horse battery staple", "PYTHONUTF8": "1"}

    def operator(command: str) -> None:
        print(f"\n$ homespun-server {command}", flush=True)
        subprocess.run([*program(), *shlex.split(command)], cwd=folder, env=environment, check=True)

    operator("init work --application films")
    operator("budget open --store work/store.sqlite --data-set films --epsilon 8 --lifetime 16")
    operator("fit --items films.csv --out shipped --name 'Films, by words and tags'")
    operator("publish shipped/bundle --to films/production --note 'the one that is shipped' --in work")
    operator("run pipeline.toml --dry-run --in work")
    operator("run pipeline.toml --in work")
    operator("rollout show films/production --in work")
    with serving(folder / "work", environment) as url:
        device(folder, url)
        operator("run pipeline.toml --in work")  # nothing is paid or trained again: the next share
        device(folder, url)
        operator("rollout back films/production --to 1 --reason 'to show that it can be' --in work")
        device(folder, url)
    operator("registry list --in work")


def write_tables(folder: Path) -> None:
    """Write the tables that an operator would have: ratings of some people, and the public catalogue of films."""
    tables = movietweetings()
    ratings = parquet.read_table(tables.interactions).to_pylist()
    people = set(sorted({rating["user"] for rating in ratings})[:PEOPLE])
    write_csv(folder / "ratings.csv", [rating for rating in ratings if rating["user"] in people])
    write_csv(folder / "films.csv", parquet.read_table(tables.items).to_pylist())


def write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


@contextmanager
def serving(work: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve a working directory on a free port; yield the signed repository's URL."""
    command = [*program(), "serve", "--in", str(work), "--port", "0"]
    print(f"\n$ homespun-server serve --in {work.name} --port 0 &", flush=True)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as server:
        try:
            found = (re.search(r"http://[\w.:\[\]]+", line) for line in server.stdout or ())
            yield next(address[0] for address in found if address) + "/repository"
        finally:
            server.terminate()


def device(folder: Path, url: str) -> None:
    """What one device does: it looks for a newer bundle, and lists films."""
    updates = hs.Updates(
        url=url,
        channel="films/production",
        root=(folder / "work/keys/root.json").read_bytes(),
        folder=folder / "device/bundles",
    )
    key = hs.Key.bytes(bytes(32))  # an example's key; see docs/how-to/keys.md
    with (
        hs.Bundle.open(folder / "shipped/bundle") as shipped,
        hs.Personalizer.open(folder / "device/profile", key=key, bundle=shipped, updates=updates) as me,
    ):
        if not me.consent.granted(hs.Purpose.PERSONALIZATION):
            me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE)
            me.record("tt1375666", "rate", weight=9.0)
        print(f"\nOn a device: {me.sync(force=True)}")
        for film in me.recommend(3):
            print(f"  {film.title}: {film.reason}")
        print(f"  {me.ledger.summary()}")


def program() -> list[str]:
    return [sys.executable, "-m", "homespun_server.cli"]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("publishing"))
