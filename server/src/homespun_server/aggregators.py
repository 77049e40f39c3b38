"""Composition root of leader and helper: nothing else knows how their parts belong together.

Each is an ASGI application made from its own working directory alone: its key, its pairing secret, its store.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from litestar.types import ASGIApp

from homespun_server.api.aggregation.helper import HelperRoutes
from homespun_server.api.aggregation.leader import LeaderRoutes
from homespun_server.api.aggregation.metrics import AggregationMetrics
from homespun_server.api.aggregation.service import Common, Service
from homespun_server.api.gate import TokenGate
from homespun_server.api.logs import Log, open_log
from homespun_server.api.observing import Observed, described
from homespun_server.collection.attesting import Attestation, Everybody
from homespun_server.collection.checking import Checker
from homespun_server.collection.directory import open_secrets, read_pairing
from homespun_server.collection.helper import Helper
from homespun_server.collection.intake import Intake
from homespun_server.collection.jobs import Jobs
from homespun_server.collection.keys import Secrets
from homespun_server.collection.leader import Leader
from homespun_server.collection.peer import HttpPeer, Peer
from homespun_server.collection.places import Places, Step, no_step
from homespun_server.collection.settings import DEVELOPMENT, PAIRING_FILE, AggregatorSettings
from homespun_server.collection.summing import Sums
from homespun_server.collection.waiting import WaitingReports
from homespun_server.collection.working import Ending, LeaderWork, Turns, Workers
from homespun_server.store import Tokens, open_store
from homespun_server.store.moments import Now, utc_now

KEPT_CONNECTIONS = 8
"""Connections to the store that are kept open."""


@dataclass(frozen=True, kw_only=True)
class Around:
    """What surrounds an aggregator, for whoever wants it otherwise.

    Attributes:
        now: Returns the time.
        clock: Seconds since any fixed moment; it never goes back.
        log: Where events go; None: to standard error.
        step: Is told each step.
        attestation: Decides on uploads before they are kept.
        peer: The leader's helper; None: over HTTP.
        works: Whether it does by itself what there is to do; a leader's work can be left to other processes.
    """

    now: Now = utc_now
    clock: Callable[[], float] = time.monotonic
    log: Log | None = None
    step: Step = no_step
    attestation: Attestation = field(default_factory=Everybody)
    peer: Peer | None = None
    works: bool = True


@dataclass(frozen=True, kw_only=True)
class LeaderParts:
    """What a leader is made of.

    Attributes:
        settings: Its settings.
        secrets: Its secrets.
        places: Its store.
        jobs: Its jobs.
        leader: What it does.
        waiting: What waits.
    """

    settings: AggregatorSettings
    secrets: Secrets
    places: Places
    jobs: Jobs
    leader: Leader
    waiting: WaitingReports


def open_places(settings: AggregatorSettings, around: Around | None = None) -> Places:
    """Open an aggregator's store.

    Raises:
        SigningKeyError: If the pairing is not there, or damaged.
        StoreError: If it cannot be opened.
    """
    around = around or Around()
    pairing = read_pairing(settings.folder / PAIRING_FILE).secret
    store = open_store(settings.store, create=False, kept=KEPT_CONNECTIONS, large=True)
    return Places(store, around.now, around.clock, pairing)


def open_leader(settings: AggregatorSettings, around: Around | None = None) -> LeaderParts:
    """Put a leader together; its store is the caller's to close.

    Raises:
        SettingsError: If nobody gave the passphrase, or a leader is not paired yet.
        SigningKeyError: If the passphrase does not open its key.
        StoreError: If the store cannot be opened.
    """
    around = around or Around()
    secrets = open_secrets(settings)
    places, sums = open_places(settings, around), Sums(secrets)
    jobs = Jobs(places, sums, settings.aggregation, around.step)
    peer = around.peer or _paired_peer(secrets, settings)
    leader = Leader(places, sums, jobs, Checker("leader", secrets), peer, around.step)
    return LeaderParts(
        settings=settings, secrets=secrets, places=places, jobs=jobs, leader=leader, waiting=WaitingReports(places)
    )


def create_leader(settings: AggregatorSettings, around: Around | None = None) -> ASGIApp:
    """Return a leader's service, an ASGI application; it closes what it opened when it is shut down.

    Raises:
        SettingsError: If nobody gave the passphrase, or a leader is not paired yet.
        SigningKeyError: If the passphrase does not open its key.
        StoreError: If the store cannot be opened.
    """
    around = around or Around()
    log, metrics = _log(settings, around), AggregationMetrics(development=settings.development)
    parts = open_leader(settings, around)
    workers = leader_workers(parts, log, metrics, around)
    common = _common(parts.settings, parts.places, parts.secrets, workers, metrics, log)
    routes = LeaderRoutes(
        common,
        Intake(parts.places, around.step),
        parts.leader,
        waiting=parts.waiting,
        attestation=around.attestation,
        clock=around.clock,
    )
    return Observed(Service(common, routes.routes()), metrics, log)


def create_helper(settings: AggregatorSettings, around: Around | None = None) -> ASGIApp:
    """Return a helper's service, an ASGI application; it closes what it opened when it is shut down.

    Raises:
        SettingsError: If nobody gave the passphrase, or a leader is not paired yet.
        SigningKeyError: If the passphrase does not open its key.
        StoreError: If the store cannot be opened.
    """
    around = around or Around()
    log, metrics = _log(settings, around), AggregationMetrics(development=settings.development)
    secrets = open_secrets(settings)
    places = open_places(settings, around)
    workers, turns = _workers(settings, log, around)
    begin = _beginning(workers, [Ending(places, turns(), around.step).expire] if around.works else [])
    common = _common(settings, places, secrets, (begin, workers.stop), metrics, log)
    helper = Helper(places, Sums(secrets), Checker("helper", secrets), around.step)
    return Observed(Service(common, HelperRoutes(common, helper, secrets.bearer, around.clock).routes()), metrics, log)


def work_as_leader(parts: LeaderParts, around: Around) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what starts the work of a process that serves nothing, and what ends it.

    Args:
        parts: The leader.
        around: What surrounds it.
    """
    log = _log(parts.settings, around)
    return leader_workers(parts, log, AggregationMetrics(development=parts.settings.development), around)


