"""A leader and a helper in this process, tasks for them, and reports of devices."""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from litestar.testing import TestClient

from homespun.protocol.collection.constants import MODULUS
from homespun.protocol.collection.field import centre
from homespun.protocol.collection.form import ShareForm
from homespun.protocol.collection.report import Report, binding_of, encode_report, seal_info
from homespun.protocol.collection.shares import split
from homespun.protocol.collection.task import Aggregator, Task
from homespun.protocol.statistics.declaration import ItemCounts, LikeRule, Statistic, universe_of
from homespun_server.aggregators import Around, LeaderParts, create_helper, create_leader, open_leader, open_places
from homespun_server.api.logs import open_log
from homespun_server.collection.checking import Checker
from homespun_server.collection.directory import (
    Making,
    described,
    make_aggregator,
    open_secrets,
    pair_with,
    read_pairing,
)
from homespun_server.collection.helper import Helper
from homespun_server.collection.intake import Intake
from homespun_server.collection.keys import Secrets
from homespun_server.collection.messages import Collection, JobRequest, Role, ShareRequest, aggregate_info, parse
from homespun_server.collection.peer import HelperAwayError
from homespun_server.collection.places import Known, Places, batch_within
from homespun_server.collection.sealing import SUITE, seal
from homespun_server.collection.settings import PAIRING_FILE, AggregatorSettings, read_aggregator
from homespun_server.collection.summing import Sums, added_within
from homespun_server.errors import DisagreementError
from homespun_server.passphrase import KeyCosts
from homespun_server.store import Actor, Tokens

CHEAP = KeyCosts(memory_kib=8 * 1024, iterations=1, lanes=1)
PASSPHRASE = "correct horse battery"  # noqa: S105 - opens nothing that matters
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())
DAY = 86_400
URLS: dict[Role, str] = {"leader": "http://127.0.0.1:9001", "helper": "http://127.0.0.1:9002"}
COLLECTOR = X25519PrivateKey.from_private_bytes(bytes(range(32)))
ITEMS = 8
BOUND = 8192
SIGMA = 64
"""Small beside what one device adds, so that one device more or less is seen in a sum."""


