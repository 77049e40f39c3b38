"""Who gets in, stays in or changes something who should not."""

import hashlib
from datetime import timedelta
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun_server.console.accounts import Accounts
from homespun_server.console.attempts import FREE, MAX_PAUSE, pause_after
from homespun_server.console.cookies import is_loopback, known_cookie, session_cookie, session_name
from homespun_server.console.entering import same_origin
from homespun_server.console.pages.entry import _inside
from homespun_server.console.passwords import kept, matches
from homespun_server.console.said import TEXTS
from homespun_server.console.sessions import ABSOLUTE, IDLE
from homespun_server.settings import ServerSettings
from homespun_server.store.tokens import ROLES
from tests.server.api.support import CHEAP, TESTER, Hands, Running, store_of
from tests.server.console.support import HOST, PASSWORD, SAME, SESSION, browsing, console

ACTIONS = "/console/rollout/films/production/2/pause"


def test_a_page_is_read_without_signing_in(service: Running) -> None:
    with browsing(service) as browser:
        for path in ("/console/", "/console/models", "/console/requests", "/console/log/0", "/console/changes"):
            seen = browser.get(path)
            assert (seen.status, seen.headers["location"].partition("?")[0]) == (303, "/console/sign-in")
        part = browser.get("/console/changes", **{"HX-Request": "true"})
        assert (part.status, part.headers["hx-redirect"]) == (401, "/console/sign-in")


def test_a_refusal_tells_why(empty_service: Running, bare: ServerSettings) -> None:
    with store_of(bare) as store:
        Accounts(store, Hands(), costs=CHEAP).disable("publisher", TESTER)
    with browsing(empty_service) as browser:
        answers = [
            browser.sign_in("operator", "a wrong password it is"),
            browser.sign_in("nobody", PASSWORD),
            browser.sign_in("publisher", PASSWORD),
            browser.sign_in("", ""),
            browser.sign_in("operator" * 20, "x" * 2000),
        ]
    assert {each.status for each in answers} == {403}
    assert len({each.text for each in answers}) == 1
    assert browser.cookie is None


def test_somebody_is_locked_out_for_ever_or_never_slowed() -> None:
    pauses = [pause_after(failures) for failures in range(200)]
    assert pauses == sorted(pauses)
    assert max(pauses) == MAX_PAUSE
    assert pauses[FREE] == 0 < pauses[FREE + 1]


def test_a_session_that_was_planted_is_used(empty_service: Running) -> None:
    with browsing(empty_service) as browser:
        planted = "A" * 43
        browser.cookies[SESSION] = planted
        answer = browser.sign_in("operator")
        assert answer.status == 303
        assert browser.cookie is not None
        assert browser.cookie != planted
        assert len(browser.cookie) == 43


def test_two_sessions_are_alike_or_the_store_holds_what_opens_them(bare: ServerSettings) -> None:
    with console(bare) as service, browsing(service, "operator") as one, browsing(service, "operator") as other:
        assert one.cookie is not None
        assert other.cookie is not None
        assert one.cookie != other.cookie
        stored = b"".join(path.read_bytes() for path in bare.folder.glob("store.sqlite*"))
        assert one.cookie.encode() not in stored
        assert hashlib.sha256(f"{HOST}\n{one.cookie}".encode()).hexdigest().encode() in stored
        assert one.get("/console/account").token.encode() not in stored


@pytest.mark.parametrize(("still", "over"), [(IDLE - timedelta(seconds=90), IDLE + timedelta(seconds=1))])
def test_an_idle_session_goes_on(bare: ServerSettings, still: timedelta, over: timedelta) -> None:
    clock = Hands()
    with console(bare, clock=clock) as service, browsing(service, "auditor") as browser:
        clock.now += still
        assert browser.get("/console/").status == 200
        clock.now += over
        assert browser.get("/console/").status == 303


def test_a_session_that_is_used_goes_on_for_ever(bare: ServerSettings) -> None:
    clock = Hands()
    with console(bare, clock=clock) as service, browsing(service, "auditor") as browser:
        steps = int(ABSOLUTE / (IDLE / 2))
        seen = []
        for _ in range(steps):
            seen.append(browser.get("/console/account").status)
            clock.now += IDLE / 2
        assert set(seen) == {200}
        assert browser.get("/console/account").status == 303


