"""What a page must not do: show what a role may not see, run what is not its own, or forget that somebody looked."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from homespun.protocol.checkpoint import Checkpoint, origin_of, signed
from homespun_server.compliance.keys import open_compliance_keys
from homespun_server.compliance.log.memory import Memory
from homespun_server.compliance.log.opening import memory_of
from homespun_server.console.headers import HEADERS, POLICY
from homespun_server.console.mounting import MENU
from homespun_server.console.said import TEXTS
from homespun_server.console.views.log import CASES
from homespun_server.console.views.requests import MOST_COUNTED, NUMBERS
from homespun_server.console.words import told
from homespun_server.settings import ServerSettings
from homespun_server.store import AuditLog, Role
from homespun_server.store.schema_log import log_entries, log_openings
from homespun_server.store.schema_requests import requests
from homespun_server.store.tokens import ROLES
from tests.server.api.support import Running, store_of
from tests.server.console.support import SAME, Seen, browsing, console

ACTION = "/console/rollout/films/production/2/pause"

MOST_BYTES = 200_000
"""A page with all that it loads."""

PEOPLE: tuple[Role, ...] = ("compliance",)
MOST: tuple[Role, ...] = ("operator", "compliance", "auditor")

READ: dict[str, tuple[Role, ...]] = {
    "/console/": ROLES,
    "/console/account": ROLES,
    "/console/models": ROLES,
    "/console/models/compare": ROLES,
    "/console/models/BUNDLE": ROLES,
    "/console/rollout": ROLES,
    "/console/budget?set=films&users=5000&items=2000&epsilon=1": ROLES,
    "/console/consent": ROLES,
    "/console/consent?days=365&purpose=personalization": ROLES,
    "/console/requests": MOST,
    "/console/requests?state=completed": MOST,
    "/console/requests/REQUEST": MOST,
    "/console/log": ROLES,
    "/console/log/0": ROLES,
    "/console/explanations": ROLES,
    "/console/documents": ROLES,
    "/console/changes": MOST,
}

CHANGE: dict[str, tuple[Role, ...]] = {
    "/console/rollout/films/production/2/pause": ("publisher", "operator", "compliance"),
    "/console/rollout/films/production/2/resume": ("publisher", "operator"),
    "/console/rollout/films/production/rollback": ("publisher", "operator", "compliance"),
    "/console/requests": PEOPLE,
    "/console/requests/REQUEST/accept": PEOPLE,
    "/console/requests/REQUEST/work": PEOPLE,
    "/console/requests/REQUEST/export": PEOPLE,
    "/console/requests/REQUEST/check": PEOPLE,
    "/console/requests/REQUEST/lift": PEOPLE,
    "/console/log/checkpoint": PEOPLE,
    "/console/explanations": ROLES,
}


def filled(service: Running, path: str) -> str:
    with store_of(service.settings) as store, store.reading() as connection:
        found = connection.execute(requests.select().where(requests.c.kind == "erasure")).one()
    bundle = next(each.name for each in service.settings.bundles.iterdir() if len(each.name) == 64)
    return path.replace("BUNDLE", bundle).replace("REQUEST", found.id)


def pages(service: Running) -> Iterator[Seen]:
    for role in ("compliance", "publisher"):
        with browsing(service, role) as browser:
            for path, allowed in READ.items():
                if role in allowed:
                    yield browser.get(filled(service, path))


def test_a_role_reads_or_changes_what_it_may_not(service: Running) -> None:
    for role in ROLES:
        with browsing(service, role) as browser:
            for path, allowed in READ.items():
                assert browser.get(filled(service, path)).status == (200 if role in allowed else 403), (role, path)
            for path, allowed in CHANGE.items():
                status = browser.send(filled(service, path)).status
                assert (status != 403) == (role in allowed) or (role in allowed and path.endswith("work")), (role, path)


def test_a_page_is_in_nobodys_table(service: Running) -> None:
    from litestar.handlers import HTTPRouteHandler

    known = {re.sub(r"[?].*", "", path) for path in (*READ, *CHANGE)}
    patterns = {re.compile(re.sub(r"\{[^}]*\}", "[^/]+", each)) for each in _paths(service, HTTPRouteHandler)}
    others = ("sign-in", "sign-out", "static", "documents/", "{rest")
    for pattern in patterns:
        told = any(pattern.fullmatch(path.rstrip("/") or path) or pattern.fullmatch(path) for path in known)
        assert told or any(word in pattern.pattern for word in others) or "+/+" in pattern.pattern, pattern


def _paths(service: Running, kind: type) -> set[str]:
    return {
        route.path
        for route in service.application.routes
        if route.path.startswith("/console/") and "rest" not in route.path
        for handler in getattr(route, "route_handlers", ())
        if isinstance(handler, kind)
    }


def test_an_answer_lacks_a_header(service: Running) -> None:
    with browsing(service, "compliance") as browser:
        answers = [
            *(browser.get(filled(service, path)) for path in READ),
            browser.get("/console/nowhere"),
            browser.get("/console/models/nothing"),
            browser.get("/console/log/99999999"),
            browser.get("/console/budget?set=nobody"),
            browser.get("/console"),
            browser.post("/console/requests", {}, {**SAME, "Origin": "http://evil.example"}),
            browser.post("/console/models", {}),
            browser.get("/console/static/0/console.css"),
            browser.get("/console/sign-in"),
        ]
    assert {each.status for each in answers} >= {200, 403, 404, 405}
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers.get_list(name.decode()) == [value.decode()], answer.status
        assert answer.headers["cache-control"] == "no-store"


def test_an_answer_names_its_encoding_twice_or_not_at_all(service: Running) -> None:
    with browsing(service, "auditor") as browser:
        page = browser.get("/console/")
        loaded = [each["src"] or "" for each in page.all("script")] + [each["href"] or "" for each in page.all("link")]
        for path in ("/console/", "/console/nowhere", "/console/sign-in", *loaded):
            kind, *parameters = browser.get(path).headers["content-type"].split("; ")
            assert parameters == (["charset=utf-8"] if kind.startswith("text/") else []), path


def test_asking_for_the_headers_alone_is_refused_or_sends_the_page(service: Running) -> None:
    with browsing(service, "auditor") as browser:
        style = browser.get("/console/").all("link")[-1]["href"] or ""
        for path in ("/console/", "/console/models", "/console/nowhere", "/console/sign-in", style):
            whole, bare = browser.get(path), browser.head(path)
            assert (bare.status, bare.text) == (whole.status, "")
            for name in ("content-type", "content-length", "content-security-policy"):
                assert bare.headers[name] == whole.headers[name], path
    assert {each["route"] for each in service.events if each.get("method") == "HEAD"} >= {"/console/models"}


def test_the_policy_lets_something_foreign_or_inline_in() -> None:
    parts = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"] == parts["style-src"] == parts["connect-src"] == parts["form-action"] == "'self'"
    assert parts["frame-ancestors"] == parts["base-uri"] == "'none'"
    assert "unsafe" not in POLICY
    assert "*" not in POLICY
    assert "http" not in POLICY


def test_a_page_has_something_inline_or_foreign(service: Running) -> None:
    for page in pages(service):
        for tag, attributes in page.tags:
            assert tag != "style"
            assert "style" not in attributes
            assert not any(name.startswith(("on", "hx-on")) for name in attributes)
            assert tag != "script" or (attributes.get("src") or "").startswith("/console/static/")
            for name in ("href", "src", "action", "hx-get"):
                assert (attributes.get(name) or "/").startswith(("/console/", "#")) or name not in attributes
        assert '"allowEval":false' in page.text


def test_a_page_is_hard_to_use_without_eyes_or_mouse(service: Running) -> None:
    for page in pages(service):
        labelled = {each.get("for") for each in page.all("label")}
        ids = [each["id"] for _, each in page.tags if "id" in each]
        assert len(ids) == len(set(ids))
        assert page.all("html")[0]["lang"] == "en"
        assert next(each["href"] for each in page.all("a")) == "#main"
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) == 1
        assert len(page.all("table")) == len(page.all("caption"))
        assert all("scope" in each for each in page.all("th"))
        assert all("alt" in each for each in page.all("img"))
        assert any(each.get("aria-live") == "polite" for each in page.all("div"))
        for tag, attributes in page.tags:
            if tag in ("select", "textarea") or (
                tag == "input" and attributes.get("type") not in ("hidden", "checkbox")
            ):
                assert attributes["id"] in labelled


def test_a_form_works_with_scripts_alone(service: Running) -> None:
    for page in pages(service):
        forms = [(tag, each) for tag, each in page.tags if tag in ("form", "button", "input")]
        for tag, each in forms:
            if tag == "form":
                assert (each.get("action") or "").startswith("/console/")
                assert each.get("method") in ("get", "post")
        posts = [each for tag, each in forms if tag == "form" and each.get("method") == "post"]
        tokens = [each for tag, each in forms if tag == "input" and each.get("name") == "form_token"]
        assert len(posts) == len(tokens)


def test_a_page_with_all_that_it_loads_is_large(service: Running) -> None:
    with browsing(service, "compliance") as browser:
        for path in READ:
            page = browser.get(filled(service, path))
            addresses = [each["src"] for each in page.all("script")] + [each["href"] for each in page.all("link")]
            loaded = sum(len(browser.get(each or "").text.encode()) for each in set(addresses))
            assert len(page.text.encode()) + loaded <= MOST_BYTES, path


def test_a_link_leads_nowhere(service: Running) -> None:
    with browsing(service, "compliance") as browser:
        seen: set[str] = set()
        waiting = {"/console/"}
        while waiting:
            path = waiting.pop()
            seen.add(path)
            answer = browser.get(path)
            assert answer.status == 200, path
            if path.count("/") <= 3 and "documents/" not in path:
                found = {link.partition("#")[0] for link in answer.links if link.startswith("/console")}
                waiting |= {link for link in found - seen if "/log/" not in link and "/documents/" not in link}
        assert {place.path for section in MENU for place in section.places} <= seen


def test_a_document_is_not_made_or_shown_as_a_page(service: Running) -> None:
    with browsing(service, "auditor") as browser:
        made = browser.get("/console/documents/art-30/md")
        assert made.status == 200
        assert "Films Ltd" in made.text
        assert made.headers["content-disposition"].startswith("attachment")
        assert browser.get("/console/documents/art-31/md").status == 404
        assert browser.get("/console/documents/art-30/exe").status == 404


def test_a_look_at_a_person_is_not_recorded(service: Running, full: ServerSettings) -> None:
    path = filled(service, "/console/requests/REQUEST")
    for role, shown in (("compliance", True), ("auditor", False), ("operator", False)):
        with browsing(service, role) as browser:  # type: ignore[arg-type]
            page = browser.get(path)
            assert ("person-3-0" in page.text) is shown
            assert ('action="' + path in page.text) is shown
            entry = browser.get("/console/log/0")
            assert ("&#34;subject&#34;" in entry.text) is shown
            case = browser.get(f"/console/log/{_of_kind(service, 'request')}")
            assert "&#34;request&#34;" in case.text
    with store_of(full) as store:
        looked = [(each.who, each.action) for each in AuditLog(store).entries() if each.action.startswith("view-")]
    assert looked == [
        ("account compliance", "view-request"),
        ("account compliance", "view-log-entry"),
        ("account compliance", "view-log-entry"),
        ("account auditor", "view-request"),
        ("account auditor", "view-log-entry"),
        ("account operator", "view-request"),
        ("account operator", "view-log-entry"),
    ]


def test_whoever_sees_no_requests_reads_them_in_the_log(service: Running) -> None:
    with browsing(service, "publisher") as publisher, browsing(service, "auditor") as auditor:
        place = _of_kind(service, "request")
        assert "shown to those who see requests" in publisher.get(f"/console/log/{place}").text
        for index in range(40):
            seen = publisher.get(f"/console/log/{index}").text
            kind = seen.partition("About a ")[2].partition(",")[0]
            shown = "&#34;" in seen.partition("What it commits to")[2]
            assert shown is (kind not in CASES), index
            if kind == "consent":
                assert "&#34;" not in auditor.get(f"/console/log/{index}").text.partition("What it commits to")[2]
    with store_of(service.settings) as store:
        looked = [each for each in AuditLog(store).entries() if each.action == "view-log-entry"]
    assert looked == []


def _of_kind(service: Running, kind: str) -> int | None:
    """Return the first entry of the log of a kind that names no pseudonym, if there is one."""
    with store_of(service.settings) as store, store.reading() as connection:
        query = select(log_entries.c.number).where(log_entries.c.kind == kind, log_openings.c.subject.is_(None))
        joined = query.join(log_openings, log_openings.c.number == log_entries.c.number)
        return connection.scalar(joined.order_by(log_entries.c.number).limit(1))


def test_a_log_that_a_restore_took_back_looks_well(full: ServerSettings) -> None:
    keys = open_compliance_keys(full)
    later = Checkpoint(origin_of(bytes.fromhex(keys.log_key)), 10_000, bytes(32))
    memory = Memory(memory_of(full), bytes.fromhex(keys.log_key))
    memory.keep(signed(later, keys.log.sign, bytes.fromhex(keys.log_key)))
    with console(full) as service, browsing(service, "compliance") as browser:
        told = browser.get("/console/").text
        assert "no consent or request is taken in" in told
        assert "log begin-anew" in told
        assert browser.send("/console/log/checkpoint").status == 503


def test_a_request_that_is_late_or_due_is_overlooked(service: Running) -> None:
    service.clock.pass_(days=1)
    with browsing(service, "compliance") as browser:
        first = browser.get("/console/")
        rows = re.findall(r'/console/requests/([0-9a-f]{32})"', browser.get("/console/requests").text)
    assert rows[0] in first.text
    assert rows[-1] not in first.text
    assert "ago." in first.text
    with store_of(service.settings) as store, store.reading() as connection:
        by_deadline = requests.select().where(requests.c.next.is_not(None)).order_by(requests.c.next)
        assert rows == [each.id for each in connection.execute(by_deadline)]


def test_a_request_is_on_no_page_of_the_queue(service: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with browsing(service, "compliance") as browser:
        whole = re.findall(r'/console/requests/([0-9a-f]{32})"', browser.get("/console/requests").text)
        monkeypatch.setattr("homespun_server.console.views.requests.PAGE", 2)
        path: str | None = "/console/requests"
        found: list[str] = []
        while path is not None:
            page = browser.get(path)
            shown = re.findall(r'/console/requests/([0-9a-f]{32})"', page.text)
            assert 0 < len(shown) <= 2
            found += shown
            assert len(found) <= len(whole)
            path = next((each["href"] for each in page.all("a") if each.get("rel") == "next"), None)
        assert len(whole) > 4
        assert found == whole
        for typed in ("x", "2025-03-01T00:00:00%2B00:00_", "_" + "0" * 32, "'%20OR%201=1"):
            assert browser.get(f"/console/requests?after={typed}").status == 400, typed


def test_a_page_of_the_queue_counts_all_that_ever_were(service: Running) -> None:
    with store_of(service.settings) as store, store.writing() as connection:
        one = connection.execute(requests.select().where(requests.c.kind == "erasure")).one()._asdict()
        many = [{**one, "id": f"{number:032x}", "state": "closed", "next": None} for number in range(MOST_COUNTED + 9)]
        connection.execute(requests.insert(), many)
        assert connection.execute(NUMBERS).one().closed == MOST_COUNTED + 1
    with browsing(service, "compliance") as browser:
        options = browser.get("/console/requests").text
        assert f"closed ({MOST_COUNTED:,}+)" in options
        assert "closed pending (0)" in options


def test_the_queue_or_the_numbers_name_a_person(service: Running) -> None:
    with browsing(service, "compliance") as browser:
        for path in ("/console/", "/console/requests", "/console/consent", "/console/changes", "/console/log"):
            assert "person-" not in re.sub(r'"person[-"]', "", browser.get(path).text), path


def test_a_refusal_leads_away_from_the_form(service: Running) -> None:
    request = filled(service, "/console/requests/REQUEST")
    refused = {
        f"{request}/accept": (409, request),
        f"{request}/nonsense": (404, request),
        "/console/requests": (400, "/console/requests"),
        ACTION: (400, "/console/rollout#films-production"),
        "/console/rollout/films/production/9/resume": (403, "/console/rollout#films-production"),
    }
    with browsing(service, "compliance") as browser:
        for path, (status, back) in refused.items():
            page = browser.send(path)
            assert page.status == status, path
            assert '<h1 class="apart">That did not work</h1>' in page.text
            assert sum(each.get("role") == "alert" for _, each in page.tags) == 1
            assert back in page.links
            assert browser.get(back.partition("#")[0]).status == 200
            assert f'id="{back.partition("#")[2]}"' in browser.get(back).text or "#" not in back
        # A form of another origin, too, for whoever sees that has another tab open.
        page = browser.post("/console/sign-in", {}, {**SAME, "Origin": "http://evil.example"})
        assert "/console/sign-in" in page.links


def test_a_list_or_an_identity_is_told_as_the_program_has_it() -> None:
    assert told(["1421602ffc884eacee94a102b0be2285", "a" * 64]) == "1421602ffc88…, aaaaaaaaaaaa…"
    assert told(list(range(14))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"
    assert (told([]), told(None), told(value=True), told(0), told("case 7")) == ("none", "–", "yes", "0", "case 7")


def test_nothing_there_breaks_a_page(empty_service: Running) -> None:
    with browsing(empty_service, "compliance") as browser:
        for path in READ:
            if "BUNDLE" not in path and "REQUEST" not in path:
                gone = path.startswith(("/console/requests", "/console/consent", "/console/log"))
                expected = 404 if gone or "set=films" in path else 200
                assert browser.get(path).status == expected, path
        assert "/console/requests" not in browser.get("/console/").links


def test_an_address_makes_a_page_say_something_else(service: Running) -> None:
    with browsing(service, "operator") as browser:
        for said in ("<script>", "paused<b>", "Your%20account%20was%20hacked"):
            text = browser.get(f"/console/rollout?said={said}").text
            assert 'class="said"' not in text
        assert TEXTS["paused"] in browser.get("/console/rollout?said=paused").text


SCRIPTS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'--><svg/onload=alert(1)>", "{{ 7*7 }}")


@pytest.mark.parametrize("text", SCRIPTS)
def test_what_somebody_typed_runs(service: Running, text: str) -> None:
    with browsing(service, "compliance") as browser:
        made = browser.send("/console/requests", kind="access", regulation="gdpr", person=text, how=text)
        assert made.status == 303
        request = made.headers["location"].partition("?")[0]
        assert browser.send(f"{request}/identify", method=text, evidence=text).status == 303
        assert browser.send("/console/rollout/films/production/2/pause", reason=text).status == 303
        for path in (request, "/console/requests", "/console/rollout", "/console/changes", "/console/"):
            page = browser.get(path)
            assert text not in page.text or text == SCRIPTS[3]
            assert "alert(1)" not in "".join(str(each.get("onerror", "")) for each in page.all("img"))
            assert not any("onload" in each for each in page.all("svg"))
        shown = browser.post("/console/explanations", {"form_token": page.token, "record": text})
        assert shown.status == 422
        assert text not in shown.text or text == SCRIPTS[3]
        assert "49" not in re.findall(r"<h1>(.*?)</h1>", shown.text)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_a_text_breaks_out_of_a_page(text: str) -> None:
    from homespun_server.console.answering import Way
    from homespun_server.console.rendering import Renderer
    from homespun_server.console.sessions import Visitor

    visitor = Visitor("ada", "auditor", "0" * 64, "1" * 64, 0, "2025-03-01T12:00:00+00:00")
    renderer = Renderer("films", MENU)
    made = (
        renderer.page("error", visitor, title=each, status_code=404, detail=each, back=Way("/console/", each))
        for each in ("x", text)
    )
    plain, typed = (Seen.of(_Answer(each.content)) for each in made)
    assert [tag for tag, _ in typed.tags] == [tag for tag, _ in plain.tags]


class _Answer:
    status_code, headers = 200, None

    def __init__(self, text: str) -> None:
        self.text = text
