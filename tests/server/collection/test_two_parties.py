"""Leader and helper as two programs: one reaches the other's store or keys, or nothing comes of it all.

Each is started in its own folder with its own environment; one test moves the folders to where
the other never was. On Linux, what each has open is looked at while it runs.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.protocol.collection.task import Task
from homespun_server.aggregators import open_places
from homespun_server.collection.messages import Collection, Role, parse_collection
from tests.server.collection.programs import Program, accept, command, free_port, serving
from tests.server.collection.support import keys_of, make_pair, opened, report_of, sum_of, tail_of, task_of, wait_for


def made(folder: Path) -> dict[Role, str]:
    """Make both directories by command, as two operators would, and return their addresses."""
    urls: dict[Role, str] = {role: f"http://127.0.0.1:{free_port()}" for role in ("leader", "helper")}
    for role in urls:
        (folder / role).mkdir()
    command("leader", "init", ".", "--name", "one", "--url", urls["leader"], home=folder / "leader")
    pairing = folder / "pairing.json"
    pairing.write_bytes((folder / "leader" / "pairing.json").read_bytes())
    told = command(
        *("helper", "init", ".", "--name", "other", "--url", urls["helper"], "--pairing", str(pairing)),
        home=folder / "helper",
    )
    pairing.unlink()
    description = folder / "helper.json"
    description.write_text(told[: told.index("}") + 1])
    command("leader", "pair", str(description), "--in", ".", home=folder / "leader")
    return urls


def near(folder: Path, **changes: Any) -> tuple[dict[Role, int], Task]:
    """Make the same without commands, which take their time, and return the ports."""
    ports: dict[Role, int] = {"leader": free_port(), "helper": free_port()}
    urls: dict[Role, str] = {role: f"http://127.0.0.1:{port}" for role, port in ports.items()}
    pair = make_pair(folder, development=changes.get("development", False), urls=urls)
    now = int(time.time())
    window: dict[str, Any] = {"opens": now - 86_400, "closes": now + 86_400, "expires": now + 2 * 86_400}
    task = task_of(keys_of(pair), urls=urls, **window, **changes)
    for settings in pair.values():
        places = open_places(settings)
        with places.store:
            places.add(task)
    return ports, task


def agreed(folder: Path, urls: dict[Role, str], **changes: Any) -> Task:
    """Make a task of what both show, and let both take part in it."""
    now = int(time.time())
    keys: dict[Role, str] = {}
    for role in urls:
        told = command(role, "show", "--in", ".", home=folder / role)
        keys[role] = json.loads(told[: told.index("}") + 1])["key"]
    window: dict[str, Any] = {"opens": now - 86_400, "closes": now + 86_400, "expires": now + 2 * 86_400}
    task = task_of(keys, urls=urls, **window, **changes)
    for role in urls:
        accept(task, role, folder / role)
    return task


def token_of(folder: Path) -> str:
    found = re.search(r"hsp_\S+", command("leader", "token", "--in", ".", home=folder / "leader"))
    assert found
    return found[0]


def collected(leader: Program, task: Task, token: str) -> bytes:
    path, bearer = f"/tasks/{task.id.hex()}/collection", f"Bearer {token}"

    def done() -> bytes | None:
        status, body = leader.ask("POST", path, Authorization=bearer)
        assert status in (200, 202), body
        return body if status == 200 else None

    found: bytes = wait_for(done)
    return found


def files_of(program: Program) -> set[str]:
    """Return what a program has open or mapped, by path."""
    place = Path(f"/proc/{program.process.pid}")
    links = {str(each.readlink()) for each in (place / "fd").iterdir() if each.is_symlink()}
    mapped = {line.split(maxsplit=5)[5] for line in (place / "maps").read_text().splitlines() if line.count("/")}
    return links | mapped


def test_two_programs_that_share_nothing_but_a_secret_count_wrongly(tmp_path: Path) -> None:
    urls = made(tmp_path)
    task = agreed(tmp_path, urls)
    token = token_of(tmp_path)
    ports = {role: int(url.rpartition(":")[2]) for role, url in urls.items()}
    now = task.rounded((task.opens + task.closes) // 2)
    with (
        serving("helper", tmp_path / "helper", ports["helper"]) as helper,
        serving("leader", tmp_path / "leader", ports["leader"]) as leader,
    ):
        for number in range(30):
            assert leader.upload(task, report_of(task, number, time=now)) == (201, b"")
        # A device that is not sure says it again.
        assert leader.upload(task, report_of(task, 7, time=now)) == (201, b"")
        raw = collected(leader, task, token)
        found = parse_collection(raw)
        assert isinstance(found, Collection)
        assert found.count == 30
        assert np.abs(opened(task, found) - sum_of(task, range(30))).max() <= tail_of(task)
        assert collected(leader, task, token) == raw
        status, body = leader.upload(task, report_of(task, 31, time=now))
        assert (status, json.loads(body)["type"]) == (409, "urn:homespun:problem:closed")
        if sys.platform == "linux":
            for one, other in (("leader", "helper"), ("helper", "leader")):
                opened_by = files_of({"leader": leader, "helper": helper}[one])
                assert any(str(tmp_path / one / "store.sqlite") in path for path in opened_by)
                assert not [path for path in opened_by if str(tmp_path / other) in path]


@pytest.mark.skipif(sys.platform == "win32", reason="folders are renamed while they are in use")
def test_an_aggregator_needs_something_of_the_others_folder(tmp_path: Path) -> None:
    ports, task = near(tmp_path)
    now = task.rounded((task.opens + task.closes) // 2)
    token = token_of(tmp_path)
    # Each is moved to a place that the other never knew.
    homes = {}
    for role in ports:
        homes[role] = tmp_path / f"elsewhere {role}" / os.urandom(8).hex()
        homes[role].parent.mkdir()
        (tmp_path / role).rename(homes[role])
    with serving("leader", homes["leader"], ports["leader"]) as leader:
        for number in range(5):
            assert leader.upload(task, report_of(task, number, time=now))[0] == 201
        with serving("helper", homes["helper"], ports["helper"]):
            assert parse_collection(collected(leader, task, token)).count == 5


def test_one_party_that_runs_both_says_so_nowhere(tmp_path: Path) -> None:
    ports, task = near(tmp_path, development=True)
    for role in ports:
        home = tmp_path / role
        assert "DEVELOPMENT" in command(role, "status", "--in", ".", home=home)
        assert "DEVELOPMENT" in json.loads(command(role, "status", "--json", "--in", ".", home=home))["development"]
        with serving(role, home, ports[role]) as program:
            for path in ("/health", "/ready", "/tasks"):
                assert b"protects nobody" in program.ask("GET", path)[1]
            assert b"homespun_development 1.0" in program.ask("GET", "/metrics")[1]
            assert b"DEVELOPMENT" in (home / "log").read_bytes()
    assert task.development
