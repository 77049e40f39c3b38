"""The repository's timestamp could run out while the service runs, be signed without need, or stop the service."""

import msgspec
import pytest

from homespun_server.errors import RepositoryBusyError
from homespun_server.publishing.directory import open_repository
from homespun_server.publishing.repository import SignedRepository
from homespun_server.settings import ServerSettings
from tests.server.api.support import Hands, Running, running


def version(settings: ServerSettings) -> int:
    raw = (settings.repository / "metadata" / "timestamp.json").read_bytes()
    found: int = msgspec.json.decode(raw)["signed"]["version"]
    return found


def renewals(service: Running) -> list[str]:
    return [event["event"] for event in service.events if "timestamp" in event["event"]]


def until(service: Running, outcome: str) -> None:
    """Ask until the background task has come to an outcome."""
    for _ in range(10_000):
        if f'homespun_timestamp_renewals_total{{outcome="{outcome}"}}' in service.get("/metrics").text:
            return
    pytest.fail(f"the timestamp was never {outcome}")


def test_a_timestamp_that_holds_is_signed_again(published: ServerSettings) -> None:
    before = version(published)
    with running(published, renew_seconds=0.001) as service:
        until(service, "not due")
        assert renewals(service) == []
    assert version(published) == before


def test_a_timestamp_runs_out(published: ServerSettings) -> None:
    clock = Hands()
    before = version(published)
    clock.pass_(hours=23)
    with running(published, clock=clock, renew_seconds=0.001) as service:
        until(service, "done")
        until(service, "not due")
        assert service.get("/ready").json() == {
            "ready": True, "store": True, "repository": True, "timestamp": "valid", "expiring": [],
        }  # fmt: skip
        assert renewals(service) == ["timestamp renewed"]
    assert version(published) == before + 1
    open_repository(published, now=clock).check()


def test_a_repository_that_is_busy_or_broken_ends_the_service(
    published: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hands()
    clock.pass_(hours=23, minutes=30)

    def busy(*_: object, **__: object) -> None:
        raise RepositoryBusyError("somebody else is publishing")

    with monkeypatch.context() as patched:
        patched.setattr(SignedRepository, "refresh", busy)
        with running(published, clock=clock, renew_seconds=0.001) as service:
            until(service, "failed")
            answer = service.get("/ready")
            assert answer.status_code == 503
            assert answer.json() == {
                "ready": False, "store": True, "repository": True, "timestamp": "expiring", "expiring": ["timestamp"],
            }  # fmt: skip
            assert service.get("/health").status_code == 200
            assert service.get("/repository/metadata/timestamp.json").status_code == 200
            assert "timestamp not renewed" in renewals(service)


def test_a_role_whose_key_is_kept_apart_runs_out_unnoticed(published: ServerSettings) -> None:
    for path in published.keys.glob("targets-*.key.json"):
        path.unlink()
    clock = Hands()
    clock.pass_(days=179, hours=23, minutes=30)
    with running(published, clock=clock, renew_seconds=0.001) as service:
        until(service, "done")
        until(service, "not due")
        answer = service.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["timestamp"] == "valid"
        assert answer.json()["expiring"] == ["targets"]
        assert 'homespun_role_left_seconds{role="targets"} 1800.0' in service.get("/metrics").text
        warned = [event for event in service.events if event["event"] == "role not renewed"]
    assert [event["role"] for event in warned] == ["targets"]
    assert warned[0]["level"] == "warning"


def test_a_timestamp_that_is_gone_or_no_json_is_ready(service: Running) -> None:
    path = service.settings.repository / "metadata" / "timestamp.json"
    for content in (b"", b"[]", b"\xff", b'{"signed": {"expires": "tomorrow"}}'):
        path.write_bytes(content)
        assert service.get("/ready").json()["timestamp"] == "missing"
    path.unlink()
    assert service.get("/ready").status_code == 503
