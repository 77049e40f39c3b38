"""A service with accounts, and somebody who signs in to its pages as a browser does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.compliance.opening import Compliance, open_compliance
from homespun_server.compliance.requests.profile import KINDS, Kind
from homespun_server.console.accounts import Accounts
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy
from homespun_server.publishing.directory import open_registry, open_repository
from homespun_server.settings import ServerSettings
from homespun_server.store import Actor, Role, SqlLog, Store, open_store
from homespun_server.store.tokens import ROLES
from tests.server.api.support import (
    CANARY,
    CHEAP,
    PASSPHRASE,
    PRODUCTION,
    TESTER,
    Hands,
    Running,
    bundle_of,
    running,
)
from tests.server.compliance.consent.support import record, report
from tests.server.privacy.ledger.support import spend_of

SESSION = "homespun-console-80"
"""The cookie of a session on loopback, at the port of the scheme."""

PASSWORD = "quiet lamp over water"  # noqa: S105 - opens nothing that matters
HOST = "127.0.0.1"

SAME = {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin", "Host": HOST}
"""What a browser says of a form that a page of this origin sends."""


def fill_accounts(store: Store, now: Hands | None = None) -> None:
    """Make an account for each role, of the role's name."""
    accounts = Accounts(store, now or Hands(), costs=CHEAP)
    for role in ROLES:
        accounts.create(role, role, PASSWORD, TESTER)


def fill_registry(settings: ServerSettings, store: Store, folder: Path, now: Hands | None = None) -> list[str]:
    """Register bundles and release some of them; return their identities."""
    clock = now or Hands()
    registry, repository = open_registry(settings, store, clock), open_repository(settings, now=clock)
    ids = [
        registry.add(
            bundle_of(folder / f"made-{seed}", seed), lineage={"seed": seed}, gates={}, note=f"of seed {seed}"
        ).id
        for seed in (1, 2, 3)
    ]
    for place, channel in enumerate((CANARY, PRODUCTION)):
        for bundle in ids[: 2 - place + 1]:
            repository.publish(registry.folder(bundle), channel, note="as planned")
            registry.move(bundle, channel.partition("/")[2], TESTER, "as planned")  # type: ignore[arg-type]
    return ids


def fill_budget(store: Store, name: str = "films", *, rounds: int = 6, now: Hands | None = None) -> None:
    """Open a budget and spend some of it, a round every nine days."""
    clock = now or Hands()
    ledger = BudgetLedger(SqlLog(store), name, lambda: clock().timestamp())
    ledger.open(BudgetPolicy(epsilon=8.0, lifetime=40.0))
    for place in range(rounds):
        spend = spend_of(Fraction(1 + place % 3, 60), name=("item-counts", "item-pairs", "transitions")[place % 3])
        with ledger.reserve([(spend.path, spend.rho)], f"round {place // 3 + 1}") as reservation:
            reservation.spend(spend).claim()
        clock.pass_(days=9)


def fill_compliance(settings: ServerSettings, start: datetime) -> dict[str, str]:
    """Make compliance keys, consents and requests of made-up people; return a request's id by its kind."""
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP, now=Hands(start))
    clock = Hands(start - timedelta(days=12))
    with open_store(settings.store, create=False) as store:
        found = open_compliance(settings, store, clock)
        assert found is not None
        for day in range(12):
            for person in range(1 + day % 4):
                made = record(1, "personalization" if person % 2 else "contribution", ("grant", "refuse")[day % 3 == 2])
                found.consents.record(report(made, subject=f"person-{day}-{person}", source=f"{day:016x}{person:016x}"))
            clock.pass_(days=1)
        return {kind: _request(found, clock, start, place, kind) for place, kind in enumerate(KINDS[:6])}


def _request(found: Compliance, clock: Hands, start: datetime, place: int, kind: Kind) -> str:
    clock.now = start - timedelta(days=33 - 6 * place)
    desk, officer = found.requests, Actor("account compliance", "compliance")
    made = desk.requests.open(kind, "gdpr", actor=officer, identifier=f"person-{place}-0", how="by mail, case 7")
    clock.pass_(hours=5)
    if place in (1, 3):
        desk.requests.act(made.id, "identified", officer, {"method": "signed in", "evidence": "case 7"})
        desk.requests.act(made.id, "accepted", officer, {})
        desk.saga.work(made.id, officer)
    clock.now = start
    found.log.checkpoint()
    return made.id


class _Read(HTMLParser):
    """The tags of a page, with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@dataclass
class Seen:
    """A page that was answered."""

    status: int
    text: str
    headers: Any
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    @classmethod
    def of(cls, answer: Any) -> "Seen":
        reader = _Read()
        reader.feed(answer.text)
        return cls(answer.status_code, answer.text, answer.headers, reader.tags)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def links(self) -> set[str]:
        return {each["href"] or "" for each in self.all("a") if "href" in each}

    @property
    def token(self) -> str:
        return next(each["value"] or "" for each in self.all("input") if each.get("name") == "form_token")


@dataclass
class Browser:
    """Somebody at a browser without scripts, with cookies of their own."""

    service: Running
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Seen:
        return self._request("GET", path, headers={"Host": HOST, **headers})

    def head(self, path: str) -> Seen:
        return self._request("HEAD", path, headers={"Host": HOST})

    def post(self, path: str, data: dict[str, str], headers: dict[str, str] | None = None, **more: Any) -> Seen:
        return self._request("POST", path, headers=SAME if headers is None else headers, data=data, **more)

    def sign_in(self, name: str, password: str = PASSWORD) -> Seen:
        return self.post("/console/sign-in", {"name": name, "password": password})

    def send(self, path: str, **data: str) -> Seen:
        """Send a form with its session's token."""
        return self.post(path, {"form_token": self.get("/console/account").token, **data})

    @property
    def cookie(self) -> str | None:
        return self.cookies.get(SESSION)

    def _request(self, method: str, path: str, *, headers: dict[str, str], **more: Any) -> Seen:
        client = self.service.client
        client.cookies.clear()
        if self.cookies:
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        answer = client.request(method, path, headers=headers, follow_redirects=False, **more)
        self.cookies.update(answer.cookies)
        client.cookies.clear()
        return Seen.of(answer)


@contextmanager
def browsing(service: Running, role: Role | None = None) -> Iterator[Browser]:
    """Open a browser, and sign in for a role."""
    browser = Browser(service)
    if role is not None:
        assert browser.sign_in(role).status == 303
    yield browser


@contextmanager
def console(settings: ServerSettings, *, clock: Hands | None = None) -> Iterator[Running]:
    """Run a working directory's service."""
    with running(settings, clock=clock) as service:
        yield service


def made(settings: ServerSettings, folder: Path) -> list[str]:
    """Fill a working directory with what pages show; return the bundles' identities."""
    with open_store(settings.store, create=False) as store:
        fill_accounts(store)
        fill_budget(store, now=Hands())
        return fill_registry(settings, store, folder)


def words_of(text: str) -> str:
    """Return a page's text with its white space as one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))
