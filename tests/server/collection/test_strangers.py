"""A task names somebody else as leader or helper: they are shown the pair's token, or are worked with."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.errors import MisuseError
from homespun.protocol.collection.task import Aggregator, Task
from homespun_server.aggregators import Around, create_leader, open_leader
from homespun_server.collection.accepting import check_task
from homespun_server.collection.directory import (
    Making,
    described,
    make_aggregator,
    open_secrets,
    pair_with,
    public_key,
    read_description,
    read_pairing,
)
from homespun_server.collection.intake import Intake
from homespun_server.collection.messages import Role
from homespun_server.collection.peer import HelperAwayError
from homespun_server.collection.settings import PAIRING_FILE, AggregatorSettings
from homespun_server.errors import AggregationError, SettingsError
from tests.server.collection.conftest import Settings
from tests.server.collection.support import (
    CHEAP,
    PASSPHRASE,
    SECONDS,
    URLS,
    Hands,
    keys_of,
    public_of,
    report_of,
    settings_of,
    task_of,
)


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[str]]]:
    """Somebody who writes down what they are shown."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            shown.append(self.headers["Authorization"])
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", shown
        finally:
            server.shutdown()
            thread.join()


def checked(settings: AggregatorSettings, task: Task) -> None:
    check_task(task, settings, public_key(settings), read_pairing(settings.folder / PAIRING_FILE), SECONDS)


@pytest.mark.parametrize("role", ["leader", "helper"])
def test_a_task_names_a_stranger_as_the_other(on_sqlite: Settings, role: Role) -> None:
    keys = keys_of(on_sqlite)
    other: Role = "helper" if role == "leader" else "leader"
    checked(on_sqlite[role], task_of(keys))
    named = Aggregator(name="stranger", url=URLS[other], key=public_of(X25519PrivateKey.generate()))
    moved = Aggregator(name="somebody", url="http://127.0.0.1:9", key=keys[other])
    for stranger in (named, moved):
        changes: dict[str, Any] = {other: stranger}
        with pytest.raises(AggregationError, match="paired with"):
            checked(on_sqlite[role], task_of(keys, **changes))


def test_a_stranger_is_shown_the_token(on_sqlite: Settings, stranger: tuple[str, list[str]]) -> None:
    url, shown = stranger
    urls: dict[Role, str] = {**URLS, "helper": url}
    task = task_of(keys_of(on_sqlite), urls=urls)
    parts = open_leader(on_sqlite["leader"], Around(now=Hands()))
    with parts.places.store:
        # Even if somebody put the task into the store.
        known = parts.places.add(task)
        Intake(parts.places).keep(known, [report_of(task, number) for number in range(3)])
        with pytest.raises(HelperAwayError, match="9002"):
            parts.leader.work(known)
    assert shown == []


def test_a_token_opens_another_helper(on_sqlite: Settings) -> None:
    known = open_secrets(on_sqlite["leader"])
    assert known.bearer == open_secrets(on_sqlite["helper"]).bearer
    assert known.helper is not None
    for changes in ({"url": "https://other.example"}, {"key": "ab" * 32}):
        assert replace(known, helper=msgspec.structs.replace(known.helper, **changes)).bearer != known.bearer


def test_a_leader_without_a_helper_serves(tmp_path: Path) -> None:
    making = Making(role="leader", name="one", url=URLS["leader"], passphrase=PASSPHRASE.encode(), costs=CHEAP)
    make_aggregator(tmp_path / "leader", making)
    settings = settings_of(tmp_path, "leader")
    with pytest.raises(SettingsError, match="leader pair"):
        create_leader(settings)
    with pytest.raises(AggregationError, match="no helper yet"):
        checked(settings, task_of({"leader": public_key(settings), "helper": "ab" * 32}))
    with pytest.raises(MisuseError, match="own helper"):
        pair_with(settings, described(settings))


def test_a_pair_gets_another_helper(on_sqlite: Settings, tmp_path: Path) -> None:
    leader, helper = on_sqlite["leader"], described(on_sqlite["helper"])
    pair_with(leader, helper)
    with pytest.raises(MisuseError, match="paired with"):
        pair_with(leader, msgspec.structs.replace(helper, key="ab" * 32))
    assert read_pairing(leader.folder / PAIRING_FILE).helper == helper
    making = Making(
        role="helper",
        name="second",
        url="http://127.0.0.1:9003",
        passphrase=PASSPHRASE.encode(),
        pairing=read_pairing(leader.folder / PAIRING_FILE),
        costs=CHEAP,
    )
    with pytest.raises(MisuseError, match="a helper already"):
        make_aggregator(tmp_path / "second", making)
    path = tmp_path / "helper.json"
    path.write_text("{}")
    with pytest.raises(MisuseError, match="no description"):
        read_description(path)
