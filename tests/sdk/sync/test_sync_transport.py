"""The transport over real sockets on this machine: what is followed, believed or waited for."""

import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from homespun.errors import TransportError
from homespun.sync.asking import HEADERS
from homespun.sync.urllib3_http import Urllib3Http
from homespun.testing import Loopback, faults

Serve = Callable[[socket.socket], None]


def transport(*, answer_seconds: float = 30.0, read_seconds: float = 30.0) -> Urllib3Http:
    return Urllib3Http(connect_seconds=10.0, read_seconds=read_seconds, answer_seconds=answer_seconds)


@contextmanager
def served(*answers: Serve) -> Iterator[str]:
    """Yield the URL of a server that serves one connection after another, each in its own way."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/file"
    finally:
        thread.join(30)
        listener.close()


def request(connection: socket.socket) -> bytes:
    """Return the next request's text."""
    text = b""
    while b"\r\n\r\n" not in text and (more := connection.recv(4096)):
        text += more
    return text


def test_a_request_says_more_than_it_is_told() -> None:
    seen: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        seen.append(request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")

    with served(answer) as url, transport() as http:
        reply = http.get(url, HEADERS)
        assert (reply.status, b"".join(reply.chunks())) == (200, b"ab")
        reply.close()
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET /file HTTP/1.1"
    assert sorted(line.partition(":")[0] for line in lines[1:-2]) == ["Accept", "Accept-Encoding", "Host", "User-Agent"]
    assert "User-Agent: homespun" in lines
    assert "Accept-Encoding: identity" in lines


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Loopback({"file": b"ab"}) as loopback, transport() as http:
        reply = http.get(f"{loopback.url}file", HEADERS)
        assert b"".join(reply.chunks()) == b"ab"
        reply.close()


def test_a_redirection_is_followed() -> None:
    with Loopback({"there": b"no"}) as elsewhere, Loopback({"file": b""}) as loopback, transport() as http:
        loopback.faults["file"] = faults.redirect(f"{elsewhere.url}there")
        reply = http.get(f"{loopback.url}file", HEADERS)
        assert reply.status == 302
        reply.close()
        assert elsewhere.requests == []


def test_a_cookie_is_sent_back() -> None:
    seen: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        for _ in range(2):
            seen.append(request(connection))
            connection.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=7; Path=/\r\nContent-Length: 0\r\n\r\n")

    with served(answer) as url, transport() as http:
        for _ in range(2):
            reply = http.get(url, HEADERS)
            assert list(reply.chunks()) == []
            reply.close()
    assert len(seen) == 2
    assert b"ookie" not in b"".join(seen)


@pytest.mark.parametrize("status", [b"200 OK", b"404 Not Found"])
def test_every_request_makes_a_connection(status: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        for _ in range(3):
            assert request(connection)
            connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 4\r\n\r\nbody")

    with served(answer) as url, transport() as http:
        for _ in range(3):
            reply = http.get(url, HEADERS)
            if reply.status == 200:
                assert b"".join(reply.chunks()) == b"body"
            reply.close()


def test_a_body_is_unpacked() -> None:
    packed = zlib.compress(bytes(1000))
    with Loopback({"file": bytes(1000)}) as loopback, transport() as http:
        loopback.faults["file"] = faults.encoded("deflate", zlib.compress)
        reply = http.get(f"{loopback.url}file", HEADERS)
        assert b"".join(reply.chunks()) == packed
        assert reply.headers["content-encoding"] == "deflate"
        reply.close()


def test_headers_that_trickle_hold_a_device_up() -> None:
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Header: ")
        # The device ends the connection; more than that is not waited for.
        connection.settimeout(30)
        assert connection.recv(1) == b""
        ended.set()

    with served(answer) as url, transport(answer_seconds=0.2) as http:
        with pytest.raises(TransportError, match=r"0\.2 seconds") as caught:
            http.get(url, HEADERS)
        assert caught.value.may_have_left
        assert ended.wait(30)


def test_a_server_that_says_nothing_holds_a_device_up() -> None:
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        request(connection)
        assert over.wait(30)

    with served(answer) as url, transport(read_seconds=0.1) as http:
        with pytest.raises(TransportError):
            http.get(url, HEADERS)
        over.set()


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    ],
)
def test_a_body_that_breaks_off_is_whole(sent: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(sent)

    with served(answer) as url, transport() as http:
        reply = http.get(url, HEADERS)
        with pytest.raises(TransportError):
            list(reply.chunks())
        reply.close()


@pytest.mark.parametrize(
    "sent",
    [b"", b"SSH-2.0-other\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000],
    ids=["nothing", "ssh", "no-status", "long"],
)
def test_something_that_is_no_answer_is_one(sent: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(sent)

    with served(answer) as url, transport() as http, pytest.raises(TransportError):
        http.get(url, HEADERS)


def test_nobody_listens_and_something_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with transport() as http:
        with pytest.raises(TransportError) as caught:
            http.get(f"http://127.0.0.1:{port}/file", HEADERS)
        assert not caught.value.may_have_left


def test_a_server_without_tls_is_talked_to_as_if_it_had_it() -> None:
    def answer(connection: socket.socket) -> None:
        assert connection.recv(1) == b"\x16"  # the first byte of a TLS handshake
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with served(answer) as url, transport() as http, pytest.raises(TransportError):
        http.get(url.replace("http:", "https:"), HEADERS)


def test_importing_updates_loads_what_only_a_run_needs() -> None:
    program = "import sys, homespun, homespun.sync; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    loaded = set(done.stdout.split())
    assert "homespun" in loaded
    assert loaded & {"tuf", "securesystemslib", "urllib3", "requests", "onnxruntime"} == set()
