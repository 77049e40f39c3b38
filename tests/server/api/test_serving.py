"""What a client, a signal or a slow line could do to the service as a program."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from homespun_server.settings import FILE, PASSPHRASE_VARIABLE, ServerSettings
from tests.server.api.support import PASSPHRASE
from tests.server.api.test_repository_files import TRAVERSALS, placed

posix = pytest.mark.skipif(os.name != "posix", reason="signals")


class Lines(list[str]):
    """What a program says, which can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._more = threading.Condition()

    def read(self, stream: Iterable[str]) -> None:
        for line in stream:
            with self._more:
                self.append(line)
                self._more.notify_all()

    def wait_for(self, text: str, times: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: sum(text in line for line in self) >= times, timeout=120), list(self)


@dataclass
class Program:
    process: "subprocess.Popen[str]"
    port: int
    lines: Lines

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def ask(self, request: bytes) -> bytes:
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    found = b""
    try:
        while piece := connection.recv(1 << 16):
            found += piece
    except ConnectionResetError:
        pass
    return found


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


@contextmanager
def program(settings: ServerSettings, *arguments: str, service: str = "") -> Iterator[Program]:
    """Run the command, with further settings of the service; it is killed at the end if it does not end by itself."""
    path = settings.folder / FILE
    path.write_text(path.read_text(encoding="utf-8") + service, encoding="utf-8")
    command = [sys.executable, "-X", "utf8", "-m", "homespun_server.cli", "serve", "--in", str(settings.folder)]
    process = subprocess.Popen(
        [*command, "--port", "0", *arguments],
        env={**os.environ, PASSPHRASE_VARIABLE: PASSPHRASE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        lines = Lines()
        assert process.stderr
        reader = threading.Thread(target=lines.read, args=(process.stderr,))
        reader.start()
        try:
            assert process.stdout
            told = process.stdout.readline()
            assert "http://127.0.0.1:" in told, (told, lines)
            yield Program(process, int(told.rpartition(":")[2]), lines)
        finally:
            process.kill()
            reader.join()


@posix
def test_a_request_in_flight_is_cut_off_by_the_end(published: ServerSettings) -> None:
    content = os.urandom(30_000_000)
    url = placed(published, content)
    with program(published) as running, running.connect() as connection:
        connection.sendall(get(url))
        # The answer has begun, and more of it is left than any buffer holds.
        first = connection.recv(1000)
        running.process.send_signal(signal.SIGTERM)
        while True:
            # It takes no new connections any more, while this one goes on.
            try:
                running.connect().close()
            except OSError:
                break
        rest = read_all(connection)
        assert (first + rest).partition(b"\r\n\r\n")[2] == content
        assert running.process.wait(30) == 0
    events = [json.loads(line) for line in running.lines]
    assert [event["status"] for event in events if event["event"] == "request"] == [200]
    assert not any("Traceback" in line for line in running.lines)


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_told_as_a_failure(published: ServerSettings, number: signal.Signals) -> None:
    with program(published) as running:
        assert b"alive" in running.ask(get("/health"))
        running.process.send_signal(number)
        assert running.process.wait(30) == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HTTP/1.1\r\nHost: lo",
        b"POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["nothing", "headers", "body"],
)
def test_a_client_that_sends_slowly_holds_a_connection(published: ServerSettings, sent: bytes) -> None:
    with program(published, service="request_seconds = 0.5\nidle_seconds = 60\n") as running:
        with running.connect() as connection:
            begun = time.monotonic()
            connection.sendall(sent)
            read_all(connection)
            assert time.monotonic() - begun < 25
        with running.connect() as connection:
            # A byte now and then does not help.
            stopped = threading.Event()

            def drip() -> None:
                try:
                    connection.sendall(b"GET /health HTTP/1.1\r\n")
                    while not stopped.wait(0.1):
                        connection.sendall(b"X")
                except OSError:
                    stopped.set()

            thread = threading.Thread(target=drip)
            thread.start()
            assert read_all(connection) == b""
            stopped.set()
            thread.join()
        assert b"alive" in running.ask(get("/health"))


@pytest.mark.parametrize("close", [True, False], ids=["last request", "kept open"])
@pytest.mark.parametrize("size", [900_000, 30_000_000])
def test_a_client_that_reads_nothing_holds_a_connection(published: ServerSettings, size: int, close: bool) -> None:  # noqa: FBT001
    content = os.urandom(size)
    url = placed(published, content)
    with program(published, service="send_seconds = 0.5\nidle_seconds = 1\n") as running:
        with socket.socket() as connection:
            # So that next to nothing fits between the two.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", running.port))
            request = get(url) if close else get(url).replace(b"Connection: close\r\n", b"")
            connection.sendall(request)
            running.lines.wait_for("/repository/{file}", 1)
            if size > 10_000_000:
                # More than any buffer holds: it was broken off.
                connection.settimeout(60)
                assert len(read_all(connection)) < size
        assert b"alive" in running.ask(get("/health"))


def test_the_beginning_of_a_second_request_holds_a_connection(published: ServerSettings) -> None:
    service = "request_seconds = 0.5\nidle_seconds = 1\n"
    with program(published, service=service) as running, running.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea")
        assert read_all(connection).count(b"alive") == 1


def test_a_whole_request_is_cut_off_by_the_deadline(published: ServerSettings) -> None:
    service = "request_seconds = 0.5\nidle_seconds = 60\n"
    with program(published, service=service) as running, running.connect() as connection:
        for _ in range(3):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            found = b""
            while b"alive" not in found:
                found += connection.recv(1 << 16)
            # Longer than the deadline; the connection only idles.
            assert not stopped_within(connection, 0.8)


def stopped_within(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    finally:
        connection.settimeout(30)


def test_headers_without_an_end_fill_the_memory(published: ServerSettings) -> None:
    with program(published) as running:
        with running.connect() as connection:
            sent = 0
            try:
                connection.sendall(b"GET /health HTTP/1.1\r\n")
                while sent < 50_000_000:
                    connection.sendall(b"X-Header: " + b"x" * 1_000 + b"\r\n")
                    sent += 1_012
            except OSError:
                pass
            assert sent < 50_000_000
        assert b"alive" in running.ask(get("/health"))


def test_a_path_is_tidied_up_into_another_ones_file(published: ServerSettings) -> None:
    with program(published) as running:
        for path in TRAVERSALS:
            answer = running.ask(get(f"/repository/{path}") if path.isascii() else get("/repository/../homespun.toml"))
            assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (path, answer)
            assert b"application =" not in answer
        assert b"200 OK" in running.ask(get("/repository/metadata/timestamp.json"))


def test_garbage_ends_the_service_or_is_logged(published: ServerSettings) -> None:
    with program(published) as running:
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n"):
            with running.connect() as connection:
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
                read_all(connection)
        assert b"alive" in running.ask(get("/health"))
    assert all("127.0.0.1" not in line for line in running.lines)
    assert all(json.loads(line)["event"] for line in running.lines)


@posix
def test_workers_disagree_or_stay_behind(published: ServerSettings) -> None:
    with program(published, "--workers", "2") as running:
        for _ in range(20):
            assert b"alive" in running.ask(get("/health"))
        running.lines.wait_for("Application startup complete", 2)
        with urlopen(f"http://127.0.0.1:{running.port}/repository/metadata/timestamp.json") as answer:
            assert answer.status == 200
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0
    ended = [json.loads(line) for line in running.lines if "Application shutdown complete" in line]
    assert len(ended) == 2


def test_a_port_that_is_taken_or_a_directory_that_is_none_is_a_traceback(
    published: ServerSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from homespun_server import cli

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--in", str(published.folder), "--port", str(port)]) == 1
    assert "cannot listen" in capsys.readouterr().err
    assert cli.main(["serve", "--in", str(tmp_path), "--port", "0"]) == 1
    assert "no working directory" in " ".join(capsys.readouterr().err.split())
