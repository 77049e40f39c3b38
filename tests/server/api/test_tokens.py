"""Who could do with a token, or without one, what it is not for."""

import re
from typing import Any, get_args

import pytest
from litestar.handlers import HTTPRouteHandler

from homespun_server.api.admission import PUBLIC, UNLIMITED
from homespun_server.api.gate import CHECK_SECONDS, TokenGate
from homespun_server.api.roles import ACTIONS, may
from homespun_server.errors import TokenError
from homespun_server.settings import ServerSettings, ServiceSettings
from homespun_server.store import Role, Tokens
from homespun_server.store.tokens import ROLES, Token
from tests.server.api.support import NOON, TESTER, Hands, Running, running, store_of, token

BUNDLES = "/api/v1/bundles"
BUNDLE = "0" * 64

ALLOWED: dict[tuple[str, str], tuple[Role, ...]] = {
    ("GET", "/api/v1/bundles"): ROLES,
    ("GET", f"/api/v1/bundles/{BUNDLE}"): ROLES,
    ("GET", f"/api/v1/bundles/{BUNDLE}/card"): ROLES,
    ("GET", f"/api/v1/bundles/{BUNDLE}/lineage"): ROLES,
    ("GET", f"/api/v1/bundles/{BUNDLE}/compare/{BUNDLE}"): ROLES,
    ("POST", f"/api/v1/bundles/{BUNDLE}/stage"): ("publisher", "operator"),
    ("GET", "/api/v1/channels"): ROLES,
    ("GET", "/api/v1/channels/films/canary"): ROLES,
    ("POST", "/api/v1/channels/films/canary/releases"): ("publisher",),
    ("POST", "/api/v1/channels/films/canary/releases/1/share"): ("publisher", "operator"),
    ("POST", "/api/v1/channels/films/canary/releases/1/pause"): ("publisher", "operator", "compliance"),
    ("POST", "/api/v1/channels/films/canary/releases/1/resume"): ("publisher", "operator"),
    ("POST", "/api/v1/channels/films/canary/rollback"): ("publisher", "operator", "compliance"),
    ("POST", "/api/v1/channels/films/canary/off"): ("publisher", "operator", "compliance"),
    ("POST", "/api/v1/channels/films/canary/on"): ("publisher", "operator"),
    ("PUT", "/api/v1/channels/films/canary/minimum-client"): ("publisher", "operator"),
    ("GET", "/api/v1/runs"): ROLES,
    ("GET", "/api/v1/runs/some"): ROLES,
    ("GET", "/api/v1/tokens"): ("operator",),
    ("POST", "/api/v1/tokens"): ("operator",),
    ("DELETE", "/api/v1/tokens/0000000000000000"): ("operator",),
    ("GET", "/api/v1/changes"): ("operator", "compliance", "auditor"),
}


# What an empty body is enough for, by the role that may do it.
DONE: dict[Role, set[str]] = {
    "publisher": {"pause", "resume", "switch-on"},
    "operator": {"pause", "resume", "switch-on"},
    "compliance": {"pause"},
    "auditor": set(),
}


def handlers(service: Running) -> set[tuple[str, str]]:
    """Return every method and template of the service's API."""
    found = set()
    for route in service.application.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and route.path.startswith("/api/") and route.path not in PUBLIC:
                found |= {(str(method), route.path) for method in handler.http_methods if method != "OPTIONS"}
    return found


def pattern_of(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path))


def test_a_route_is_in_nobodys_table(service: Running) -> None:
    patterns = {(method, pattern_of(path)) for method, path in handlers(service)}
    assert len(patterns) == len(ALLOWED)
    for method, path in ALLOWED:
        assert any(method == other and pattern.fullmatch(path) for other, pattern in patterns), path


@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_what_it_may_not(published: ServerSettings, role: Role) -> None:
    with running(published) as service:
        for (method, path), allowed in ALLOWED.items():
            answer = service.client.request(method, path, headers=service.bearer(role), json={})
            if role in allowed:
                assert answer.status_code != 403, (method, path)
            else:
                assert answer.status_code == 403, (method, path)
                assert role in answer.json()["detail"]
        # What was refused was not even begun.
        changes = service.get("/api/v1/changes", "operator").json()["changes"]
        begun = {each["action"].removesuffix(" failed") for each in changes if each["role"] == role}
        assert begun <= DONE[role]


def test_a_route_answers_without_a_token(service: Running) -> None:
    for method, path in ALLOWED:
        answer = service.client.request(method, path, json={})
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in (*PUBLIC, *UNLIMITED):
        assert service.client.get(path).status_code == 200


def test_the_table_of_roles_grants_more_than_was_decided() -> None:
    granted = {(role, action) for role in ROLES for action in ACTIONS if may(role, action)}
    looking = {"read", "read-changes", "read-consent", "read-requests"}
    assert {action for role, action in granted if role == "auditor"} == looking
    theirs = {action for role, action in granted if role == "compliance"}
    assert theirs == looking | {"take-back", "read-person", "handle-requests"}
    assert {role for role, action in granted if action in ("read-person", "handle-requests")} == {"compliance"}
    assert {role for role, action in granted if action == "manage-tokens"} == {"operator"}
    assert {role for role, action in granted if action == "publish"} == {"publisher"}
    assert not any(may(role, action) for role in ("root", "", "Operator") for action in ACTIONS)  # type: ignore[arg-type]
    assert get_args(Role) == ROLES