class Hands:
    """A clock that shows what it is set to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **spans: float) -> None:
        self.now += timedelta(**spans)


def public_of(private: X25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def counts_of(items: int = ITEMS, bound: int = BOUND, people: int = 1000) -> Statistic:
    return Statistic(
        name="likes",
        counts="liked items",
        universe=universe_of([f"item-{number}" for number in range(items)]),
        shape=(items,),
        transformation=ItemCounts(max_items=4),
        rule=LikeRule(),
        purpose="a test",
        retention="a moment",
        description="a test",
        l2_bound=bound,
        grid=bound,
        width=32,
        max_people=people,
    )


def task_of(keys: dict[Role, str], statistic: Statistic | None = None, **changes: Any) -> Task:
    """Return a task that is open at noon, for half a day on each side."""
    urls = changes.pop("urls", URLS)
    return Task(
        **{
            "name": "likes",
            "statistic": statistic or counts_of(),
            "text": "a test",
            "purpose": "contribution",
            "opens": SECONDS - DAY // 2,
            "closes": SECONDS + DAY // 2,
            "expires": SECONDS + 7 * DAY,
            "minimum_batch": 3,
            "epsilon": "9999",
            "delta": "0.000001",
            "sigma": SIGMA,
            "leader": Aggregator(name="one", url=urls["leader"], key=keys["leader"]),
            "helper": Aggregator(name="other", url=urls["helper"], key=keys["helper"]),
            "collector": public_of(COLLECTOR),
            "delay_seconds": 60,
            **changes,
        }
    )


def make_pair(
    folder: Path, *, development: bool = False, urls: dict[Role, str] = URLS
) -> dict[Role, AggregatorSettings]:
    """Make both working directories, as two operators would."""
    common: dict[str, Any] = {"passphrase": PASSPHRASE.encode(), "costs": CHEAP}
    make_aggregator(
        folder / "leader", Making(role="leader", name="one", url=urls["leader"], development=development, **common)
    )
    pairing = read_pairing(folder / "leader" / PAIRING_FILE)
    make_aggregator(
        folder / "helper", Making(role="helper", name="other", url=urls["helper"], pairing=pairing, **common)
    )
    roles: tuple[Role, ...] = ("leader", "helper")
    pair = {role: settings_of(folder, role) for role in roles}
    pair_with(pair["leader"], described(pair["helper"]))
    return pair


def settings_of(folder: Path, role: Role) -> AggregatorSettings:
    return replace(read_aggregator(folder / role, role, {}), passphrase=PASSPHRASE)


def keys_of(pair: dict[Role, AggregatorSettings]) -> dict[Role, str]:
    return {role: open_secrets(settings).public for role, settings in pair.items()}


def vector_of(number: int, size: int = ITEMS, bound: int = BOUND) -> np.ndarray:
    """Return what one device adds: two items, each with half the squared bound at most."""
    vector = np.zeros(size, np.int64)
    vector[number % size] = bound // 2
    vector[(3 * number + 1) % size] = bound // 2
    return vector


def report_of(task: Task, number: int, *, vector: np.ndarray | None = None, **changes: Any) -> Report:
    """Return a device's report; its id is the device's number."""
    form = ShareForm.of(task.statistic)
    identity = changes.get("report_id", number.to_bytes(16, "big"))
    moment = changes.get("time", task.rounded(SECONDS))
    given = vector_of(number, form.size, form.bound) if vector is None else vector
    made = split(form, given, binding_of(task.id, identity, moment), secrets.token_bytes)
    leader = seal(made.leader, task.leader.key, seal_info("leader", task.id, identity, moment, made.public))
    helper = seal(made.helper, task.helper.key, seal_info("helper", task.id, identity, moment, made.public))
    return Report(identity, moment, made.public, leader, helper)


def sum_of(task: Task, numbers: Sequence[int]) -> np.ndarray:
    """Return what the reports of devices add up to."""
    size, bound = task.statistic.size, task.statistic.l2_bound
    return sum((vector_of(number, size, bound) for number in numbers), np.zeros(size, np.int64))


def opened(task: Task, collection: Collection, collector: X25519PrivateKey = COLLECTOR) -> np.ndarray:
    """Return the sum that a collector opens, with both noises."""
    total = np.zeros(task.statistic.size, np.uint64)
    sealed: dict[Role, bytes] = {"leader": collection.leader, "helper": collection.helper}
    for role, each in sealed.items():
        info = aggregate_info(role, task.id, collection.count, collection.checksum)
        total += np.frombuffer(SUITE.decrypt(each, collector, info), "<u4").astype(np.uint64)
    return centre(total % np.uint64(MODULUS))


def added(places: Places, known: Known) -> ShareRequest:
    """Return which reports an aggregator has added."""
    with places.writing() as connection:
        return added_within(connection, known, batch_within(connection, known.number))


def tail_of(task: Task) -> int:
    """Return what both noises together exceed practically never."""
    return 2 * task.statistic.noise_tail(task.sigma)


class NearPeer:
    """A helper in this process, with the messages as they would travel."""

    def __init__(self, helper: Helper, places: Places) -> None:
        self.helper = helper
        self.places = places
        self.away = False

    def job(self, known: Known, job: str, request: bytes) -> bytes:
        return self.said(self.helper.job(self.known(known), job, request, parse(request, JobRequest)))

    def share(self, known: Known, request: ShareRequest) -> bytes:
        return self.said(self.helper.share(self.known(known), request))

    def known(self, known: Known) -> Known:
        if self.away:
            raise HelperAwayError("the helper is away.")
        found = self.places.find(known.hex)
        assert found is not None
        return found

    def said(self, found: object) -> bytes:
        if isinstance(found, bytes):
            return found
        if found in ("expired", "below-minimum"):
            raise HelperAwayError(str(found))
        raise DisagreementError(str(found))


@dataclass
class Pair:
    """Both aggregators in this process, without HTTP between them."""

    settings: dict[Role, AggregatorSettings]
    clock: Hands
    parts: LeaderParts
    intake: Intake
    helper: Helper
    helper_places: Places
    helper_secrets: Secrets
    peer: NearPeer

    def add(self, **changes: Any) -> Task:
        """Let both take part in a task."""
        task = task_of(keys_of(self.settings), **changes)
        self.parts.places.add(task)
        self.helper_places.add(task)
        return task

    def known(self, task: Task) -> Known:
        found = self.parts.places.find(task.id.hex())
        assert found is not None
        return found

    def helper_known(self, task: Task) -> Known:
        found = self.helper_places.find(task.id.hex())
        assert found is not None
        return found

    def upload(self, task: Task, numbers: Sequence[int]) -> list[Any]:
        return self.take(task, [report_of(task, number) for number in numbers])

    def take(self, task: Task, reports: Sequence[Report]) -> list[Any]:
        known = self.known(task)
        checked = [self.intake.check(known, encode_report(report)) for report in reports]
        kept = iter(self.intake.keep(known, [each for each in checked if isinstance(each, Report)]))
        return [each if isinstance(each, str) else next(kept) for each in checked]

    def work(self, task: Task) -> None:
        """Do every job of a task."""
        while self.parts.leader.work(self.known(task)) is not None:
            pass

    def collect(self, task: Task) -> Any:
        """Do all that is to be done, and return what the collector gets."""
        leader, known = self.parts.leader, self.known(task)
        found = leader.ask(known)
        if not isinstance(found, bytes | str):
            self.work(task)
            leader.ask(known)
            leader.collect(known)
            found = leader.ask(known)
        return parse(found, Collection) if isinstance(found, bytes) else found

    def agree(self, task: Task) -> None:
        """Check that both have added the same reports."""
        leader = self.parts.places.batch(self.known(task))
        helper = self.helper_places.batch(self.helper_known(task))
        assert (leader.count, leader.checksum) == (helper.count, helper.checksum)


@contextmanager
def near_pair(settings: dict[Role, AggregatorSettings], clock: Hands | None = None, **around: Any) -> Iterator[Pair]:
    """Open both aggregators in this process."""
    clock = clock or Hands()
    surroundings = Around(now=clock, **around)
    with ExitStack() as stack:
        places = open_places(settings["helper"], surroundings)
        stack.enter_context(places.store)
        known = open_secrets(settings["helper"])
        helper = Helper(places, Sums(known), Checker("helper", known), surroundings.step)
        peer = NearPeer(helper, places)
        parts = open_leader(settings["leader"], replace(surroundings, peer=peer))
        stack.enter_context(parts.places.store)
        intake = Intake(parts.places, surroundings.step)
        yield Pair(settings, clock, parts, intake, helper, places, known, peer)


@dataclass
class Running:
    """One aggregator's service in this process."""

    client: "TestClient[Any]"
    settings: AggregatorSettings
    clock: Hands
    log: StringIO

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def token(self) -> dict[str, str]:
        """Return the header of a new token for the collector."""
        with open_places(self.settings, Around(now=self.clock)).store as store:
            secret, _ = Tokens(store, self.clock).create("operator", days=1, note="", actor=Actor("a test", "command"))
        return {"Authorization": f"Bearer {secret}"}

    def upload(self, task: Task, raw: bytes, **headers: str) -> Any:
        given = {"Content-Type": "application/homespun-report", **headers}
        return self.client.post(f"/tasks/{task.id.hex()}/reports", content=raw, headers=given)


@contextmanager
def running(settings: AggregatorSettings, *, clock: Hands | None = None, **around: Any) -> Iterator[Running]:
    """Run one aggregator's service in this process."""
    clock, log = clock or Hands(), StringIO()
    surroundings = Around(now=clock, log=open_log(log), **around)
    create = create_leader if settings.role == "leader" else create_helper
    with TestClient(create(settings, surroundings), raise_server_exceptions=False) as client:
        yield Running(client, settings, clock, log)


def with_service(settings: AggregatorSettings, **service: Any) -> AggregatorSettings:
    return replace(settings, service=msgspec.structs.replace(settings.service, **service))


def with_aggregation(settings: AggregatorSettings, **aggregation: Any) -> AggregatorSettings:
    return replace(settings, aggregation=msgspec.structs.replace(settings.aggregation, **aggregation))


def wait_for(done: Any, seconds: float = 60.0) -> Any:
    """Wait until something is so, and return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := done():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")
