"""What an audit bundle holds of people's requests and consents: nobody is named in it."""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
from sqlalchemy import select

from homespun.protocol.canonical import canonical
from homespun_server.compliance.audit.contents import (
    CONSENTS,
    REQUESTS,
    AuditedRequest,
    CountOfDay,
    Counts,
    plain,
)
from homespun_server.compliance.log.found import counts_by_day
from homespun_server.compliance.requests import rows
from homespun_server.store import Store
from homespun_server.store.schema_requests import request_events
from homespun_server.store.schema_requests import requests as requests_table


def requests(store: Store, since: str) -> dict[str, bytes]:
    """Return the requests that something happened to since a moment, or that have not ended, each with its timeline.

    Args:
        store: The store.
        since: See ``text_of``.
    """
    happened = select(request_events.c.request).where(request_events.c.moment >= since)
    wanted = (
        (requests_table.c.received >= since) | requests_table.c.next.is_not(None) | requests_table.c.id.in_(happened)
    )
    found: dict[str, bytes] = {}
    with store.reading() as connection:
        for name in connection.scalars(select(requests_table.c.id).where(wanted).order_by(requests_table.c.id)).all():
            request = msgspec.structs.replace(rows.get(connection, name), subject=None)
            rules, data_map = rows.frozen(connection, name)
            told = AuditedRequest(
                request=request, rules=rules, data_map=data_map, timeline=rows.events(connection, name)
            )
            found[f"{REQUESTS}{name}.json"] = canonical(plain(told))
    return found


def fixed(members: Mapping[str, bytes]) -> Iterator[dict[str, object]]:
    """Yield what the log commits to of every request as it is exported."""
    for name, raw in members.items():
        if name.startswith(REQUESTS):
            request = name.removeprefix(REQUESTS).removesuffix(".json")
            yield {"what": "request file", "request": request, "sha256": hashlib.sha256(raw).hexdigest()}


def consents(store: Store) -> dict[str, bytes]:
    """Return how many consent events there are, by day, purpose, notice and action."""
    by_day = counts_by_day(store)
    counts = tuple(msgspec.convert({"day": day, **each}, CountOfDay) for day, found in by_day.items() for each in found)
    return {CONSENTS: canonical(plain(Counts(counts=counts)))}
