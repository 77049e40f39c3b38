"""A hundred thousand requests: the page of the queue, the page of a state, and one request in detail."""

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Select, insert, select, text

from benchmarks.compliance.databases import KINDS, put, store_of
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.compliance.consent.subjects import Subjects
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.requests.course import opening
from homespun_server.compliance.requests.profile import SHIPPED, Rules, shipped
from homespun_server.compliance.requests.requests import Requests
from homespun_server.compliance.requests.rows import DataMap, StoreOnMap
from homespun_server.store import Store
from homespun_server.store.moments import text_of
from homespun_server.store.schema_requests import request_documents, request_events, requests

REQUESTS = 100_000
STORES = tuple(f"store {number}" for number in range(14))
PAGE = 50
PAGES = 200
DETAILS = 1_000
BATCH = 5_000
OPEN_SHARE = 10
"""One in so many is open."""

AIM = 200.0
"""Milliseconds that a console's page may take."""

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
EVENTS = ("opened", "identified", "accepted", "working", *["effect"] * len(STORES), "closed")


def run(workspace: Workspace) -> list[Section]:
    """How long pages of the queue and details of requests take, of a hundred thousand, beside bare SELECTs."""
    return sections(workspace)


def sections(workspace: Workspace) -> list[Section]:
    """Time pages and details on both databases."""
    rows: list[tuple[Cell, ...]] = []
    count = REQUESTS if workspace.sample is None else int(REQUESTS * workspace.sample)
    for done, kind in enumerate(KINDS, start=1):
        with tempfile.TemporaryDirectory(dir=workspace.cache) as folder, store_of(kind, Path(folder)) as store:
            fill(store, count)
            rows += _rows(kind, store, count)
        workspace.observer("requests", done, len(KINDS))
    columns = ("what", "p95, ms", "p50, ms", "bare SELECT: p95, ms", "bare SELECT: p50, ms", "aim", "verdict")
    note = (
        f"{count:,} requests with {len(EVENTS)} events each, one in {OPEN_SHARE} open, {len(STORES)} stores mapped; "
        f"{PAGES} pages of {PAGE} and {DETAILS:,} details, one connection a reading. A bare SELECT reads the very "
        "rows by their index and throws them away; connecting is in both."
    )
    return [Section("A hundred thousand requests", columns, tuple(rows), note)]


def _rows(kind: str, store: Store, count: int) -> Iterator[tuple[Cell, ...]]:
    keys = ComplianceKeys.drawn()
    log = TransparencyLog(store, keys)
    found = Requests(store, keys, log, subjects=Subjects(store, keys), profiles={})
    chosen = [id_of(int(each)) for each in np.random.default_rng(7).integers(0, count, DETAILS)]
    has_next = requests.c.next.is_not(None)
    waiting = select(requests).where(has_next).order_by(requests.c.next, requests.c.id).limit(PAGE)
    is_closed = requests.c.state == "closed"
    closed = select(requests).where(is_closed).order_by(requests.c.due, requests.c.id).limit(PAGE)
    subjects = {
        "page of the queue": (lambda _: found.queue(limit=PAGE), lambda _: _bare(store, waiting), PAGES),
        "page of the closed": (
            lambda _: found.queue(state="closed", limit=PAGE),
            lambda _: _bare(store, closed),
            PAGES,
        ),
        "one request": (
            lambda n: found.get(chosen[n]),
            lambda n: _bare(store, select(request_events).where(request_events.c.request == chosen[n])),
            DETAILS,
        ),
    }
    for name, (own, bare, times) in subjects.items():
        one, other = _timed(own, times), _timed(bare, times)
        verdict = "met" if one[0] <= AIM else "not met"
        yield f"{kind}: {name}", *one, *other, AIM, verdict


def _timed(subject: Callable[[int], object], times: int) -> tuple[float, float]:
    """Return the 95th and the 50th percentile in milliseconds, after some that warm it up."""
    for number in range(10):
        subject(number)
    taken = []
    for number in range(times):
        began = perf_counter()
        subject(number)
        taken.append((perf_counter() - began) * 1e3)
    return float(np.percentile(taken, 95)), float(np.percentile(taken, 50))


def _bare(store: Store, query: Select[Any]) -> None:
    with store.reading() as connection:
        for _ in connection.execute(query):
            pass


def fill(store: Store, count: int) -> None:
    """Put so many requests into an empty store, with what happened to them."""
    rules = {name: shipped(name).rules("erasure") for name in SHIPPED}
    data_map = DataMap(stores=tuple(StoreOnMap(each, "rows of people") for each in STORES))
    documents = [(f"{place:064}", each) for place, each in enumerate((*rules.values(), data_map))]
    with store.writing() as connection:
        rows = [{"digest": digest, "content": _json(each)} for digest, each in documents]
        connection.execute(insert(request_documents), rows)
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        with store.writing() as connection:
            put(connection, requests, (_request(each, rules, len(rules)) for each in numbers))
            put(connection, request_events, (event for each in numbers for event in _events(each)))
    with store.writing() as connection:
        connection.execute(text("ANALYZE"))


def _request(number: int, rules: dict[str, Rules], maps: int) -> dict[str, object]:
    name = SHIPPED[number % len(SHIPPED)]
    received = FIRST + timedelta(minutes=5 * number)
    due = text_of(opening(rules[name], STORES, received).due)
    is_open = number % OPEN_SHARE == 0
    return {
        "id": id_of(number),
        "kind": "erasure",
        "regulation": name,
        "subject": sha256(b"%d" % number).hexdigest(),
        "state": "completed" if is_open else "closed",
        "received": text_of(received),
        "due": due,
        "next": due if is_open else None,
        "events": len(_of(number)),
        "rules": f"{SHIPPED.index(name):064}",
        "data_map": f"{maps:064}",
    }


def _events(number: int) -> Iterator[dict[str, object]]:
    moment = text_of(FIRST + timedelta(minutes=5 * number))
    effects = iter(STORES)
    for sequence, what in enumerate(_of(number), start=1):
        detail = '{"method":"passport seen","evidence":"case 1"}'
        if what == "effect":
            detail = (
                f'{{"connector":"{next(effects)}","outcome":"done","level":"logical","records":3,'
                '"detail":"3 rows were removed; the file before was overwritten and removed."}'
            )
        event = {"request": id_of(number), "sequence": sequence, "moment": moment, "what": what, "detail": detail}
        yield {**event, "who": "account ada", "role": "compliance"}


def _of(number: int) -> tuple[str, ...]:
    return EVENTS[:-1] if number % OPEN_SHARE == 0 else EVENTS


def id_of(number: int) -> str:
    """Return the id of the request with a number."""
    return sha256(b"request %d" % number).hexdigest()[:32]


def _json(document: object) -> str:
    return msgspec.json.encode(document).decode()
