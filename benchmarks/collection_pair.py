"""A leader and a helper to be measured: their folders, tasks, devices' reports, and programs on a core each."""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from benchmarks.workspace import ROOT
from homespun.protocol.collection.form import ShareForm
from homespun.protocol.collection.report import Report, binding_of, encode_report, seal_info
from homespun.protocol.collection.shares import split
from homespun.protocol.collection.task import Aggregator, Task
from homespun.protocol.statistics.declaration import (
    ItemCounts,
    ItemPairs,
    LikeRule,
    Statistic,
    Transformation,
    universe_of,
)
from homespun_server.aggregators import open_places
from homespun_server.api.serving import listen
from homespun_server.collection.directory import Making, described, make_aggregator, pair_with, public_key, read_pairing
from homespun_server.collection.intake import Intake
from homespun_server.collection.messages import Role
from homespun_server.collection.sealing import seal
from homespun_server.collection.settings import PAIRING_FILE, AggregatorSettings, read_aggregator
from homespun_server.passphrase import KeyCosts
from homespun_server.settings import PASSPHRASE_VARIABLE
from homespun_server.store import Actor, Tokens, open_store
from homespun_server.store.audit import COMMAND

PASSPHRASE = "a passphrase of a measurement"  # noqa: S105 - of nothing
BOUND = 8192
DAY = 86_400
ROLES: tuple[Role, ...] = ("leader", "helper")
UNLIMITED = "anonymous_rate = 1e9\nanonymous_burst = 1000000000\n"


def statistic_of(items: int, *, pairs: bool) -> Statistic:
    """Return a statistic: a number an item, or one a pair of items."""
    transformation: Transformation = (
        ItemPairs(weights=(1,) * items, max_items=16) if pairs else ItemCounts(max_items=16)
    )
    return Statistic(
        name="measured",
        counts="items",
        universe=universe_of([f"item-{number}" for number in range(items)]),
        shape=transformation.shape(items),
        transformation=transformation,
        rule=LikeRule(),
        purpose="a measurement",
        retention="a moment",
        description="a measurement",
        l2_bound=BOUND,
        grid=BOUND,
        width=32,
        max_people=200_000,
    )


