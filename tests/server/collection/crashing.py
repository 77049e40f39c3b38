"""Leader and helper that are killed at a step, and started again: ``crashing.py FOLDER VICTIM:STEP …``.

Of each point it says what came of it. Both aggregators are processes of their own that talk over loopback; what is
imported once is divided, because that takes longest. No handler runs, and nothing is closed.
"""

import os
import shutil
import signal
import socket
import sys
import time
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

import msgspec
import numpy as np
from sqlalchemy import func, or_, select

from homespun.protocol.collection.report import CONTENT_TYPE, encode_report
from homespun.protocol.collection.task import Task, parse_task
from homespun_server.aggregators import Around, create_helper, create_leader, open_places
from homespun_server.api.logs import open_log
from homespun_server.api.serving import listen, serve
from homespun_server.collection.messages import Role, parse_collection
from homespun_server.collection.settings import AggregatorSettings
from homespun_server.store import Actor, Tokens
from homespun_server.store.schema import collection_payloads, collection_reports, collection_sums
from tests.server.collection.support import opened, report_of, settings_of, sum_of, tail_of, with_aggregation

DEVICES = 24
JOB_REPORTS = 2
PATIENCE = 60.0


class Fuse:
    """Counts steps, and kills the process at one of them; what it counted is in a file."""

    def __init__(self, at: int, path: Path) -> None:
        self._at = at
        self._steps = count(1)
        self._file = path.open("a", buffering=1)

    def __call__(self, name: str) -> None:
        # Threads take steps at once, and each of these has a number of its own.
        number = next(self._steps)
        self._file.write(f"{name}\n")
        if number == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(PATIENCE)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def started(settings: AggregatorSettings, port: int, fuse: Fuse) -> int:
    """Serve in a process of its own, and return its number."""
    child = os.fork()
    if child:
        return child
    try:
        log = (settings.folder / "log").open("a", buffering=1)
        around = Around(step=fuse, log=open_log(log))
        create = create_leader if settings.role == "leader" else create_helper
        serve(lambda given: create(given, around), settings, listen("127.0.0.1", port), 1)
    finally:
        os._exit(0)


