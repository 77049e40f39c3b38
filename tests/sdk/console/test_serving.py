"""What could go wrong beside the pages: many at once, closing meanwhile, silence, and failures inside."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

import homespun as hs
from homespun.console import serving
from homespun.console.handler import Handler
from homespun.errors import ClosedError, MisuseError
from homespun.listing import Listing
from tests.sdk.console.visiting import NOTICE, PAGES, Visitor


def together(*jobs: Callable[[], None]) -> list[BaseException]:
    """Run jobs at the same time; return what they raised."""
    wrong: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - told by the caller
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def serving_threads() -> list[str]:
    return [
        each.name for each in threading.enumerate() if "homespun console" in each.name or "process_request" in each.name
    ]


def test_importing_homespun_imports_a_server() -> None:
    program = (
        "import sys, homespun; print([name for name in sys.modules if name == 'http.server' or 'console' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_and_the_application_get_in_each_others_way(me: hs.Personalizer) -> None:
    visitors = [Visitor(me.console.url(notice=NOTICE)) for _ in range(3)]
    seen: list[int] = []

    def look(visitor: Visitor) -> None:
        seen.extend(visitor.get(page).status for page in (*PAGES, *PAGES, "why?item=item-3"))

    def change() -> None:
        visitor = visitors[0]
        csrf = visitor.read().forms[0].fields["csrf"]
        for number in range(8):
            fields = {"csrf": csrf, "diversity": str(number * 10), "exploration": "30"}
            seen.append(visitor.post("do/dials", fields, X_Homespun="fetch").status)

    def use() -> None:
        for number in range(12):
            me.record(f"item-{number}", "rate", weight=9.0)
            me.explain(me.recommend(5)[0].item)

    assert together(*(lambda each=each: look(each) for each in visitors), change, use, use) == []
    assert set(seen) == {200}
    assert me.controls.current().diversity == 0.7
    assert len(me.events()) == 4 + 24
    for visitor in visitors:
        visitor.__exit__()


def test_closing_waits_for_ever_or_leaves_something_behind(
    me: hs.Personalizer, capfd: pytest.CaptureFixture[str]
) -> None:
    visitors = [Visitor(me.console.url()) for _ in range(4)]
    started = threading.Barrier(len(visitors) + 1)
    seen: list[int] = []

    def look(visitor: Visitor) -> None:
        started.wait()
        # The end is a refused or a broken connection.
        with suppress(urllib3.exceptions.HTTPError):
            while True:
                answer = visitor.get("known")
                seen.append(answer.status)
                if answer.status == 503:
                    assert b"closed" in answer.data
                assert answer.status in {200, 503}

    def close() -> None:
        started.wait()
        me.close()

    assert together(*(lambda each=each: look(each) for each in visitors), close) == []
    assert serving_threads() == []
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ClosedError, match="its page with it"):
        me.console.url()
    for visitor in visitors:
        visitor.__exit__()


def test_a_page_outlives_the_profile_that_it_shows(me: hs.Personalizer, visitor: Visitor) -> None:
    # As where an application closes the profile from below.
    me._home.close()
    assert {visitor.get(page).status for page in PAGES} == {503}
    assert b"item" not in visitor.get().data


def test_what_fails_inside_is_told_outside(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("what the person did")

    monkeypatch.setattr(Listing, "looked_at", fail)
    answer = visitor.get()
    assert (answer.status, b"person" in answer.data) == (500, False)
    assert visitor.get("known").status == 200
    assert capfd.readouterr() == ("", "")


def is_cut_off(connection: socket.socket) -> bool:
    """Wait until the other end closes a connection that it has not answered."""
    with suppress(ConnectionResetError):
        return connection.recv(100) == b""
    return True


def test_silent_connections_keep_the_person_out(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if each said a little all the time.
    monkeypatch.setattr(Handler, "timeout", None)
    where = ("127.0.0.1", urlsplit(visitor.origin).port)
    with ExitStack() as stack:
        first = stack.enter_context(socket.create_connection(where, timeout=5))
        for _ in range(serving.MOST_CONNECTIONS + 8):
            stack.enter_context(socket.create_connection(where, timeout=5)).sendall(b"GET / HTTP/1.1\r\n")
        assert visitor.get().status == 200
        assert is_cut_off(first)


def test_who_never_ends_a_request_stays(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "timeout", None)
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", urlsplit(visitor.origin).port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert is_cut_off(connection)


def test_a_page_that_nobody_looks_at_is_served_for_ever(me: hs.Personalizer) -> None:
    first = me.console.url(idle_seconds=0.01)
    me.console.wait()
    assert serving_threads() == []
    with Visitor(me.console.url(notice=NOTICE)) as visitor:
        assert visitor.get().status == 200
        assert visitor.origin not in first or visitor.ask("GET", first).status == 403


def test_stopping_twice_or_before_the_start_breaks(me: hs.Personalizer) -> None:
    me.console.stop()
    me.console.wait()
    me.console.url()
    me.console.stop()
    me.console.stop()
    assert serving_threads() == []
    assert me.console is me.console


@pytest.mark.parametrize("idle", [0, -1, float("nan"), "long"])
def test_what_is_no_time_is_taken(me: hs.Personalizer, idle: Any) -> None:
    with pytest.raises(MisuseError, match="idle_seconds"):
        me.console.url(idle_seconds=idle)


@pytest.mark.parametrize("notice", ["words", {"measurement": NOTICE}, {hs.Purpose.MEASUREMENT: "words"}])
def test_what_is_no_notice_is_taken(me: hs.Personalizer, notice: Any) -> None:
    with pytest.raises(MisuseError, match="notice"):
        me.console.url(notice=notice)


def test_a_private_session_of_the_page_outlives_it(me: hs.Personalizer, visitor: Visitor) -> None:
    visitor.send(visitor.read("choices").form("switch", control="private"))
    me.console.stop()
    # Ending the page is no reason to record what was to be private.
    assert me.record("item-1", "rate", weight=9.0) is False
    me.console.close()
    assert me.record("item-1", "rate", weight=9.0) is True