@dataclass(frozen=True)
class Folders:
    """Both aggregators' folders and a task.

    Attributes:
        settings: Theirs.
        task: The task.
    """

    settings: dict[Role, AggregatorSettings]
    task: Task

    @property
    def moment(self) -> int:
        """When reports are made."""
        return self.task.rounded((self.task.opens + self.task.closes) // 2)

    def report(self) -> Report:
        """Return a report of a new device."""
        form, identity = ShareForm.of(self.task.statistic), secrets.token_bytes(16)
        vector = np.zeros(form.size, np.int64)
        vector[:16] = BOUND // 4
        made = split(form, vector, binding_of(self.task.id, identity, self.moment), secrets.token_bytes)
        sealed = {}
        for role, share, key in (
            ("leader", made.leader, self.task.leader.key),
            ("helper", made.helper, self.task.helper.key),
        ):
            info = seal_info(
                "leader" if role == "leader" else "helper", self.task.id, identity, self.moment, made.public
            )
            sealed[role] = seal(share, key, info)
        return Report(identity, self.moment, made.public, sealed["leader"], sealed["helper"])

    def fill(self, reports: int, group: int) -> None:
        """Put reports into the leader's store, as uploads would."""
        places = open_places(self.settings["leader"])
        with places.store:
            known = places.all()[0]
            intake = Intake(places)
            for start in range(0, reports, group):
                intake.keep(known, [self.report() for _ in range(min(group, reports - start))])


def make_folders(folder: Path, statistic: Statistic) -> Folders:
    """Make both aggregators and a task that both take part in."""
    urls: dict[Role, str] = {role: f"http://127.0.0.1:{_free_port()}" for role in ROLES}
    cheap = KeyCosts(memory_kib=8 * 1024, iterations=1, lanes=1)
    making = Making(role="leader", name="one", url=urls["leader"], passphrase=PASSPHRASE.encode(), costs=cheap)
    make_aggregator(folder / "leader", making)
    pairing = read_pairing(folder / "leader" / PAIRING_FILE)
    make_aggregator(
        folder / "helper",
        Making(
            role="helper",
            name="other",
            url=urls["helper"],
            passphrase=PASSPHRASE.encode(),
            pairing=pairing,
            costs=cheap,
        ),
    )
    settings = {role: replace(read_aggregator(folder / role, role, {}), passphrase=PASSPHRASE) for role in ROLES}
    pair_with(settings["leader"], described(settings["helper"]))
    for role in ROLES:
        path = folder / role / "aggregator.toml"
        text = path.read_text(encoding="utf-8").replace("[service]\n", f"[service]\n{UNLIMITED}")
        path.write_text(text, encoding="utf-8")
    task = _task(settings, statistic)
    for each in settings.values():
        places = open_places(each)
        with places.store:
            places.add(task)
    return Folders(settings, task)


def _task(settings: dict[Role, AggregatorSettings], statistic: Statistic) -> Task:
    now = int(time.time())
    leader, helper = (
        Aggregator(name=each.name, url=each.url, key=public_key(each)) for each in (settings[role] for role in ROLES)
    )
    return Task(
        name="measured",
        statistic=statistic,
        text="a measurement",
        purpose="contribution",
        opens=now - DAY,
        closes=now + DAY,
        expires=now + 2 * DAY,
        minimum_batch=2,
        epsilon="9999",
        delta="0.000001",
        sigma=64,
        leader=leader,
        helper=helper,
        collector=X25519PrivateKey.generate().public_key().public_bytes_raw().hex(),
        delay_seconds=60,
    )


@dataclass(frozen=True)
class Served:
    """An aggregator that runs.

    Attributes:
        process: Its process.
        port: Where it listens.
        token: Opens its metrics.
    """

    process: "subprocess.Popen[str]"
    port: int
    token: str

    def added(self) -> int:
        """Return how many reports it has added since it began."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {self.token}"})
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        found = re.search(r'homespun_reports_aggregated_total\{outcome="added"\} (\S+)', text)
        return int(float(found[1])) if found else 0

    def processor_seconds(self) -> float:
        """Return how long processors worked for it; not a number where the system does not tell."""
        path = Path(f"/proc/{self.process.pid}/stat")
        if not path.exists():
            return float("nan")
        fields = path.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> int | None:
        """Return the most memory that it had, bytes; None where the system does not tell."""
        path = Path(f"/proc/{self.process.pid}/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", path.read_text()) if path.exists() else None
        return int(found[1]) * 1024 if found else None


@contextmanager
def served(folders: Folders, cores: dict[Role, int | None]) -> Iterator[dict[Role, Served]]:
    """Run both, the helper first, each on a core of its own where there are two."""
    with ExitStack() as stack:
        found: dict[Role, Served] = {}
        for role in reversed(ROLES):
            found[role] = stack.enter_context(_serving(folders.settings[role], cores[role]))
        yield found


@contextmanager
def _serving(settings: AggregatorSettings, core: int | None) -> Iterator[Served]:
    port = int(settings.url.rpartition(":")[2])
    command = [sys.executable, "-X", "utf8", "-m", "homespun_server.cli", settings.role, "serve"]
    with subprocess.Popen(
        [*command, "--in", str(settings.folder), "--port", str(port)],
        cwd=ROOT,
        # One core is one core: libraries are not to start threads for others.
        env={**os.environ, PASSPHRASE_VARIABLE: PASSPHRASE, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        try:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError("an aggregator that was to be measured ended at once")
            yield Served(process, port, _token(settings))
        finally:
            process.terminate()


def _token(settings: AggregatorSettings) -> str:
    with open_store(settings.store, create=False) as store:
        secret, _ = Tokens(store).create("operator", days=1, note="measured", actor=Actor("benchmark", COMMAND))
    return secret


def raw_upload(task: Task, report: Report) -> bytes:
    """Return a whole HTTP request."""
    body = encode_report(report)
    lines = (
        f"POST /tasks/{task.id.hex()}/reports HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/homespun-report",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body


def _free_port() -> int:
    with listen("127.0.0.1", 0) as listening:
        port: int = listening.getsockname()[1]
        return port
