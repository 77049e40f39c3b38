"""What the log, the metrics or an answer could tell of people, tokens or the machine."""

from pathlib import Path

import pytest

from homespun_server.api.logs import open_log
from homespun_server.publishing.registry import Registry
from homespun_server.settings import ServerSettings
from tests.server.api.support import Running, running

BUNDLES = "/api/v1/bundles"
ADDRESS = "203.0.113.77"


def everything(service: Running) -> str:
    return f"{service.log.getvalue()}{service.get('/metrics').text}"


def test_a_token_an_address_a_query_or_an_agent_is_logged(service: Running) -> None:
    secret = service.bearer("auditor")["Authorization"].removeprefix("Bearer ")
    headers = {
        "User-Agent": "agent-of-somebody",
        "X-Forwarded-For": ADDRESS,
        "Forwarded": f"for={ADDRESS}",
        "Cookie": "who=cookie-of-somebody",
        "Referer": "https://somewhere.example/page-of-somebody",
    }
    for path in (f"{BUNDLES}?stage=query-of-somebody", "/path-of-somebody", "/repository/file-of-somebody", "/health"):
        service.get(path, "auditor", **headers)
    service.client.get(BUNDLES, headers={"Authorization": "Bearer made-up-by-somebody"})
    service.post("/api/v1/tokens", "operator", {"role": "nobody", "note": "body-of-somebody"})
    told = everything(service)
    assert secret not in told
    assert "somebody" not in told
    assert ADDRESS not in told
    assert "testclient" not in told


def test_the_log_does_not_say_what_was_answered(service: Running) -> None:
    service.get(f"{BUNDLES}/{'0' * 64}", "auditor")
    line = [event for event in service.events if event["event"] == "request"][-1]
    assert line["method"] == "GET"
    assert line["route"] == "/api/v1/bundles/{bundle}"
    assert line["status"] == 404
    assert 0 < line["seconds"] < 60
    assert len(line["token"]) == 16
    assert set(line) == {"event", "level", "time", "method", "route", "status", "seconds", "token"}


def test_clients_make_series_of_metrics(service: Running) -> None:
    def series() -> set[str]:
        return {line.rpartition(" ")[0] for line in service.get("/metrics").text.splitlines()}

    for path in ("/a", "/repository/b", "/repository/metadata/1.root.json", f"{BUNDLES}/c"):
        service.get(path)
        service.client.request("BREW", path)
    service.get("/metrics")
    before = series()
    for number in range(20):
        for path in (f"/{number}", f"/repository/{number}", f"/repository/metadata/{number}.root.json"):
            service.get(path)
        service.client.request(f"BREW{number}", f"/{number}")
        service.get(f"{BUNDLES}/{number}")
    assert series() == before


def test_an_unforeseen_error_is_told_to_clients_or_quoted_in_the_log(
    published: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("SELECT secret FROM somewhere /etc/passwd somebody")

    monkeypatch.setattr(Registry, "versions", broken)
    with running(published) as service:
        answer = service.get(BUNDLES, "auditor")
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        for text in (answer.text, service.log.getvalue()):
            assert "somebody" not in text
            assert "passwd" not in text
        (logged,) = [event for event in service.events if event["event"] == "request failed"]
        assert logged["error"] == "ValueError"
        assert any("test_log.py" in frame for frame in logged["where"])


def test_a_store_that_is_gone_tells_clients_where_it_was(published: ServerSettings, tmp_path: Path) -> None:
    with running(published) as service:
        service.get(BUNDLES, "auditor")
        for file in published.folder.glob("store.sqlite*"):
            file.write_bytes(b"something else entirely" * 1000)
        for path in (BUNDLES, "/api/v1/changes", "/api/v1/runs"):
            answer = service.get(path, "auditor")
            assert answer.status_code == 503, answer.text
            for secret in (str(tmp_path), "sqlite", "SELECT", "homespun_", "database"):
                assert secret not in answer.text
        assert service.get("/ready").status_code == 503
        assert any(event.get("error") == "StoreError" for event in service.events)


def test_an_answer_lacks_what_keeps_it_from_being_shown_as_a_page(service: Running) -> None:
    paths = ("/health", "/nowhere", "/repository/metadata/timestamp.json", BUNDLES, "/api/v1/openapi.json", "/metrics")
    for path in paths:
        headers = service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in headers
        assert "set-cookie" not in headers


def test_what_answers_api_requests_may_be_kept_by_others(service: Running) -> None:
    for path in (BUNDLES, "/api/v1/tokens", "/api/v1/changes"):
        assert service.get(path, "operator").headers["cache-control"] == "no-store"


def test_a_log_line_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    log = open_log()
    log.info("something", value="with\nbreaks and \x1b[31m", path=Path("x"), number=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line
