"""Watches what pages do while they are tested: where they ask, what they complain of, and how much they weigh.

A page weighs what its document and everything that the document loads (styles, scripts, images, fonts) have in bytes
after decompression, with nothing taken from a cache. What scripts fetch later is held to the same limit answer by
answer. Files that are saved are no pages and have no weight.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, CDPSession, ConsoleMessage, Page, Request, WebError

LIMIT = 200_000
"""The most that a page may weigh, in bytes."""

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
FETCHED = {"XHR", "Fetch", "EventSource"}


@dataclass
class Weights:
    """What one page's documents weigh, in bytes, told by the browser's own network events."""

    addresses: dict[str, str] = field(default_factory=dict)
    loads: dict[str, str] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def asked(self, event: dict[str, Any]) -> None:
        request, loader = event["requestId"], event["loaderId"]
        own = request if event.get("type") in FETCHED else loader
        self.loads[request] = own
        if own == request:  # a document, or what a script fetched
            self.addresses[own] = event["request"]["url"]

    def answered(self, event: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in event["response"]["headers"].items()}
        if headers.get("content-disposition", "").startswith("attachment"):
            self.loads.pop(event["requestId"], None)

    def received(self, event: dict[str, Any]) -> None:
        if (own := self.loads.get(event["requestId"])) is not None:
            self.weights[own] += event["dataLength"]

    def too_heavy(self) -> list[str]:
        return [
            f"{self.addresses.get(own, own)} weighs {weight} bytes, more than {LIMIT}"
            for own, weight in self.weights.items()
            if weight > LIMIT
        ]


@dataclass
class Watch:
    """What went on in the windows of one test.

    Attributes:
        elsewhere: Names besides loopback's that the test itself leads to this machine.
        expected: Complaints of the console that the test provokes, each a pattern.
        complaints: What the console and the pages' scripts reported as an error.
        foreign: The addresses that were asked for and are not on this machine.
        weights: A set of weights for every window.
    """

    elsewhere: set[str] = field(default_factory=set)
    expected: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)
    sessions: list[CDPSession] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Watch all windows of a context, also those that pages open."""
        context.on("request", self._requested)
        context.on("console", self._said)
        context.on("weberror", self._failed)

    def weigh(self, page: Page) -> None:
        """Weigh every page that one window visits."""
        session, weights = page.context.new_cdp_session(page), Weights()
        session.on("Network.requestWillBeSent", weights.asked)
        session.on("Network.responseReceived", weights.answered)
        session.on("Network.dataReceived", weights.received)
        session.on("Network.webSocketCreated", lambda event: self._address(event["url"]))
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        self.weights.append(weights)
        self.sessions.append(session)

    def problems(self) -> list[str]:
        """Return what a page should not have done, after everything that the browser has to tell has arrived."""
        for session in self.sessions:
            session.send("Network.disable")
        complaints = [text for text in self.complaints if not any(re.search(known, text) for known in self.expected)]
        return [
            *(f"{address} was asked for, which is not on this machine" for address in self.foreign),
            *(f"the console says: {text}" for text in complaints),
            *(text for each in self.weights for text in each.too_heavy()),
        ]

    def _requested(self, request: Request) -> None:
        self._address(request.url)

    def _address(self, address: str) -> None:
        parts = urlsplit(address)
        inside = parts.scheme in {"data", "blob", "about"}
        if not inside and parts.hostname not in LOOPBACK | self.elsewhere:
            self.foreign.append(address)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _failed(self, error: WebError) -> None:
        self.complaints.append(f"a script failed: {error.error}")