class Round:
    """A task from the first upload to the collection, in a folder of its own."""

    def __init__(self, folder: Path, victim: str, at: int) -> None:
        self._folder = folder
        self._victim = victim
        self.died = 0
        self.task: Task = parse_task((folder / "task.json").read_bytes())
        self._settings = {role: quick(settings_of(folder, role)) for role in ("leader", "helper")}
        self._ports = {"leader": port_of(self.task.leader.url), "helper": port_of(self.task.helper.url)}
        self._running = {role: self._start(role, at if role == victim else 0) for role in self._settings}

    def _start(self, role: str, at: int) -> int:
        return started(self._settings[role], self._ports[role], Fuse(at, self._folder / f"{role}.steps"))

    def _look(self) -> None:
        """Start again what died."""
        for role, number in self._running.items():
            found, status = os.waitpid(number, os.WNOHANG)
            if found:
                assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, (role, status)
                self.died += 1
                self._running[role] = self._start(role, 0)

    def ask(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes] | None:
        """Ask the leader; None: it did not answer."""
        self._look()
        connection = HTTPConnection("127.0.0.1", self._ports["leader"], timeout=PATIENCE)
        try:
            connection.request("POST", f"/tasks/{self.task.id.hex()}/{path}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            time.sleep(0.02)
            return None
        finally:
            connection.close()

    def upload(self, raw: bytes) -> None:
        """Upload until it is acknowledged, as a device does."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.ask("reports", raw, {"Content-Type": CONTENT_TYPE})
            if found is not None:
                assert found == (201, b""), found
                return
        raise AssertionError("no upload was acknowledged")

    def collect(self) -> bytes:
        token = {"Authorization": f"Bearer {(self._folder / 'token').read_text()}"}
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.ask("collection", b"", token)
            if found is not None and found[0] == 200:
                return found[1]
            assert found is None or found[0] == 202, found
            time.sleep(0.02)
        raise AssertionError("nothing was collected")

    def end(self) -> None:
        for number in self._running.values():
            os.kill(number, signal.SIGTERM)
        for number in self._running.values():
            os.waitpid(number, 0)


def quick(settings: AggregatorSettings) -> AggregatorSettings:
    changed = with_aggregation(settings, job_reports=JOB_REPORTS, idle_seconds=0.05)
    return replace(changed, service=msgspec.structs.replace(changed.service, shutdown_seconds=5))


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def played(folder: Path, victim: str, at: int, reports: list[bytes]) -> str:
    """Play a task, and return what is wrong with what came of it; nothing, if all is well."""
    round_ = Round(folder, victim, at)
    try:
        # One device is not sure of its upload, and says it again.
        for raw in (*reports, reports[at % len(reports)]):
            round_.upload(raw)
        first = round_.collect()
        # Whoever dies after the last answer has to die, too.
        until = time.monotonic() + 2
        while not round_.died and at and time.monotonic() < until:
            round_._look()
            time.sleep(0.02)
        second = round_.collect()
    finally:
        round_.end()
    return wrong(folder, round_, first, second, at)


def wrong(folder: Path, round_: Round, first: bytes, second: bytes, at: int) -> str:
    task = round_.task
    if round_.died != bool(at):
        return f"died {round_.died} times"
    if first != second:
        return "another answer"
    found = parse_collection(first)
    if found.count != DEVICES:
        return f"{found.count} reports were counted"
    if np.abs(opened(task, found) - sum_of(task, range(DEVICES))).max() > tail_of(task):
        return "another sum"
    return differences(folder, task)


def differences(folder: Path, task: Task) -> str:
    """Return how both stores differ, or what they keep that should be gone."""
    roles: tuple[Role, ...] = ("leader", "helper")
    batches = []
    for role in roles:
        places = open_places(settings_of(folder, role))
        with places.store:
            known = places.find(task.id.hex())
            assert known is not None
            batches.append(places.batch(known))
            with places.store.reading() as connection:
                for table in (collection_payloads, collection_sums):
                    if connection.scalar(select(func.count()).select_from(table)):
                        return f"the {role} keeps {table.name}"
                left = or_(collection_reports.c.enc.is_not(None), collection_reports.c.state != "added")
                if connection.scalar(select(func.count()).select_from(collection_reports).where(left)):
                    return f"the {role} has reports that it could open"
    one, other = batches
    return "" if (one.count, one.checksum, one.state) == (other.count, other.checksum, other.state) else "other sets"


def made_token(folder: Path) -> None:
    places = open_places(settings_of(folder, "leader"))
    with places.store:
        secret, _ = Tokens(places.store).create("operator", days=1, note="", actor=Actor("a test", "command"))
    (folder / "token").write_text(secret)


def main(folder: Path, points: list[str]) -> None:
    if not (folder / "token").exists():
        made_token(folder)
    task = parse_task((folder / "task.json").read_bytes())
    now = task.rounded((task.opens + task.closes) // 2)
    reports = [encode_report(report_of(task, number, time=now)) for number in range(DEVICES)]
    for point in points:
        victim, _, at = point.partition(":")
        room = folder.parent / point.replace(":", " ")
        shutil.copytree(folder, room)
        try:
            said = played(room, victim, int(at), reports) or "well"
        except AssertionError as error:
            said = f"AssertionError {error}"
        counted = {role: len((room / f"{role}.steps").read_text().splitlines()) for role in ("leader", "helper")}
        say(f"{point} {said} {counted['leader']} {counted['helper']}")
        if said == "well":
            shutil.rmtree(room)


if __name__ == "__main__":
    socket.setdefaulttimeout(PATIENCE)
    main(Path(sys.argv[1]), sys.argv[2:])
