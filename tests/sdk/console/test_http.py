"""Small print of HTTP: what is lost, doubled, cut short or sent twice on the way."""

import re
from urllib.parse import urlencode, urlsplit

import pytest

import homespun as hs
from tests.sdk.console.test_coming_in import raw
from tests.sdk.console.visiting import PAGES, Visitor


def said(visitor: Visitor) -> bool:
    return "You can undo it under Your choices" in visitor.read("choices").text


@pytest.mark.parametrize("ahead", [{"method": "HEAD"}, {"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}])
def test_what_is_told_once_is_told_to_nobody(visitor: Visitor, ahead: dict[str, str]) -> None:
    form = visitor.read("choices").form("switch", control="pause")
    visitor.post(form.action, form.fields)
    headers = {"Cookie": visitor.cookie, **ahead}
    method = headers.pop("method", "GET")
    answer = visitor.ask(method, f"{visitor.origin}{visitor.place}choices", headers=headers)
    assert answer.status == 200
    assert said(visitor)
    assert not said(visitor)


def test_headers_alone_are_others_than_with_the_page(visitor: Visitor) -> None:
    for page in (*PAGES, "console.css", "nothing"):
        whole, bare = (
            visitor.get(page),
            visitor.ask("HEAD", f"{visitor.origin}{visitor.place}{page}", headers={"Cookie": visitor.cookie}),
        )
        assert (bare.status, bare.data) == (whole.status, b"")
        for name in ("Content-Type", "Content-Length"):
            assert bare.headers[name] == whole.headers[name], page


def test_a_kind_or_a_charset_is_named_twice(visitor: Visitor) -> None:
    for page in (*PAGES, "list", "console.css", "console.js", "icon.svg", "nothing"):
        visitor.get(page)
    visitor.get(Host="attacker.example")
    visitor.ask("PUT", visitor.origin)
    form = visitor.read("yours").form("export")
    visitor.post(form.action, form.fields)
    for answer in visitor.answers:
        (kind,) = answer.headers.getlist("Content-Type")
        assert re.fullmatch(r"[a-z]+/[a-z+-]+(; charset=utf-8)?", kind), kind
        assert len(answer.headers.getlist("Content-Length")) == 1


def sent(visitor: Visitor, body: str, *headers: str) -> bytes:
    lines = (
        f"POST {visitor.place}do/switch HTTP/1.1",
        f"Host: {urlsplit(visitor.origin).netloc}",
        f"Cookie: {visitor.cookie}",
        *headers,
        "",
        body,
    )
    return raw(visitor, "\r\n".join(lines).encode())


def test_a_form_that_broke_off_or_names_things_twice_is_taken(me: hs.Personalizer, visitor: Visitor) -> None:
    csrf = visitor.read().forms[0].fields["csrf"]
    body = urlencode({"csrf": csrf, "control": "pause", "on": "on"})
    origin, length = f"Origin: {visitor.origin}", f"Content-Length: {len(body)}"
    kind = "Content-Type: application/x-www-form-urlencoded"
    for wrong, status in (
        ((origin, kind, f"Content-Length: {len(body) + 5}"), b"400"),
        ((origin, kind, length, length), b"400"),
        ((origin, kind, kind, length), b"400"),
        ((origin, origin, kind, length), b"403"),
        ((origin, "Origin: https://attacker.example", kind, length), b"403"),
        ((origin, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site", kind, length), b"403"),
    ):
        assert sent(visitor, body, *wrong).startswith(b"HTTP/1.0 " + status), wrong
        assert not me.controls.current().paused
    assert sent(visitor, body, origin, kind, length).startswith(b"HTTP/1.0 303")
    assert me.controls.current().paused


def test_who_asks_without_headers_spends_an_address(me: hs.Personalizer) -> None:
    url = urlsplit(me.console.url())
    with Visitor() as person:
        person.origin = f"{url.scheme}://{url.netloc}"
        assert raw(person, f"GET {url.path}\r\nHost: {url.netloc}\r\n\r\n".encode()) == b""
        person.enter(url.geturl())


def test_a_method_that_is_refused_has_no_other_in_its_place(visitor: Visitor) -> None:
    answer = visitor.ask("DELETE", f"{visitor.origin}{visitor.place}")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_an_address_with_too_much_in_it_is_a_fault_of_ours(visitor: Visitor) -> None:
    assert visitor.get("known?" + "&".join(f"a{number}=b" for number in range(200))).status == 400