WRONG = (
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Basic dXNlcjpwYXNz",
    "Bearer hsp_" + "A" * 43,
    "Bearer hsp_" + "A" * 42,
    "Bearer hsp_" + "A" * 43 + " x",
    "Bearer ' OR 1=1 --",
    "hsp_" + "A" * 43,
)


@pytest.mark.parametrize("header", WRONG)
def test_a_made_up_token_is_let_in(service: Running, header: str) -> None:
    answer = service.client.get(BUNDLES, headers={"Authorization": header})
    assert answer.status_code == 401


def test_two_tokens_in_one_request_are_let_in(service: Running) -> None:
    good = service.bearer("auditor")["Authorization"]
    for pair in ((good, good), (good, "Bearer x"), ("Bearer x", good)):
        headers = [("Authorization", value) for value in pair]
        assert service.client.get(BUNDLES, headers=headers).status_code == 401


def test_an_expired_token_is_let_in(published: ServerSettings) -> None:
    clock = Hands()
    with running(published, clock=clock) as service:
        service.secrets["auditor"] = token(published, "auditor", clock, days=1)
        assert service.get(BUNDLES, "auditor").status_code == 200
        clock.pass_(hours=23, minutes=59)
        assert service.get(BUNDLES, "auditor").status_code == 200
        clock.pass_(minutes=1)
        # At once, although it is remembered.
        answer = service.get(BUNDLES, "auditor")
        assert answer.status_code == 401
        assert "expired" in answer.json()["detail"]


def test_a_token_that_was_revoked_here_is_let_in(service: Running) -> None:
    service.bearer("auditor")
    assert service.get(BUNDLES, "auditor").status_code == 200
    listed = service.get("/api/v1/tokens", "operator").json()["tokens"]
    (name,) = [each["id"] for each in listed if each["role"] == "auditor"]
    revoked = service.client.delete(f"/api/v1/tokens/{name}", headers=service.bearer("operator"))
    assert revoked.status_code == 200
    assert revoked.json()["revoked"] is not None
    answer = service.get(BUNDLES, "auditor")
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]


async def _admit(gate: TokenGate, secret: str) -> Any:
    return (await gate.admit(secret)).token


def test_a_token_that_another_program_revoked_is_let_in_for_long(directory: ServerSettings) -> None:
    import anyio

    now, clock = [0.0], Hands()
    with store_of(directory) as store:
        tokens = Tokens(store, clock)
        secret, made = tokens.create("operator", days=1, note="", actor=TESTER)
        gate = TokenGate(tokens, ServiceSettings(), clock=lambda: now[0])
        assert isinstance(anyio.run(_admit, gate, secret), Token)
        Tokens(store, clock).revoke(made.id, TESTER)
        now[0] = CHECK_SECONDS
        assert isinstance(anyio.run(_admit, gate, secret), TokenError)


def test_the_store_holds_what_opens_the_service(service: Running) -> None:
    secret = service.bearer("operator")["Authorization"].removeprefix("Bearer ")
    assert service.get(BUNDLES, "operator").status_code == 200
    stored = b"".join(path.read_bytes() for path in service.settings.folder.glob("store.sqlite*"))
    assert secret.encode() not in stored
    assert secret.removeprefix("hsp_").encode() not in stored
    made = service.post("/api/v1/tokens", "operator", {"role": "auditor", "days": 1}).json()
    assert service.client.get(BUNDLES, headers={"Authorization": f"Bearer {made['secret']}"}).status_code == 200
    told = service.get("/api/v1/tokens", "operator").text + service.get("/api/v1/changes", "operator").text
    assert made["secret"] not in told


def test_more_than_the_day_of_use_is_kept(published: ServerSettings) -> None:
    clock = Hands()
    with running(published, clock=clock) as service:
        assert service.get(BUNDLES, "auditor").status_code == 200
        clock.pass_(hours=3)
        service.get(BUNDLES, "auditor")
        (found,) = [each for each in service.get("/api/v1/tokens", "operator").json()["tokens"] if each["last_used"]][
            :1
        ]
    assert found["last_used"] == NOON.date().isoformat()


def test_a_token_is_made_for_too_long_or_for_no_role(directory: ServerSettings) -> None:
    from homespun.errors import MisuseError

    with store_of(directory) as store:
        for role, days in (("root", 1), ("operator", 0), ("operator", 3_651)):
            with pytest.raises(MisuseError, match="a token is for"):
                Tokens(store).create(role, days=days, note="", actor=TESTER)  # type: ignore[arg-type]
        assert Tokens(store).tokens() == ()


def test_tokens_are_alike_or_short(directory: ServerSettings) -> None:
    with store_of(directory) as store:
        made = [Tokens(store).create("auditor", days=1, note="", actor=TESTER) for _ in range(20)]
    assert len({secret for secret, _ in made}) == len({each.id for _, each in made}) == 20
    assert all(re.fullmatch(r"hsp_[A-Za-z0-9_-]{43}", secret) for secret, _ in made)
