"""What an audit bundle holds of people's requests and consents: nobody is named in it."""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
from sqlalchemy import func, select

from homespun.protocol.canonical import canonical
from homespun_server.compliance.audit.contents import (
    CONSENTS,
    DEVICES,
    REQUESTS,
    AuditedRequest,
    CountOfDay,
    Counts,
    Devices,
    plain,
)
from homespun_server.compliance.requests import rows
from homespun_server.store import Store
from homespun_server.store.schema_asking import asking_devices
from homespun_server.store.schema_consent import consent_counts
from homespun_server.store.schema_requests import requests as requests_table


def requests(store: Store, since: str) -> dict[str, bytes]:
    """Return the requests that were received since a moment, or had not ended, each with its timeline.

    Args:
        store: The store.
        since: See ``text_of``.
    """
    wanted = (requests_table.c.received >= since) | requests_table.c.next.is_not(None)
    found: dict[str, bytes] = {}
    with store.reading() as connection:
        for name in connection.scalars(select(requests_table.c.id).where(wanted).order_by(requests_table.c.id)).all():
            request = msgspec.structs.replace(rows.get(connection, name), subject=None)
            rules, data_map = rows.frozen(connection, name)
            told = AuditedRequest(
                request=request, rules=rules, data_map=data_map, timeline=rows.events(connection, name)
            )
            found[f"{REQUESTS}{name}.json"] = canonical(plain(told))
        query = select(asking_devices.c.device, asking_devices.c.key)
        keys = {row.device: row.key for row in connection.execute(query)}
    return {**found, DEVICES: canonical(plain(Devices(keys=keys)))}


def fixed(members: Mapping[str, bytes]) -> Iterator[dict[str, object]]:
    """Yield what the log commits to of every request as it is exported."""
    for name, raw in members.items():
        if name.startswith(REQUESTS):
            request = name.removeprefix(REQUESTS).removesuffix(".json")
            yield {"what": "request file", "request": request, "sha256": hashlib.sha256(raw).hexdigest()}


def consents(store: Store) -> dict[str, bytes]:
    """Return how many consent events there are, by day, purpose, notice and action."""
    columns = [consent_counts.c[name] for name in ("day", "purpose", "notice", "action")]
    query = select(*columns, func.sum(consent_counts.c.number).label("number")).group_by(*columns).order_by(*columns)
    with store.reading() as connection:
        counts = tuple(CountOfDay(**{**row._asdict(), "number": int(row.number)}) for row in connection.execute(query))
    return {CONSENTS: canonical(plain(Counts(counts=counts)))}