def test_a_session_is_kept_from_being_idle_by_what_nobody_asked_for(bare: ServerSettings) -> None:
    clock = Hands()
    with console(bare, clock=clock) as service, browsing(service, "auditor") as browser:
        style = browser.get("/console/account").all("link")[-1]["href"] or ""
        foreign = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
        for _ in range(3):
            clock.now += IDLE / 2 - timedelta(seconds=1)
            assert browser.get(style).status == 200
            seen = browser.get("/console/account", **foreign)
            assert (
                browser.service.client.get("/console/account", headers={"Host": HOST}).status_code == 200
            )  # a stranger
        assert seen.status == 303


def test_a_page_of_another_port_looks_at_something_in_an_officers_name(service: Running) -> None:
    with browsing(service, "compliance") as browser:
        before = len(browser.get("/console/changes").all("tr"))
        for site, kind in product(("same-site", "cross-site"), ("image", "iframe", "script", "empty")):
            for path in ("/console/", "/console/log/0"):
                assert browser.get(path, **{"Sec-Fetch-Site": site, "Sec-Fetch-Dest": kind}).status == 303, (site, kind)
            assert browser.get("/console/", **{"Sec-Fetch-Site": site, "Sec-Fetch-Dest": "document"}).status == 200
        assert len(browser.get("/console/changes").all("tr")) == before


def test_another_port_uses_the_session_that_it_was_handed(empty_service: Running) -> None:
    with browsing(empty_service, "operator") as browser:
        stolen = browser.cookie
        for host in ("127.0.0.1:8081", "localhost", "127.0.0.1:80", "console.example"):
            for name in {session_name(host), SESSION}:
                assert browser.get("/console/", Host=host, Cookie=f"{name}={stolen}").status == 303
        assert browser.get("/console/").status == 200


def test_a_cookie_that_was_planted_beside_takes_the_place_of_a_session(empty_service: Running) -> None:
    with browsing(empty_service, "operator") as browser, browsing(empty_service, "auditor") as other:
        right, theirs = f"{SESSION}={browser.cookie}", f"{SESSION}={other.cookie}"
        for one, two in permutations((right, theirs, f"{SESSION}={'A' * 43}", f"{SESSION}="), 2):
            seen = browser.get("/console/account", Cookie=f"{one}; {two}")
            assert (seen.status, seen.headers["location"].rpartition("&")[2]) == (303, "said=two-sessions")
        assert TEXTS["two-sessions"][:20] in browser.get("/console/sign-in?said=two-sessions").text
        same = f"{right}; x{theirs}; {right}"
        assert "signed in as operator" in browser.get("/console/account", Cookie=same).text


def test_signing_out_leaves_a_session(empty_service: Running) -> None:
    with browsing(empty_service, "operator") as one, browsing(empty_service, "operator") as other:
        secret = one.cookie
        assert one.send("/console/sign-out").status == 303
        assert secret is not None
        assert one.get("/console/", Cookie=f"{SESSION}={secret}").status == 303
        assert other.get("/console/").status == 200
        with browsing(empty_service, "operator") as third:
            assert third.send("/console/sign-out", everywhere="yes").status == 303
        assert other.get("/console/").status == 303


def test_an_account_that_was_disabled_or_has_another_password_goes_on(bare: ServerSettings) -> None:
    with console(bare) as service, store_of(bare) as store:
        accounts = Accounts(store, service.clock, costs=CHEAP)
        with browsing(service, "operator") as one, browsing(service, "auditor") as other:
            accounts.disable("operator", TESTER)
            accounts.set_password("auditor", "another quiet lamp", TESTER)
            assert one.get("/console/").status == other.get("/console/").status == 303
            assert other.sign_in("auditor").status == 403
            service.clock.pass_(seconds=MAX_PAUSE)
            assert other.sign_in("auditor", "another quiet lamp").status == 303


