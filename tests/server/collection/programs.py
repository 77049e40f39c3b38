"""Leader and helper as programs of their own, each started by its command in its own folder."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from homespun.protocol.collection.report import CONTENT_TYPE, Report, encode_report
from homespun.protocol.collection.task import Task, encode_task
from homespun_server.collection.messages import Role
from homespun_server.settings import DATABASE_VARIABLE, PASSPHRASE_VARIABLE
from tests.server.collection.support import PASSPHRASE

COMMAND = (sys.executable, "-X", "utf8", "-m", "homespun_server.cli")


@dataclass
class Program:
    """A program that serves.

    Attributes:
        process: The process.
        port: Where it listens.
    """

    process: "subprocess.Popen[str]"
    port: int

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Send a request over a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def upload(self, task: Task, report: Report) -> tuple[int, bytes]:
        path = f"/tasks/{task.id.hex()}/reports"
        return self.ask("POST", path, encode_report(report), Content_Type=CONTENT_TYPE)


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def environment(home: Path, store: str | None = None) -> dict[str, str]:
    """Return an environment in which nothing but this aggregator's own is known."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "PYTHONPATH")}
    database = {DATABASE_VARIABLE: store} if store else {}
    return {**kept, "HOME": str(home), PASSPHRASE_VARIABLE: PASSPHRASE, **database}


def command(*arguments: str, home: Path, store: str | None = None) -> str:
    """Run a command to its end and return what it said."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=home,
        env=environment(home, store),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def accept(task: Task, role: Role, home: Path, store: str | None = None) -> None:
    """Let an operator take part in a task."""
    path = home / "task.json"
    path.write_bytes(encode_task(task))
    command(role, "add", str(path), "--in", ".", home=home, store=store)


@contextmanager
def serving(role: Role, home: Path, port: int, store: str | None = None) -> Iterator[Program]:
    """Run an aggregator; it is asked to end at the end, and killed if it does not."""
    with (home / "log").open("a") as log:
        process = subprocess.Popen(
            [*COMMAND, role, "serve", "--in", ".", "--port", str(port)],
            cwd=home,
            env=environment(home, store),
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
        )
    with ExitStack() as stack:
        stack.callback(_ended, process)
        assert process.stdout
        for line in process.stdout:
            if line.startswith("Serving"):
                yield Program(process, port)
                return
        raise AssertionError((home / "log").read_text())


def _ended(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        if process.stdout:
            process.stdout.close()
