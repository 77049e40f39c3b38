"""The transport is reachable only through the ledger: no other module sends, and none has a way to the network."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homespun.contribute import Egress, Ledger, Transport
from tests.sdk.contribute.rig import Rig

THE_WAY_OUT = "homespun/contribute/egress.py"

ASKING = "homespun/sync/urllib3_http.py"
"""The transport of requests for newer bundles, which bring nothing of the person along."""

REPORTING = "homespun/contribute/urllib3_transport.py"
"""The transport of reports, which is handed to the way out."""

SERVING = frozenset({"homespun/console/handler.py", "homespun/console/serving.py"})
"""What serves the person's own page on this machine; it accepts connections and makes none."""

# Modules that may import something that can reach a network: both transports, what cuts their connections off, and
# what serves the person's own page and an application's own tests.
TRANSPORTS = frozenset(
    {ASKING, REPORTING, "homespun/contribute/cutting_off.py", "homespun/testing/loopback.py", *SERVING}
)

ASKS = "homespun/sync/runner.py"
"""The only module that makes such a transport; it hands it to the one that writes each request down first."""

MAKES = "homespun/personalizer.py"
"""The only module that makes the transport of reports; it hands it to the way out."""

NETWORK = {
    "_socket", "_ssl", "aiohttp", "asyncio", "curl_cffi", "ftplib", "grpc", "http", "httpcore", "httpx", "imaplib",
    "multiprocessing", "nntplib", "poplib", "pty", "pycurl", "requests", "smtplib", "socket", "socketserver", "ssl",
    "subprocess", "telnetlib", "urllib", "urllib3", "webbrowser", "websockets", "wsgiref", "xmlrpc",
}  # fmt: skip
# Modules that are given the application's transport and pass it on to the way out.
PASSED_ON = frozenset({"homespun/home/gated.py", "homespun/personalizer.py"})

INERT = {"urllib.parse"}
BACK_DOORS = {"__import__", "eval", "exec", "import_module", "popen", "posix_spawn", "startfile", "system", "urlopen"}
SENDING = {"send", "sendall", "sendfile", "sendmsg", "sendto"}


def modules(repository: Path) -> Iterator[tuple[str, ast.Module]]:
    source = repository / "sdk" / "src"
    for path in sorted(source.rglob("*.py")):
        yield path.relative_to(source).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def networking(tree: ast.AST) -> list[str]:
    names = set(imported(tree))
    return sorted(
        name
        for name in names
        if name.partition(".")[0] in NETWORK and not any(f"{name}.".startswith(f"{inert}.") for inert in INERT)
    )


def named(tree: ast.AST, wanted: set[str]) -> list[str]:
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imports = {name.rpartition(".")[2] for name in imported(tree)}
    # getattr(thing, "send") too.
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return sorted((attributes | names | imports | texts) & wanted)


def kept(tree: ast.AST) -> list[str]:
    """Return the uses of something called transport, but for handing it to the way out or to Home."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    passed = {
        id(name)
        for call in calls
        if ast.unparse(call.func) in {"Egress", "Home", "super().__init__"}
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
        for name in (argument.values if isinstance(argument, ast.BoolOp) else [argument])
    }
    return [
        f"line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
        and node.id == "transport"
        and isinstance(node.ctx, ast.Load)
        and id(node) not in passed
    ]


def test_a_module_has_a_way_to_the_network(repository: Path) -> None:
    found = {path: names for path, tree in modules(repository) if (names := networking(tree))}
    assert set(found) <= TRANSPORTS, found


def test_a_module_has_a_back_door(repository: Path) -> None:
    found = {path: names for path, tree in modules(repository) if (names := named(tree, BACK_DOORS))}
    assert found == {ASKING: ["urlopen"], REPORTING: ["urlopen"]}


def test_a_request_for_a_bundle_goes_around_the_ledger(repository: Path) -> None:
    trees = dict(modules(repository))
    makers = {path for path, tree in trees.items() if named(tree, {"Urllib3Http", "urllib3_http"}) and path != ASKING}
    assert makers == {ASKS}
    # What a transport is asked with is asked in one place, and that begins an entry first.
    askers = {
        path
        for path, tree in trees.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("http.get")
    }
    assert askers == {"homespun/sync/asking.py"}


def test_something_else_than_the_composition_root_makes_the_transport_of_reports(repository: Path) -> None:
    trees = dict(modules(repository))
    wanted = {"Urllib3Transport", "urllib3_transport"}
    assert {path for path, tree in trees.items() if named(tree, wanted) and path != REPORTING} == {MAKES}


def test_something_else_than_the_way_out_sends(repository: Path) -> None:
    found = {path: names for path, tree in modules(repository) if (names := named(tree, SENDING))}
    assert found == {THE_WAY_OUT: ["send"]}


def test_something_else_than_the_way_out_holds_a_transport(repository: Path) -> None:
    users = {path for path, tree in modules(repository) if named(tree, {"Transport", "_transport"})}
    # The package's front door names it, so that applications can say what they hand in.
    assert users - TRANSPORTS == {THE_WAY_OUT, "homespun/contribute/__init__.py", *PASSED_ON, ASKS}
    keepers = {path: found for path, tree in modules(repository) if path != THE_WAY_OUT and (found := kept(tree))}
    assert keepers == {}


@pytest.mark.parametrize(
    "code",
    [
        "self.way = transport",
        "self.way: object = transport",
        "self.way = transport or NoTransport()",
        "self.way = transport.send",
        "ways = [transport]",
        "way = Box(transport)",
        "transport.send(b'')",
    ],
)
def test_the_search_overlooks_a_keeper(code: str) -> None:
    assert kept(ast.parse(code))


def test_the_search_refuses_what_is_passed_on() -> None:
    assert kept(ast.parse("Egress(log, transport or NoTransport())\nHome(place, transport=transport)")) == []


@pytest.mark.parametrize(
    "code",
    [
        "import socket",
        "import urllib.request",
        "from urllib import request",
        "from urllib.request import urlopen as parse",
        "import asyncio.streams as parse",
        "def f():\n    from http.client import HTTPSConnection",
        "import subprocess",
    ],
)
def test_the_search_overlooks_an_import(code: str) -> None:
    assert networking(ast.parse(code))


@pytest.mark.parametrize("code", ["import urllib.parse", "from urllib.parse import quote", "import json"])
def test_the_search_refuses_what_is_inert(code: str) -> None:
    assert networking(ast.parse(code)) == []


@pytest.mark.parametrize("code", ["t.send(b'')", "f = t.send", "getattr(t, 'send')", "from x import send"])
def test_the_search_overlooks_a_sender(code: str) -> None:
    assert named(ast.parse(code), SENDING) == ["send"]


def public(thing: Any) -> Iterator[Any]:
    for name in dir(thing):
        if not name.startswith("_"):
            yield getattr(thing, name)


def test_the_way_out_hands_its_transport_out() -> None:
    rig = Rig()
    rig.queue()
    for holder in (rig.egress, rig.ledger):
        assert isinstance(holder, Egress | Ledger)
        for value in public(holder):
            assert value is not rig.wire
            assert not hasattr(value, "send"), value


def test_a_reader_can_write() -> None:
    names = {name for name in dir(Ledger) if not name.startswith("_")}
    assert names == {"entries", "payload", "pending", "summary", "table", "to_json_lines", "totals", "verify"}
    assert hasattr(Transport, "send")
