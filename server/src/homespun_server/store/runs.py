"""The pipeline's runs: what ran, how it ended, and its record. A run is written by the one program that makes it."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from homespun_server.errors import ConflictError
from homespun_server.store.moments import Now, text_of, utc_now
from homespun_server.store.schema import NAME_LENGTH, runs
from homespun_server.store.store import Store

RunState = Literal["running", "done", "blocked", "failed"]
"""``blocked``: a gate refused the bundle."""

MAX_RUNS = 1_000
"""Most runs that are listed at once."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run.

    Attributes:
        id: Names it.
        name: The pipeline's.
        started: ISO 8601, UTC.
        ended: ISO 8601, UTC; None: it has not, or its program is gone.
        state: How far it came.
        bundle: The bundle that it made; None: none yet.
    """

    id: str
    name: str
    started: str
    ended: str | None
    state: RunState
    bundle: str | None


class Runs:
    """The runs in a store. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, now: Now = utc_now) -> None:
        """Use a store, which stays the caller's to close.

        Args:
            store: The store.
            now: Returns the time.
        """
        self._store = store
        self._now = now

    def begin(self, run: str, name: str, record: Mapping[str, object] | None = None) -> Run:
        """Record that a run begins.

        Args:
            run: Its id, up to 64 characters; the caller's choice.
            name: The pipeline's name.
            record: What is known of it, for JSON.

        Raises:
            ConflictError: If there is a run of this id.
            StoreError: If the store cannot be written.
        """
        begun = Run(
            id=run, name=name[:NAME_LENGTH], started=text_of(self._now()), ended=None, state="running", bundle=None
        )
        try:
            with self._store.writing() as connection:
                connection.execute(insert(runs).values(**msgspec.structs.asdict(begun), record=_json(record or {})))
        except IntegrityError as error:
            raise ConflictError(f"there is a run {run!r} already; give this one another id.") from error
        return begun

    def end(
        self, run: str, state: RunState, *, bundle: str | None = None, record: Mapping[str, object] | None = None
    ) -> None:
        """Record how a run ended, or where it is: ``running`` keeps it open.

        Args:
            run: Its id.
            state: How.
            bundle: The bundle that it made.
            record: Replaces its record; None: it stays.

        Raises:
            ConflictError: If there is no such run.
            StoreError: If the store cannot be written.
        """
        values: dict[str, object] = {"state": state, "bundle": bundle}
        values["ended"] = None if state == "running" else text_of(self._now())
        if record is not None:
            values["record"] = _json(record)
        with self._store.writing() as connection:
            changed = connection.execute(update(runs).where(runs.c.id == run).values(**values))
            if changed.rowcount != 1:
                raise ConflictError(f"there is no run {run!r}; begin it first.")

    def runs(self, limit: int = MAX_RUNS) -> tuple[Run, ...]:
        """Return the runs, newest first.

        Raises:
            StoreError: If the store cannot be read.
        """
        columns = [runs.c[name] for name in Run.__struct_fields__]
        query = select(*columns).order_by(runs.c.started.desc(), runs.c.id).limit(min(limit, MAX_RUNS))
        with self._store.reading() as connection:
            return tuple(map(_run, connection.execute(query)))

    def get(self, run: str) -> tuple[Run, dict[str, object]] | None:
        """Return a run and its record; None: there is no such run.

        Raises:
            StoreError: If the store cannot be read.
        """
        with self._store.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.id == run)).one_or_none()
        if row is None:
            return None
        return _run(row), msgspec.json.decode(row.record, type=dict[str, object])


def _run(row: Row[tuple[object, ...]]) -> Run:
    values = row._asdict()
    return Run(**{name: values[name] for name in Run.__struct_fields__})


def _json(record: Mapping[str, object]) -> str:
    return msgspec.json.encode(dict(record)).decode()