FOREIGN = (
    {"Host": "127.0.0.1"},
    {"Host": "127.0.0.1", "Origin": "null"},
    {"Host": "127.0.0.1", "Origin": "http://evil.example"},
    {"Host": "127.0.0.1", "Origin": "http://127.0.0.1.evil.example"},
    {"Host": "127.0.0.1", "Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
    {"Host": "127.0.0.1", "Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-site"},
    {"Host": "127.0.0.1", "Origin": "null", "Sec-Fetch-Site": "none"},
)


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_of_another_origin_is_taken(service: Running, headers: dict[str, str]) -> None:
    with browsing(service, "operator") as browser:
        token = browser.get("/console/account").token
        for path in (ACTIONS, "/console/sign-out"):
            assert browser.post(path, {"form_token": token, "reason": "because"}, headers).status == 403
        assert browser.post("/console/sign-in", {"name": "auditor", "password": PASSWORD}, headers).status == 403
        assert browser.get("/console/").status == 200


def test_a_form_of_this_origin_is_refused(service: Running) -> None:
    # A page that sends no referrer has the origin null in a browser's forms.
    with browsing(service, "operator") as browser:
        token = browser.get("/console/account").token
        headers = {**SAME, "Origin": "null"}
        assert browser.post(ACTIONS, {"form_token": token, "reason": "because"}, headers).status == 303


@pytest.mark.parametrize("token", [None, "", "0" * 64, "ä"])
def test_a_form_without_its_sessions_token_is_taken(service: Running, token: str | None) -> None:
    with browsing(service, "operator") as browser:
        fields = {"reason": "because"} if token is None else {"reason": "because", "form_token": token}
        for path in (ACTIONS, "/console/sign-out"):
            assert browser.post(path, fields).status == 403
        with browsing(service, "operator") as other:
            theirs = other.get("/console/account").token
        assert browser.post(ACTIONS, {"reason": "because", "form_token": theirs}).status == 403
        assert browser.get("/console/").status == 200


def test_an_unsafe_method_is_open_without_a_token_or_origin(service: Running) -> None:
    from litestar.handlers import HTTPRouteHandler

    from homespun_server.console.entering import from_here, with_token

    found = 0
    for route in service.application.routes:
        for handler in getattr(route, "route_handlers", ()):
            if route.path.startswith("/console") and isinstance(handler, HTTPRouteHandler):
                methods = {str(each) for each in handler.http_methods} - {"GET", "HEAD", "OPTIONS"}
                guards = handler.resolve_guards()
                if methods:
                    found += 1
                    assert from_here in guards, route.path
                    assert with_token in guards or route.path == "/console/sign-in"
    assert found > 5


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("localhost:8080", True),
        ("127.0.0.1:80", True),
        ("[::1]", True),
        ("[::1]:8080", True),
        ("console.example", False),
        ("localhost.example", False),
        ("127.0.0.1.example:80", False),
        ("", False),
        ("localhost:", False),
        ("localhost:80; a=b", False),
        ("localhost:123456", False),
        ("localhost:٣", False),
    ],
)
def test_a_cookie_crosses_a_network_in_the_clear(host: str, loopback: bool) -> None:  # noqa: FBT001
    assert is_loopback(host) is loopback
    assert session_cookie(host, "").max_age == 0
    for cookie in (session_cookie(host, "secret"), known_cookie(host, "ada", "mark")):
        assert cookie.secure is not loopback
        assert cookie.key.startswith("__Host-") is not loopback
        path = "/console" if loopback else "/"
        assert (cookie.httponly, cookie.samesite, cookie.path, cookie.domain) == (True, "strict", path, None)


@given(st.text())
def test_signing_in_leads_to_another_origin(to: str) -> None:
    assert _inside(to).startswith("/console/")
    for wrong in (f"//{to}", f"https://evil.example/{to}", f"/\\{to}", f"/console/../..//{to}\n"):
        assert _inside(wrong).startswith("/console/")


@pytest.mark.parametrize(
    "to", ["//evil.example/console/", "https://evil.example/console/", "javascript:alert(1)", "/x"]
)
def test_signing_in_leads_out_of_the_console(to: str) -> None:
    assert _inside(to) == "/console/"


def test_a_foreign_origin_passes_for_this_one() -> None:
    assert same_origin({"origin": "https://console.example"}, "console.example")
    assert same_origin({"origin": "https://CONSOLE.example:8443"}, "console.example:8443")
    assert not same_origin({"origin": ""}, "")
    assert not same_origin({"origin": "console.example"}, "console.example")
    assert not same_origin({}, "console.example")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_signs_in_as_another(empty_service: Running, role: str) -> None:
    with browsing(empty_service, role) as browser:  # type: ignore[arg-type]
        assert f"signed in as {role}" in browser.get("/console/account").text


def test_another_password_opens_what_is_kept() -> None:
    one = kept(PASSWORD, b"s" * 16, CHEAP)
    assert one.startswith("$argon2id$")
    assert matches(PASSWORD, one)
    assert not matches(PASSWORD + " ", one)
    assert not matches("x" * 5000, one)
    assert kept(PASSWORD, b"t" * 16, CHEAP) != one
