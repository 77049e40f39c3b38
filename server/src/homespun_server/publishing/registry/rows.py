"""Reading and writing the registry's rows, inside a transaction that the caller opened."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Integer, Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from homespun_server.errors import NotRegisteredError
from homespun_server.publishing.registry.stages import Stage
from homespun_server.publishing.registry.version import Details, Move, Version
from homespun_server.store.schema import bundle_moves, bundle_names, bundles

COLUMNS = tuple(bundles.c[name] for name in Version.__struct_fields__)


def find(connection: Connection, bundle: str) -> Version | None:
    """Return a bundle; None: it is not registered."""
    row = connection.execute(select(*COLUMNS).where(bundles.c.id == bundle)).one_or_none()
    return None if row is None else Version(**row._asdict())


def locked(connection: Connection, bundle: str) -> Version:
    """Return a bundle that nobody else changes until the transaction ends.

    Raises:
        NotRegisteredError: If there is no such bundle.
    """
    # SQLite's transaction holds the one lock that there is, and passes over FOR UPDATE.
    row = connection.execute(select(*COLUMNS).where(bundles.c.id == bundle).with_for_update()).one_or_none()
    if row is None:
        raise not_registered(bundle)
    return version_of(row)


@cache
def listing(*, stage: bool, name: bool, limit: bool) -> Select[Any]:
    """Return the query for bundles, latest first, with those of these parameters that are asked for.

    It is made once: making it takes longer than asking it.
    """
    query = select(*COLUMNS).order_by(bundles.c.added.desc(), bundles.c.version.desc(), bundles.c.id)
    if stage:
        query = query.where(bundles.c.stage == bindparam("stage"))
    if name:
        query = query.where(bundles.c.name == bindparam("name"))
    return query.limit(bindparam("limit", type_=Integer)) if limit else query


def next_version(connection: Connection, name: str) -> int:
    """Count a version of a name, and hold the name until the transaction ends."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    counting = dialect.insert(bundle_names).values(name=name, versions=1)
    counting = counting.on_conflict_do_update(
        index_elements=[bundle_names.c.name], set_={"versions": bundle_names.c.versions + 1}
    )
    return int(connection.execute(counting.returning(bundle_names.c.versions)).scalar_one())


def add(connection: Connection, version: Version, texts: Mapping[str, str]) -> None:
    """Add a bundle; ``texts`` are its lineage, card and gates, as JSON."""
    connection.execute(insert(bundles).values(**msgspec.structs.asdict(version), **texts))


def add_move(connection: Connection, bundle: str, move: tuple[Stage, str, str, str]) -> None:
    """Add to a bundle's history: stage, moment, who and why."""
    last = connection.scalar(select(func.max(bundle_moves.c.sequence)).where(bundle_moves.c.bundle == bundle))
    stage, moment, who, why = move
    connection.execute(
        insert(bundle_moves).values(
            bundle=bundle, sequence=(last or 0) + 1, stage=stage, moment=moment, who=who, why=why
        )
    )


def set_stage(connection: Connection, bundle: str, stage: Stage) -> None:
    """Put a bundle into a stage."""
    connection.execute(update(bundles).where(bundles.c.id == bundle).values(stage=stage))


def delete_rows(connection: Connection, bundle: str) -> None:
    """Remove a bundle and its history."""
    connection.execute(delete(bundle_moves).where(bundle_moves.c.bundle == bundle))
    connection.execute(delete(bundles).where(bundles.c.id == bundle))


def details_of(connection: Connection, bundle: str) -> Details:
    """Return a bundle with everything that is known of it.

    Raises:
        NotRegisteredError: If there is no such bundle.
    """
    row = connection.execute(select(bundles).where(bundles.c.id == bundle)).one_or_none()
    if row is None:
        raise not_registered(bundle)
    moves = select(bundle_moves).where(bundle_moves.c.bundle == bundle).order_by(bundle_moves.c.sequence)
    return Details(
        version=version_of(row),
        lineage=_json(row.lineage),
        card=_json(row.card),
        gates=_json(row.gates),
        moves=tuple(_move(each) for each in connection.execute(moves)),
    )


def version_of(row: Row[tuple[object, ...]]) -> Version:
    """Return a row as a bundle."""
    values = row._asdict()
    return Version(**{name: values[name] for name in Version.__struct_fields__})


def not_registered(bundle: str) -> NotRegisteredError:
    """Return the error for a bundle that is not there."""
    return NotRegisteredError(f"no bundle {bundle} is registered; list the bundles to see their identities.")


def _move(row: Row[tuple[object, ...]]) -> Move:
    values = row._asdict()
    del values["bundle"]
    return Move(**values)


def _json(text: str) -> dict[str, object]:
    return msgspec.json.decode(text, type=dict[str, object])
