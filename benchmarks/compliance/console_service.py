"""A service of a working directory with much to look through, and somebody who is signed in to its console."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from io import StringIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from litestar import Litestar
from litestar.types import HTTPRequestEvent, Message
from sqlalchemy import text, update

from benchmarks.compliance import consents
from benchmarks.compliance.databases import put
from benchmarks.workspace import BenchmarkError
from homespun.protocol.canonical import canonical
from homespun.protocol.merkle import HASH_BYTES
from homespun_server.api.logs import open_log
from homespun_server.app import create_app
from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.console.accounts import Accounts
from homespun_server.console.cookies import session_name
from homespun_server.console.sessions import Sessions
from homespun_server.passphrase import KeyCosts
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.privacy.spend import Spend
from homespun_server.privacy.zcdp import gaussian_rho, sigma_for
from homespun_server.publishing.repository import KeyStore, SignedRepository
from homespun_server.settings import ServerSettings, ServiceSettings
from homespun_server.store import Actor, SqlLog, Store
from homespun_server.store.moments import text_of
from homespun_server.store.schema import audit
from homespun_server.store.schema_log import log_entries, log_head

DATA_SET = "films"
SPENDS = 60
NOW = consents.FIRST + timedelta(days=consents.DAYS)

_PASSPHRASE = "a passphrase of a measurement"  # noqa: S105 - of nothing
_BOUND = 8192
_CHEAP = KeyCosts(memory_kib=8 * 1024, iterations=1, lanes=1)
_ACCOUNT = "ada"
_HOST = "127.0.0.1"
_HEADERS = ((b"host", _HOST.encode()), (b"sec-fetch-site", b"same-origin"))

# What is measured here is not to be turned away.
_UNLIMITED = ServiceSettings(anonymous_rate=1e9, anonymous_burst=10**9)

Get = Callable[[str], Awaitable[bytes]]
"""Asks for a page and returns it."""


def made(folder: Path, place: str, store: Store) -> ServerSettings:
    """Make a working directory with keys, an account and a budget that was spent from.

    Args:
        folder: Empty.
        place: Where the store is.
        store: The store, which was opened.
    """
    settings = ServerSettings(folder, "films", database=place, passphrase=_PASSPHRASE, service=_UNLIMITED)
    keys = KeyStore(settings.keys, lambda _: _PASSPHRASE.encode(), costs=_CHEAP, clock=_now)
    SignedRepository.create(settings.repository, keys, channels=settings.channels, clock=_now)
    create_compliance_keys(settings, _PASSPHRASE.encode(), costs=_CHEAP, now=_now)
    command = Actor("command benchmarks", "command")
    Accounts(store, _now, costs=_CHEAP).create(_ACCOUNT, "compliance", _PASSPHRASE, command)
    _spend(store)
    return settings


def fill(store: Store, count: int) -> None:
    """Put so many entries into the transparency log, and so many into the record of changes.

    The log's tree is left out: a page that lists entries does not look at it.
    """
    with store.writing() as connection:
        for start in range(0, count, consents.BATCH):
            numbers = range(start, min(start + consents.BATCH, count))
            put(connection, log_entries, map(_entry, numbers))
            put(connection, audit, map(_change, numbers))
        connection.execute(update(log_head).values(size=count, peaks=bytes(HASH_BYTES * count.bit_count())))
        connection.execute(text("ANALYZE"))


@contextmanager
def browser(settings: ServerSettings, store: Store) -> Iterator[Get]:
    """Sign in to the service of a working directory, and return what asks it for pages."""
    application = create_app(settings, now=_now, log=open_log(StringIO()))
    try:
        with store.writing() as connection:
            secret = Sessions(store, _now).begin_within(connection, _ACCOUNT, 0, _HOST)
        headers = [*_HEADERS, (b"cookie", f"{session_name(_HOST)}={secret}".encode())]

        async def get(path: str) -> bytes:
            return await _asked(application, path, headers)

        yield get
    finally:
        application.state.close()


async def _asked(application: Litestar, path: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    split, body, status = urlsplit(path), bytearray(), 0

    async def receive() -> HTTPRequestEvent:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            body.extend(message["body"])

    await application(_scope(split.path, split.query, headers), receive, send)  # type: ignore[arg-type]
    if status != 200:
        raise BenchmarkError(f"the page {path} was answered with {status}")
    return bytes(body)


def _scope(path: str, query: str, headers: list[tuple[bytes, bytes]]) -> dict[str, object]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
        "extensions": {},
    }


def _now() -> datetime:
    return NOW


def _entry(number: int) -> dict[str, object]:
    digest = sha256(b"entry %d" % number)
    public = {"schema": 1, "kind": "consent", "commitment": digest.hexdigest()}
    moment = text_of(consents.FIRST + timedelta(minutes=5 * number))
    return {
        "number": number,
        "kind": "consent",
        "reference": digest.digest(),
        "moment": moment,
        "entry": canonical(public),
    }


def _change(number: int) -> dict[str, object]:
    return {
        "moment": text_of(consents.FIRST + timedelta(minutes=5 * number)),
        "who": f"account {_ACCOUNT}",
        "role": "compliance",
        "action": "view-request",
        "subject": sha256(b"request %d" % number).hexdigest()[:32],
        "detail": '{"person":"shown"}',
    }


def _spend(store: Store) -> None:
    moment = consents.FIRST.timestamp()
    ledger = BudgetLedger(SqlLog(store), DATA_SET, lambda: moment)
    ledger.open(BudgetPolicy(epsilon=8.0, lifetime=400.0))
    sigma = sigma_for(_BOUND, Fraction(1, 300))
    rho = gaussian_rho(_BOUND, sigma)
    for number in range(SPENDS):
        moment += consents.DAYS * 86_400 / (SPENDS + 1)
        spent = Spend(
            statistic=("item-counts", "item-pairs", "transitions")[number % 3],
            mechanism="discrete-gaussian",
            l2_bound=_BOUND,
            sigma=sigma,
            rho=rho,
            declaration="ab" * 32,
            path=(),
        )
        with ledger.reserve([((), rho)], f"round {number}") as reservation:
            reservation.spend(spent).claim()
