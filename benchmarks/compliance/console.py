"""The console's pages with a million consent events and a hundred thousand requests, as a browser gets them.

Rules: a page is asked of the whole service, from its outermost ASGI application to its last byte, by somebody who is
signed in as compliance. The limit is a page of the same service in the same frame that lists nothing, asked in turn
with it. Only the network is left out.
"""

import re
import tempfile
from html import unescape
from pathlib import Path

import anyio
import numpy as np

from benchmarks.compliance import consents, requests
from benchmarks.compliance.console_service import DATA_SET, SPENDS, Get, browser, fill, made
from benchmarks.compliance.databases import KEPT, KINDS, place_of
from benchmarks.measure import Clock
from benchmarks.result import Cell, Section
from benchmarks.workspace import Workspace
from homespun_server.settings import ServerSettings
from homespun_server.store import Store, open_store

ENTRIES = 100_000
"""Entries of the transparency log, and of the record of changes."""

PAGES = 100
"""Times that each page is asked for."""

WARM = 5
AIM = 200.0
"""Milliseconds that a page may take."""

BARE = "/console/account"
"""A page in the frame that lists nothing."""


def run(workspace: Workspace) -> list[Section]:
    """How long the console's pages take with a million consent events and a hundred thousand requests."""
    return sections(workspace)


def sections(workspace: Workspace) -> list[Section]:
    """Time pages on both databases."""
    rows: list[tuple[Cell, ...]] = []
    events, asked, entries = (
        int(each * (workspace.sample or 1)) for each in (consents.EVENTS, requests.REQUESTS, ENTRIES)
    )
    for done, kind in enumerate(KINDS, start=1):
        with (
            tempfile.TemporaryDirectory(dir=workspace.cache) as folder,
            place_of(kind, Path(folder)) as place,
            open_store(place, kept=KEPT) as store,
        ):
            settings = made(Path(folder), place, store)
            consents.fill(store, events)
            requests.fill(store, asked)
            fill(store, entries)
            rows += anyio.run(_rows, kind, settings, store, asked, workspace.clock)
        workspace.observer("console", done, len(KINDS))
    columns = (
        "what", "p95, ms", "p50, ms", "bare page: p95, ms", "bare page: p50, ms", "times a bare page, p50",
        "kB", "aim", "verdict",
    )  # fmt: skip
    note = (
        f"{events:,} consent events, {asked:,} requests with up to {len(requests.EVENTS)} events each, {entries:,} "
        f"entries of the log and as many changes, {SPENDS} spends of a budget; every page {PAGES} times, in turn with "
        "the bare one: the account's, in the same frame, which lists nothing. Asked of the ASGI application in this "
        "process, signed in as compliance; looking at a request is recorded durably each time. Later pages are each "
        "another one, reached by the page's own link."
    )
    return [Section("The console with much to look through", columns, tuple(rows), note)]


async def _rows(kind: str, settings: ServerSettings, store: Store, asked: int, clock: Clock) -> list[tuple[Cell, ...]]:
    with browser(settings, store) as get:
        pages = await _pages(get, asked)
        return [await _row(f"{kind}: {what}", get, paths, clock) for what, paths in pages.items()]


async def _row(what: str, get: Get, paths: list[str], clock: Clock) -> tuple[Cell, ...]:
    for path in paths[:WARM]:
        await get(BARE)
        await get(path)
    own: list[float] = []
    bare: list[float] = []
    sizes: list[int] = []
    for place in range(PAGES):
        for path, taken in ((BARE, bare), (paths[place % len(paths)], own)):
            begun = clock()
            page = await get(path)
            taken.append(1e3 * (clock() - begun))
        sizes.append(len(page))
    mine, theirs = np.percentile(own, [95, 50]), np.percentile(bare, [95, 50])
    figures = map(float, (*mine, *theirs, mine[1] / theirs[1], max(sizes) / 1e3))
    return what, *figures, AIM, "met" if mine[0] <= AIM else "not met"


async def _pages(get: Get, asked: int) -> dict[str, list[str]]:
    """Return the addresses of each kind of page; where there are later pages, of so many of them."""
    chosen = np.random.default_rng(7).integers(0, asked, PAGES)
    return {
        "overview": ["/console/"],
        "consent, 90 days": ["/console/consent?days=90"],
        "consent, 365 days": ["/console/consent?days=365"],
        "requests that wait": ["/console/requests"],
        "requests that wait, later pages": await _later(get, "/console/requests"),
        "closed requests": ["/console/requests?state=closed"],
        "closed requests, later pages": await _later(get, "/console/requests?state=closed"),
        "one request": [f"/console/requests/{requests.id_of(int(each))}" for each in chosen],
        "transparency log": ["/console/log"],
        "transparency log, later pages": await _later(get, "/console/log"),
        "privacy budget": [f"/console/budget?set={DATA_SET}"],
        "record of changes": ["/console/changes"],
        "record of changes, later pages": await _later(get, "/console/changes"),
    }


async def _later(get: Get, path: str) -> list[str]:
    found: list[str] = []
    while len(found) < PAGES:
        link = re.search(r'<a rel="next" href="([^"]+)"', (await get(path)).decode())
        if link is None:
            break
        path = unescape(link[1])
        found.append(path)
    return found or [path]
