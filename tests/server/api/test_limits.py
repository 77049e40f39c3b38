"""Who could keep others out by asking too much, or ask too much."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun_server.api.gate import ATTEMPTS_BURST, TokenGate
from homespun_server.api.limits import TokenBucket
from homespun_server.errors import TokenError
from homespun_server.settings import ServerSettings, ServiceSettings
from homespun_server.store import Token, Tokens
from tests.server.api.support import TESTER, running, store_of

BUNDLES = "/api/v1/bundles"
TIMESTAMP = "/repository/metadata/timestamp.json"
MADE_UP = "hsp_" + "A" * 43


def test_a_bucket_lets_more_through_than_it_holds() -> None:
    now = [0.0]
    bucket = TokenBucket(2.0, 3, lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 1]
    now[0] = 0.4
    assert bucket.take() == 1
    now[0] = 0.5
    assert [bucket.take(), bucket.take()] == [0, 1]
    now[0] = 1_000_000.0
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 1]


@given(st.lists(st.floats(0, 10), max_size=50), st.floats(0.01, 100), st.integers(1, 20))
def test_more_is_let_through_in_some_span_than_rate_and_burst(steps: list[float], rate: float, burst: int) -> None:
    now = [0.0]
    bucket = TokenBucket(rate, burst, lambda: now[0])
    passed = 0
    for step in steps:
        now[0] += step
        wait = bucket.take()
        passed += wait == 0
        assert passed <= burst + rate * now[0] + 1e-6
        assert wait >= 0


def test_too_many_requests_are_answered(published: ServerSettings) -> None:
    with running(published, anonymous_rate=0.01, anonymous_burst=3, token_rate=0.01, token_burst=2) as service:
        assert [service.get(TIMESTAMP).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = service.get("/nowhere")
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 100
        assert [service.get(BUNDLES, "auditor").status_code for _ in range(3)] == [200, 200, 429]
        # Another token has its own.
        assert service.get(BUNDLES, "operator").status_code == 200
        # Who runs the service sees that it lives.
        for path in ("/health", "/ready", "/metrics"):
            assert service.get(path).status_code == 200


def test_a_flood_of_made_up_tokens_keeps_out_those_that_are_known(directory: ServerSettings) -> None:
    async def flood(gate: TokenGate, secret: str) -> None:
        assert isinstance((await gate.admit(secret)).token, Token)
        waits = [(await gate.admit(f"{MADE_UP[:-4]}{number:04}")).wait for number in range(int(ATTEMPTS_BURST) + 50)]
        # One attempt was the good one's first.
        assert waits.count(0) == ATTEMPTS_BURST - 1
        now[0] += 1.5
        assert isinstance((await gate.admit(secret)).token, Token)
        assert len(gate._known) == 1

    now = [0.0]
    with store_of(directory) as store:
        tokens = Tokens(store)
        secret, _ = tokens.create("operator", days=1, note="", actor=TESTER)
        anyio.run(flood, TokenGate(tokens, ServiceSettings(), clock=lambda: now[0]), secret)


def test_tokens_that_were_known_fill_the_memory(directory: ServerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homespun_server.api.gate.MAX_KNOWN", 3)

    async def use(gate: TokenGate, secrets: list[str]) -> None:
        for secret in secrets * 2:
            assert not isinstance((await gate.admit(secret)).token, TokenError)
            assert len(gate._known) <= 3

    with store_of(directory) as store:
        tokens = Tokens(store)
        secrets = [tokens.create("auditor", days=1, note="", actor=TESTER)[0] for _ in range(5)]
        anyio.run(use, TokenGate(tokens, ServiceSettings()), secrets)


def test_a_body_is_larger_than_the_limit(published: ServerSettings) -> None:
    with running(published, max_body=1_000) as service:
        headers = service.bearer("operator")
        body = b'{"role": "auditor", "days": 1, "note": "' + b"x" * 2_000 + b'"}'
        for content in (body, iter([body[:500], body[500:]])):
            answer = service.client.post(
                "/api/v1/tokens", headers={**headers, "Content-Type": "application/json"}, content=content
            )
            assert answer.status_code == 413
            assert answer.json()["status"] == 413
        assert len(service.get("/api/v1/tokens", "operator").json()["tokens"]) == 1
