"""A session that outlasts what it should, or ends when it should not: cookies of others, clocks, and closing."""

import socket
import threading
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

import homespun as hs
from homespun.console import serving
from homespun.console.entering import SESSION_SECONDS, TOKEN_SECONDS, Entrance, Session
from homespun.console.handler import MOST_COOKIES, Handler
from homespun.errors import ClosedError
from tests.sdk.console.test_coming_in import Moments, drawing, is_shut
from tests.sdk.console.test_serving import serving_threads
from tests.sdk.console.visiting import PAGES, Page, Visitor

IDLE = 900.0


@pytest.mark.parametrize(
    "cookies",
    [
        "homespun=x; {}",
        "{}; homespun=x",
        "homespun=; homespun={}x; {}",
        'other="; {}',
        "a b=\u00e9; [=]; ;; {}; homespun",
        "; ".join(["homespun=x"] * (MOST_COOKIES - 1)) + "; {}",
    ],
)
def test_a_cookie_of_another_server_shuts_the_person_out(visitor: Visitor, cookies: str) -> None:
    # A server at another port of this machine can set one of our name for all paths, and the browser sends both.
    sent = cookies.replace("{}", visitor.cookie)
    assert visitor.get(Cookie=sent.encode("utf-8").decode("latin-1")).status == 200, sent


def test_any_number_of_cookies_is_looked_at(visitor: Visitor) -> None:
    many = "; ".join(["homespun=x"] * MOST_COOKIES)
    assert is_shut(visitor.get(Cookie=f"{many}; {visitor.cookie}"))


def test_a_cookie_of_somebody_else_takes_the_place_of_the_persons(me: hs.Personalizer, visitor: Visitor) -> None:
    with Visitor(me.console.url()) as other:
        both = f"{visitor.cookie}; {other.cookie}"
        form = visitor.read("choices").form("switch", control="pause")
        # The form is of the first one's session, and is taken for no other.
        assert visitor.post(form.action, form.fields, Cookie=both).status == 303
        assert is_shut(visitor.post(form.action, form.fields, Cookie=f"{other.cookie}; {visitor.cookie}"))


def came_in(entrance: Entrance) -> Session:
    session = entrance.enter(entrance.token())
    assert session is not None
    return session


def test_requests_of_strangers_keep_the_page_open() -> None:
    clock = Moments()
    entrance = Entrance(drawing(), clock)
    session = came_in(entrance)
    clock.now += IDLE - 1
    assert entrance.session(["x", ""]) is None
    assert entrance.enter("x") is None
    assert not entrance.is_over(IDLE)
    assert entrance.session(["x", session.secret]) is session
    clock.now += IDLE - 1
    assert not entrance.is_over(IDLE)
    assert entrance.session(["x"]) is None
    clock.now += 2
    assert entrance.is_over(IDLE)


def test_connections_of_strangers_keep_the_page_open(me: hs.Personalizer, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if somebody else connected again whenever one is cut off.
    monkeypatch.setattr(Handler, "timeout", None)
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 3600.0)
    connected, over = threading.Event(), Entrance.is_over
    monkeypatch.setattr(Entrance, "is_over", lambda self, idle: connected.is_set() and over(self, idle))
    where = urlsplit(me.console.url(idle_seconds=0.001))
    with socket.create_connection(("127.0.0.1", where.port), timeout=20) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n")
        connected.set()
        waiting = threading.Thread(target=me.console.wait, daemon=True)
        waiting.start()
        waiting.join(20)
        assert not waiting.is_alive()


def test_a_session_that_is_used_goes_on_for_ever() -> None:
    clock = Moments()
    entrance = Entrance(drawing(), clock)
    session = came_in(entrance)
    while clock.now + IDLE / 2 < SESSION_SECONDS:
        clock.now += IDLE / 2
        assert entrance.session([session.secret]) is session
        assert not entrance.is_over(IDLE)
    clock.now = SESSION_SECONDS + 1
    assert entrance.session([session.secret]) is None
    assert entrance.is_over(IDLE)


def test_nobody_can_come_and_it_is_served_all_the_same() -> None:
    clock = Moments()
    for spend in (True, False):
        entrance = Entrance(drawing(), clock)
        token = entrance.token()
        if spend:
            session = entrance.enter(token)
            assert session is not None
            assert not entrance.is_over(IDLE)
            entrance.leave(session)
        else:
            clock.now += TOKEN_SECONDS + 1
        assert entrance.is_over(2 * TOKEN_SECONDS)
        # From then on nobody is let in: the server is about to end.
        assert entrance.enter(token) is None
        with pytest.raises(ClosedError):
            entrance.token()


def test_closing_the_page_leaves_it_open(me: hs.Personalizer, visitor: Visitor) -> None:
    with Visitor(me.console.url()) as other:
        form = visitor.read("left").form("close")
        answer = visitor.post(form.action, form.fields)
        assert (answer.status, b"item" in answer.data) == (200, False)
        assert "closed" in Page(answer.data.decode()).text
        # The style in the page is the one that the policy lets in, and nothing is fetched.
        style = answer.data.partition(b"<style>")[2].partition(b"</style>")[0]
        policy = answer.headers["Content-Security-Policy"]
        assert f"'sha256-{b64encode(sha256(style).digest()).decode()}'" in policy
        assert ("'self'" in policy, "unsafe" in policy) == (False, False)
        assert answer.headers["Set-Cookie"] == (
            f"homespun=; Path={visitor.place}; HttpOnly; SameSite=Strict; Max-Age=0"
        )
        assert all(is_shut(visitor.get(page)) for page in PAGES)
        # Whoever else is in stays in.
        last = other.read().form("close")
        assert other.post(last.action, last.fields).status == 200
    me.console.wait()
    assert serving_threads() == []
    with Visitor(me.console.url()) as again:
        assert again.get().status == 200


def test_somebody_else_closes_the_page(visitor: Visitor) -> None:
    form = visitor.read().form("close")
    assert is_shut(visitor.post(form.action, {**form.fields, "csrf": "x"}))
    assert is_shut(visitor.post(form.action, form.fields, Origin="https://attacker.example"))
    assert visitor.get("do/close").status == 404
    assert visitor.get().status == 200
