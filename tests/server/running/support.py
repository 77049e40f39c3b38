"""Small pipelines to run in tests: tables, what is asked of them, and a working directory to publish from."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from homespun_server.data import movietweetings
from homespun_server.evaluation.comparison import Observer
from homespun_server.inputs import silent
from homespun_server.publishing.registry import Registry
from homespun_server.publishing.repository import KeyCosts, KeyStore, SignedRepository
from homespun_server.running.job import Job, Places
from homespun_server.running.overrides import Override
from homespun_server.running.preparing import prepare
from homespun_server.running.reading import parse_pipeline
from homespun_server.store import open_store

CHANNEL = "films/canary"
CHEAP = KeyCosts(memory_kib=8 * 1024, iterations=1, lanes=1)
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


class Films(NamedTuple):
    """A sample of MovieTweetings: a few hundred people, a few hundred films."""

    interactions: Path
    items: Path


class Hands:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


def write_films(folder: Path, *, people: int = 500, films: int = 150) -> Films:
    """Sample the people with the most ratings of the films with the most, in an order that everybody gets."""
    tables = movietweetings()
    found = Films(folder / "interactions.csv", folder / "items.csv")
    given: dict[str, object] = {"table": str(tables.interactions), "items": str(tables.items)}
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE films AS SELECT item FROM read_parquet($table) GROUP BY item "
            "ORDER BY count(*) DESC, item LIMIT $films",
            {"table": given["table"], "films": films},
        )
        connection.execute(
            "CREATE TABLE rows AS WITH known AS (SELECT * FROM read_parquet($table) SEMI JOIN films USING (item)), "
            "chosen AS (SELECT user FROM known GROUP BY user ORDER BY count(*) DESC, user LIMIT $people) "
            'SELECT user, item, rating, "timestamp" FROM known SEMI JOIN chosen USING (user) '
            'ORDER BY user, "timestamp", item',
            {"table": given["table"], "people": people},
        )
        connection.execute(
            "CREATE TABLE listed AS SELECT item, title, genres FROM read_parquet($items) SEMI JOIN films USING (item) "
            "ORDER BY item",
            {"items": given["items"]},
        )
        connection.table("rows").write_csv(str(found.interactions))
        connection.table("listed").write_csv(str(found.items))
    return found


def content(films: Films, **tables: dict[str, Any] | None) -> dict[str, Any]:
    """Return a pipeline's file as TOML is read; a table that is given is added to, and one that is None left out."""
    whole: dict[str, Any] = {
        "name": "films",
        "channel": CHANNEL,
        "inputs": {"interactions": str(films.interactions), "items": str(films.items)},
        "fit": {"epsilon": 8.0, "min_weight": 6.0, "test_share": 0.3, "max_items": 100, "dimensions": 8},
        "evaluation": {"k": [10, 100], "latency_runs": 20},
        # What is asked of a model that is made from a few hundred people, on a machine that does much else.
        "gates": {
            "lead_over_popularity": -1.0,
            "lead_over_incumbent": -1.0,
            "segment_drop": 1.0,
            "max_advantage": 1.0,
            "p50_ms": 10_000.0,
            "p99_ms": 10_000.0,
        },
    }
    for name, table in tables.items():
        if table is None:
            del whole[name]
        else:
            whole[name] = {**whole.get(name, {}), **table}
    return whole


def without_privacy(films: Films, **tables: dict[str, Any]) -> dict[str, Any]:
    """Return the same without privacy, on a stage where that is let through."""
    found = content(films, **tables)
    del found["fit"]["epsilon"]
    found["fit"]["non_private"] = True
    found["gates"] |= {"claim": False, "non_private_stages": ["canary"]}
    return found


def job_of(
    asked: dict[str, Any],
    folder: Path,
    *,
    clock: Callable[[], datetime] = lambda: NOON,
    observer: Observer = silent,
    overrides: Sequence[Override] = (),
    places: Places | None = None,
    spend_again: bool = False,
    again: bool = False,
) -> Job:
    return prepare(
        parse_pipeline(asked, "pipeline.toml"),
        folder,
        places or Places(work=folder / "work"),
        clock=clock,
        observer=observer,
        overrides=overrides,
        spend_again=spend_again,
        again=again,
    )


@contextmanager
def directory(folder: Path, clock: Callable[[], datetime] = lambda: NOON) -> Iterator[Places]:
    """Open a working directory, which is made if it is not there."""
    repository, keys = folder / "repository", KeyStore(folder / "keys", _passphrase, costs=CHEAP, clock=clock)
    if repository.exists():
        signed = SignedRepository.open(repository, keys, clock=clock)
    else:
        signed = SignedRepository.create(repository, keys, channels=[CHANNEL, "films/production"], clock=clock)
    with open_store(folder / "store.sqlite") as store:
        yield Places(
            work=folder / "work",
            store=str(folder / "store.sqlite"),
            registry=Registry(store, folder / "bundles", clock),
            repository=signed,
        )


def _passphrase(_: str) -> bytes:
    return b"correct horse battery staple"
