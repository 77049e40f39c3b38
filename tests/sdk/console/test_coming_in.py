"""Who tries to see or to do what is the person's alone: other pages, other programs, other accounts."""

import http.client
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import urllib3

import homespun as hs
from homespun.console.answers import HEADERS
from homespun.console.entering import MOST_TOKENS, TOKEN_SECONDS, Entrance
from tests.sdk.console.visiting import PAGES, Visitor

OTHER = "https://attacker.example"


def is_shut(answer: urllib3.BaseHTTPResponse) -> bool:
    """Whether an answer says no more than that there is something."""
    return answer.status == 403 and answer.data.startswith(b"This page opens by its own address only")


def test_an_address_lets_a_second_one_in(me: hs.Personalizer) -> None:
    url = me.console.url()
    with Visitor(url) as person, Visitor() as second:
        assert person.get().status == 200
        assert is_shut(second.ask("GET", url))
        assert person.get().status == 200


def test_a_browser_that_asks_ahead_uses_the_address_up(me: hs.Personalizer) -> None:
    url = me.console.url()
    with Visitor() as ahead:
        assert is_shut(ahead.ask("GET", url, headers={"Sec-Purpose": "prefetch;prerender"}))
        assert ahead.ask("HEAD", url).status == 403
        ahead.enter(url)


@pytest.mark.parametrize("page", [*PAGES, "list", "why?item=item-3", "console.css", "receipt?number=0"])
def test_another_account_of_the_machine_sees_something(visitor: Visitor, page: str) -> None:
    with Visitor() as stranger:
        stranger.origin, stranger.place = visitor.origin, visitor.place
        seen = {stranger.get(page, Cookie=cookie).data for cookie in ("", "homespun=", "homespun=x", "a;b;=")}
        stranger.place = "/"
        # Somebody who does not know the path is told the very same.
        assert {*seen, stranger.get(page).data} == {stranger.get("anything").data}
        assert all(is_shut(answer) for answer in stranger.answers)


def test_a_guess_at_an_address_is_let_in(me: hs.Personalizer) -> None:
    url = me.console.url()
    token = url.rpartition("/")[2]
    assert len(token) >= 43
    with Visitor() as stranger:
        for guess in ("", "x", token[:-1], token + "x", token.swapcase(), "%00", "é".encode().hex()):
            assert is_shut(stranger.ask("GET", f"{url.removesuffix(token)}{guess}")), guess


def test_a_name_that_was_pointed_at_this_machine_is_served(visitor: Visitor) -> None:
    port = urlsplit(visitor.origin).port
    for host in (
        f"attacker.example:{port}",
        "attacker.example",
        f"localhost:{port}",
        "127.0.0.1",
        f"127.0.0.1:{port}0",
        "",
    ):
        answer = visitor.get(Host=host)
        assert (answer.status, b"item" in answer.data) == (421, False), host
    assert visitor.post("do/switch", {"control": "pause", "on": "on"}, Host=f"evil.example:{port}").status == 421


