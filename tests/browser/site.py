"""A web server on loopback that serves what a test gives it: a stranger's pages, or a page with a planted mistake."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    """What an address answers."""

    body: str | bytes
    headers: Mapping[str, str] = {"Content-Type": "text/html; charset=utf-8"}
    status: int = 200


@dataclass
class Site:
    """Addresses and what they answer; everything else is not found."""

    address: str
    pages: dict[str, Answer] = field(default_factory=dict)

    def page(self, path: str, body: str, **headers: str) -> str:
        """Serve a document, and return where."""
        document = (
            f"<!doctype html><html lang=en><title>A test</title><meta name=viewport content=width=device-width>{body}"
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = Answer(document, {"Content-Type": "text/html; charset=utf-8", **named})
        return self.address + path


@contextmanager
def served() -> Iterator[Site]:
    """Serve a site until the block ends."""
    pages = {"/favicon.ico": Answer(b"", {}, 204)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = pages.get(self.path.partition("?")[0], Answer("not found", status=404))
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Site(f"http://127.0.0.1:{server.server_port}", pages)
        finally:
            server.shutdown()
            thread.join()