def leader_workers(
    parts: LeaderParts, log: Log, metrics: AggregationMetrics, around: Around
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what starts a leader's work, and what ends it.

    Args:
        parts: The leader.
        log: Where is logged.
        metrics: Where is counted.
        around: What surrounds it.
    """
    workers, turns = _workers(parts.settings, log, around)
    work = LeaderWork(parts.leader, parts.places, metrics, log, turns)

    def look() -> bool:
        metrics.waiting(parts.waiting.look())
        return False

    steps = [look]
    if around.works:
        jobs = [work.aggregate] * parts.settings.aggregation.workers
        steps += [*jobs, work.collect, Ending(parts.places, turns(), around.step).expire]
        if parts.places.one_program:
            # Whoever took jobs before is not there any more.
            parts.jobs.release_all()
    return _beginning(workers, steps), workers.stop


def _paired_peer(secrets: Secrets, settings: AggregatorSettings) -> HttpPeer:
    bearer = secrets.bearer
    url = secrets.helper.url if secrets.helper else ""
    return HttpPeer(url, bearer, settings.aggregation.helper_seconds)


def _workers(settings: AggregatorSettings, log: Log, around: Around) -> tuple[Workers, Callable[[], Turns]]:
    idle = settings.aggregation.idle_seconds

    def tell(error: Exception) -> None:
        _tell(error, log)

    return Workers(tell, idle), lambda: Turns(tell, idle, around.clock)


def _beginning(workers: Workers, steps: list[Callable[[], bool]]) -> Callable[[], None]:
    return lambda: workers.start(steps)


def _common(
    settings: AggregatorSettings,
    places: Places,
    secrets: Secrets,
    live: tuple[Callable[[], None], Callable[[], None]],
    metrics: AggregationMetrics,
    log: Log,
) -> Common:
    start, stop = live

    def end() -> None:
        stop()
        places.store.close()

    return Common(
        settings=settings,
        places=places,
        metrics=metrics,
        gate=TokenGate(Tokens(places.store, places.moment), settings.service),
        log=log,
        key=secrets.public,
        start=start,
        stop=end,
    )


def _log(settings: AggregatorSettings, around: Around) -> Log:
    log = around.log or open_log()
    if settings.development:
        log.warning(DEVELOPMENT)
    return log


def _tell(error: Exception, log: Log) -> None:
    log.error("work failed", **described(error))