def raw(visitor: Visitor, sent: bytes) -> bytes:
    """What comes back for bytes that no browser would send."""
    with socket.create_connection(("127.0.0.1", urlsplit(visitor.origin).port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_two_hosts_or_a_whole_address_go_around_the_check_of_the_host(visitor: Visitor) -> None:
    host, cookie = urlsplit(visitor.origin).netloc, visitor.cookie
    place = visitor.place
    rest = f"Cookie: {cookie}\r\n\r\n"
    two = f"GET {place} HTTP/1.1\r\nHost: {host}\r\nHost: attacker.example\r\n{rest}"
    whole = f"GET http://attacker.example{place} HTTP/1.1\r\nHost: {host}\r\n{rest}"
    assert raw(visitor, two.encode()).startswith(b"HTTP/1.0 421 ")
    assert raw(visitor, whole.encode()).startswith(b"HTTP/1.0 400 ")
    # Of the oldest HTTP, which has no headers, nothing is answered at all.
    assert raw(visitor, f"GET {place}\r\n\r\n".encode()) == b""
    assert raw(visitor, f"GET {place} HTTP/1.1\r\n{rest}".encode()).startswith(b"HTTP/1.0 421 ")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_in_the_same_browser_reads_or_acts(me: hs.Personalizer, visitor: Visitor, site: str) -> None:
    csrf = visitor.read().forms[0].fields["csrf"]
    act = {"csrf": csrf, "control": "pause", "on": "on"}
    # A page of another port of this machine is of the same site, and is another's all the same.
    assert is_shut(visitor.get(Sec_Fetch_Site=site))
    assert is_shut(visitor.post("do/switch", act, Sec_Fetch_Site=site))
    for origin in (OTHER, "null", "", visitor.origin.replace("127.0.0.1", "localhost"), visitor.origin + "0"):
        assert is_shut(visitor.post("do/switch", act, Origin=origin)), origin
    assert not me.controls.current().paused
    assert visitor.post("do/switch", act).status == 303
    assert me.controls.current().paused


def test_a_form_of_somebody_else_is_taken(me: hs.Personalizer, visitor: Visitor) -> None:
    with Visitor(me.console.url()) as other:
        theirs = other.read().forms[0].fields["csrf"]
        for csrf in ("", "x", theirs):
            assert is_shut(visitor.post("do/switch", {"csrf": csrf, "control": "pause", "on": "on"})), csrf
    assert not me.controls.current().paused


def test_a_page_changes_something_when_it_is_only_looked_at(me: hs.Personalizer, visitor: Visitor) -> None:
    before = me.controls.history(), me.consent.records(), me.events(), len(me.decisions)
    for page in (*PAGES, "list?diversity=80&exploration=50", visitor.why("item-3"), "do/switch?control=pause&on=on"):
        visitor.get(page)
    assert visitor.get("do/switch?control=pause&on=on").status == 404
    assert before == (me.controls.history(), me.consent.records(), me.events(), len(me.decisions))


def test_an_answer_lacks_a_header(me: hs.Personalizer, visitor: Visitor) -> None:
    for page in (
        *PAGES,
        "list",
        "console.css",
        "console.js",
        "icon.svg",
        "nothing",
        visitor.why("item-3"),
        "why?item=no",
    ):
        visitor.get(page)
    visitor.get(Host="attacker.example")
    visitor.post("do/switch", {})
    visitor.post("do/none", {"csrf": visitor.read().forms[0].fields["csrf"]})
    visitor.ask("PUT", f"{visitor.origin}{visitor.place}")
    visitor.ask("OPTIONS", f"{visitor.origin}{visitor.place}", headers={"Origin": OTHER})
    for answer in visitor.answers:
        assert HEADERS.items() <= dict(answer.headers).items(), answer.status
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert "python" not in str(answer.headers).lower()
    assert {answer.status for answer in visitor.answers} >= {200, 403, 404, 405, 421}


def test_the_policy_of_content_allows_anything_from_elsewhere() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("frame-ancestors") == "'none'"
    assert set(policy.values()) == {"'self'"}


def test_the_cookie_is_readable_by_scripts_or_sent_elsewhere(me: hs.Personalizer) -> None:
    with Visitor(me.console.url()) as person:
        name, *rest = person.answers[0].headers["Set-Cookie"].split("; ")
        assert len(name.partition("=")[2]) >= 43
        # Cookies are not kept apart by port, so the path that nobody can guess keeps it from other servers here.
        assert sorted(rest) == ["HttpOnly", f"Path={person.place}", "SameSite=Strict"]
        assert len(person.place) >= 43


def test_it_listens_to_other_machines(visitor: Visitor) -> None:
    assert urlsplit(visitor.origin).hostname == "127.0.0.1"
    port = urlsplit(visitor.origin).port
    # Every address of 127.0.0.0/8 is this machine; it listens at one of them.
    with pytest.raises(OSError, match=r".*"), socket.create_connection(("127.0.0.2", port), timeout=5):
        pass


def test_a_session_outlives_its_server(me: hs.Personalizer, visitor: Visitor) -> None:
    me.console.stop()
    with pytest.raises(Exception, match=r"refused|failed|Failed"):
        visitor.get()
    with Visitor(me.console.url()) as again:
        again.cookie = visitor.cookie
        assert is_shut(again.get())


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/plain"}, b"csrf=x"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--"),
        ({"Content-Type": "application/json"}, b"{}"),
        ({"Transfer-Encoding": "chunked"}, b"0\r\n\r\n"),
        ({"Content-Length": "-1"}, b""),
        ({"Content-Length": "99999999"}, b""),
        ({"Content-Length": "1_0"}, b"0123456789"),
        ({}, b"\xff\xfe"),
        ({}, b"&".join(b"a=%d" % number for number in range(100))),
        ({}, b"a=%ff%fe"),
    ],
)
def test_what_is_no_form_is_read(visitor: Visitor, headers: dict[str, str], body: bytes) -> None:
    connection = http.client.HTTPConnection(urlsplit(visitor.origin).netloc, timeout=20)
    given = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    own = {"Cookie": visitor.cookie, "Origin": visitor.origin}
    connection.putrequest("POST", f"{visitor.place}do/switch")
    for name, value in {**given, **own, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    assert answer.status in {400, 403, 404, 413}
    assert dict(answer.headers).items() >= HEADERS.items()
    connection.close()


class Moments:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drawing() -> Callable[[int], bytes]:
    """Bytes that are never the same twice."""
    count = iter(range(1, 100_000))
    return lambda size: next(count).to_bytes(size, "big")


def test_an_address_is_good_for_ever_or_there_are_any_number_of_them() -> None:
    clock = Moments()
    entrance = Entrance(drawing(), clock)
    late = entrance.token()
    clock.now += TOKEN_SECONDS + 1
    assert entrance.enter(late) is None
    tokens = [entrance.token() for _ in range(MOST_TOKENS + 3)]
    assert [entrance.enter(token) is not None for token in tokens] == [False] * 3 + [True] * MOST_TOKENS
    assert all(entrance.enter(token) is None for token in tokens)
