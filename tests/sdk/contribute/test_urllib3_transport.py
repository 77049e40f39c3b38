"""The transport of reports says more than a report, follows a server's lead, or waits for ever."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from homespun.contribute.uploads import CONTENT_TYPE, encode_upload, parse_upload, report_path
from homespun.contribute.urllib3_transport import Urllib3Transport
from homespun.errors import MisuseError, TransportError
from homespun.testing import FakeClock

TASK = bytes(range(32))
BODY = b"\x01report\n\x00" * 1000
UPLOAD = encode_upload(TASK, BODY)


class Server:
    """Answers uploads as a test wants, on this machine."""

    def __init__(self) -> None:
        self.status = 201
        self.headers: dict[str, str] = {}
        self.body = b""
        self.trickles = False
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections: set[Any] = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server.connections.add(self.client_address)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.got.append((self.command, self.path, dict(self.headers.items()), body))
                if server.trickles:
                    server.trickle(self)
                    return
                self.send_response(server.status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                pass

        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def trickle(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 201 Created\r\nX: ")
        while not self.ended.wait(0.02):
            try:
                handler.wfile.write(b"x")
            except OSError:
                self.ended.set()

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_700_000_000.0)


@pytest.fixture
def transport(clock: FakeClock) -> Iterator[Urllib3Transport]:
    made = Urllib3Transport(clock=clock)
    yield made
    made.close()


def test_an_upload_says_more_than_the_report(server: Server, transport: Urllib3Transport) -> None:
    server.headers = {"Set-Cookie": "id=7", "ETag": '"you"'}
    transport.send(server.origin, UPLOAD)
    transport.send(server.origin, UPLOAD)
    for command, path, headers, body in server.got:
        assert (command, path, body) == ("POST", f"/tasks/{TASK.hex()}/reports", BODY)
        assert headers == {
            "Host": server.origin.removeprefix("http://"),
            "User-Agent": "homespun",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Content-Type": CONTENT_TYPE,
            "Content-Length": str(len(BODY)),
        }


def test_two_reports_come_over_one_connection(server: Server, transport: Urllib3Transport) -> None:
    for _ in range(3):
        transport.send(server.origin, UPLOAD)
    assert len(server.connections) == 3


@pytest.mark.parametrize(
    ("status", "word", "is_final"),
    [
        *((status, "strange", True) for status in (400, 413, 422)),
        *((status, "strange", False) for status in (401, 403, 404, 407, 408, 409, 410, 451, 500, 502)),
        *((409, word, True) for word in ("malformed", "expired", "full")),
        *((status, word, False) for status in (400, 404, 409) for word in ("outside-window", "closed", "unknown-task")),
        (502, "malformed", False),
    ],
)
def test_a_refusal_for_now_ends_a_report_or_one_for_good_does_not(
    server: Server, transport: Urllib3Transport, status: int, word: str, *, is_final: bool
) -> None:
    server.status = status
    server.body = b'{"type":"urn:homespun:problem:%s","detail":"<b>\x1b[31m"}' % word.encode()
    with pytest.raises(TransportError) as raised:
        transport.send(server.origin, UPLOAD)
    assert raised.value.is_final is is_final
    assert raised.value.may_have_left
    assert "\x1b" not in str(raised.value)
    if status != 408:
        assert word in str(raised.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed(server: Server, transport: Urllib3Transport, status: int) -> None:
    server.status, server.headers = status, {"Location": f"{server.origin}/elsewhere"}
    with pytest.raises(TransportError):
        transport.send(server.origin, UPLOAD)
    assert [path for _, path, _, _ in server.got] == [report_path(TASK)]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120), (None, 300), ("Wed, 21 Oct 2035 07:28:00 GMT", 300), ("-5", 300), ("99999999", 86_400), ("0", 1)],
)
def test_a_destination_that_asks_for_rest_gets_none_or_for_ever(
    server: Server, transport: Urllib3Transport, clock: FakeClock, said: str | None, seconds: int
) -> None:
    server.status, server.headers = 429, {} if said is None else {"Retry-After": said}
    with pytest.raises(TransportError) as raised:
        transport.send(server.origin, UPLOAD)
    assert not raised.value.is_final
    clock.advance(seconds - 0.5)
    assert set(transport.rests()) == {server.origin}
    clock.advance(1)
    assert transport.rests() == {}


def test_a_clock_that_was_set_back_keeps_a_destination_resting(
    server: Server, transport: Urllib3Transport, clock: FakeClock
) -> None:
    server.status = 503
    with pytest.raises(TransportError):
        transport.send(server.origin, UPLOAD)
    clock.advance(-1_000_000)
    assert transport.rests() == {}


def test_a_server_holds_a_device_with_headers_that_never_end(server: Server, clock: FakeClock) -> None:
    server.trickles = True
    transport = Urllib3Transport(clock=clock, whole_seconds=0.3)
    with pytest.raises(TransportError, match="no answer"):
        transport.send(server.origin, UPLOAD)
    assert server.ended.wait(30)
    transport.close()


def test_nobody_answers_and_the_report_counts_as_gone(transport: Urllib3Transport, server: Server) -> None:
    server.close()
    with pytest.raises(TransportError) as raised:
        transport.send(server.origin, UPLOAD)
    assert not raised.value.may_have_left
    assert not raised.value.is_final


@pytest.mark.parametrize(
    "payload", [b"", BODY, b"GET /tasks/00/reports\n", UPLOAD.replace(b"/reports", b"/../x"), UPLOAD[:60]]
)
def test_something_else_than_a_report_is_sent(transport: Urllib3Transport, server: Server, payload: bytes) -> None:
    with pytest.raises(MisuseError, match="uploads only"):
        transport.send(server.origin, payload)
    assert server.got == []


def test_an_upload_is_read_as_another() -> None:
    assert parse_upload(UPLOAD) == (report_path(TASK), BODY)
