"""What devices are offered could change without a record, for a bundle that may not, or otherwise than was asked."""

from dataclasses import replace
from typing import Any

import pytest

from homespun.protocol.channel import SHARES
from homespun_server.publishing.directory import open_registry, open_repository
from homespun_server.publishing.repository import SignedRepository
from homespun_server.settings import ServerSettings
from tests.server.api.support import CANARY, PRODUCTION, Hands, Running, running, store_of

CHANNEL = f"/api/v1/channels/{CANARY}"


def bundles(service: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.get("/api/v1/bundles", "auditor").json()["bundles"]
    return sorted(found, key=lambda each: each["version"])


def changes(service: Running) -> list[tuple[str, str]]:
    found = service.get("/api/v1/changes", "auditor").json()["changes"]
    return [(each["action"], each["subject"]) for each in found if each["who"].startswith("token")]


def publish(service: Running, share: int = SHARES, **content: object) -> Any:
    bundle = bundles(service)[1]["id"]
    return service.post(f"{CHANNEL}/releases", "publisher", {"bundle": bundle, "share": share, **content})


def test_a_release_over_http_is_another_than_devices_see(service: Running) -> None:
    made = publish(service, 500, note="the second", minimum_client="0.1")
    assert made.status_code == 201, made.text
    release = made.json()
    assert (release["number"], release["share"], release["note"]) == (2, 500, "the second")
    repository = open_repository(service.settings, now=service.clock)
    seen = repository.channel(CANARY).releases[-1]
    assert (seen.bundle, seen.share, seen.minimum_client) == (release["bundle"], 500, "0.1")
    repository.check()
    assert bundles(service)[1]["stage"] == "canary"
    moves = service.get(f"/api/v1/bundles/{release['bundle']}", "auditor").json()["moves"]
    assert moves[-1]["why"] == "release 2 of films/canary"
    assert moves[-1]["who"].startswith("token ")
    state = service.get(CHANNEL, "auditor").json()
    assert [each["number"] for each in state["releases"]] == [1, 2]
    assert all(each["offered"] for each in state["releases"])
    assert changes(service) == [("publish", CANARY), ("move-stage", release["bundle"])]


def test_a_rollout_goes_on_or_back_otherwise_than_asked(service: Running) -> None:
    publish(service, 100)
    assert service.post(f"{CHANNEL}/releases/2/share", "operator", {"share": 5_000}).json()["share"] == 5_000
    assert service.post(f"{CHANNEL}/releases/2/pause", "compliance").json()["paused"] is True
    assert service.post(f"{CHANNEL}/releases/2/resume", "operator").json()["paused"] is False
    back = service.post(f"{CHANNEL}/rollback", "compliance", {"to": 1, "note": "it was bad"})
    assert back.status_code == 201
    assert (back.json()["number"], back.json()["returns_to"], back.json()["share"]) == (3, 1, SHARES)
    state = service.get(CHANNEL, "auditor").json()
    assert [each["withdrawn"] for each in state["releases"]] == [False, True, False]
    off = service.post(f"{CHANNEL}/off", "compliance", {"reason": "a complaint"})
    assert off.json()["off"] == "a complaint"
    assert service.post(f"{CHANNEL}/on", "operator").json()["off"] is None
    minimum = service.client.put(
        f"{CHANNEL}/minimum-client", headers=service.bearer("operator"), json={"version": "9.9"}
    )
    assert minimum.json()["minimum_client"] == "9.9"
    actions = [action for action, subject in changes(service) if subject == CANARY]
    assert actions == [
        "publish", "set-share", "pause", "resume", "roll-back", "switch-off", "switch-on", "set-minimum-client",
    ]  # fmt: skip
    open_repository(service.settings, now=service.clock).check()
    # The other channel is as it was.
    assert len(service.get(f"/api/v1/channels/{PRODUCTION}", "auditor").json()["releases"]) == 1


def test_compliance_publishes_by_a_rollback(service: Running) -> None:
    """A release that few devices or none were given, or that was taken back, reaches all by returning to it."""
    publish(service, 0)
    publish(service, 100)
    publish(service, 50)

    def back(to: int) -> Any:
        return service.post(f"{CHANNEL}/rollback", "compliance", {"to": to, "note": "x", "share": SHARES})

    nobody = back(2)
    assert nobody.status_code == 409
    assert "no device was given it" in nobody.json()["detail"]
    few = back(3)
    assert (few.status_code, few.json()["share"]) == (201, 100)
    withdrawn = back(4)
    assert withdrawn.status_code == 409
    assert "withdrawn" in withdrawn.json()["detail"]
    service.post(f"{CHANNEL}/releases/3/pause", "compliance")
    assert "paused" in back(3).json()["detail"]
    assert back(1).json()["share"] == SHARES


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/releases/9/pause", None, 409),
        ("/releases/9/share", {"share": 1}, 409),
        ("/releases/1/share", {"share": SHARES + 1}, 400),
        ("/releases/1/share", {"share": -1}, 400),
        ("/releases/0/pause", None, 400),
        ("/rollback", {"to": 1, "note": "to where it is"}, 409),
        ("/rollback", {"to": 7, "note": "to nothing"}, 409),
        ("/rollback", {"to": 1}, 400),
        ("/rollback", {"to": 1, "note": " "}, 400),
        ("/off", {"reason": ""}, 400),
        ("/off", {"reason": "x", "until": "tomorrow"}, 400),
    ],
)
def test_what_cannot_be_is_done_or_not_told_why(service: Running, path: str, content: Any, status: int) -> None:
    before = open_repository(service.settings, now=service.clock).channel(CANARY)
    answer = service.post(f"{CHANNEL}{path}", "operator", content)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]
    assert str(service.settings.folder) not in answer.text
    assert open_repository(service.settings, now=service.clock).channel(CANARY) == before


@pytest.mark.parametrize("channel", ["films/beta", "other/canary", "films/films", "root/json"])
def test_a_channel_that_is_none_is_changed(service: Running, channel: str) -> None:
    for path in ("", "/off", "/releases"):
        content = {"": None, "/off": {"reason": "x"}, "/releases": {"bundle": "0" * 64, "share": 1}}[path]
        method = "POST" if path else "GET"
        url = f"/api/v1/channels/{channel}{path}"
        assert service.client.request(method, url, headers=service.bearer("publisher"), json=content).status_code == 404


def test_a_bundle_that_is_not_registered_or_was_changed_is_published(service: Running) -> None:
    nothing = service.post(f"{CHANNEL}/releases", "publisher", {"bundle": "0" * 64, "share": 1})
    assert nothing.status_code == 404
    bundle = bundles(service)[1]["id"]
    (service.settings.bundles / bundle / "weights.bin").write_bytes(b"something else")
    changed = publish(service)
    assert changed.status_code == 500
    assert str(service.settings.folder) not in changed.text
    assert len(service.get(CHANNEL, "auditor").json()["releases"]) == 1
    assert changes(service) == [("publish", CANARY), ("publish failed", CANARY)]


def test_a_non_private_bundle_is_published_to_production(
    published: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import update

    from homespun_server.store.schema import bundles as table

    with store_of(published) as store:
        found = open_registry(published, store).versions()[0].id
        with store.writing() as connection:
            connection.execute(update(table).where(table.c.id == found).values(privacy="non_private"))
    with running(published) as service:
        content = {"bundle": found, "share": 1}
        refused = service.post(f"/api/v1/channels/{PRODUCTION}/releases", "publisher", content)
        assert refused.status_code == 409
        assert "non-private" in refused.json()["detail"]
        assert service.post(f"{CHANNEL}/releases", "publisher", content).status_code == 201


def test_a_service_without_the_passphrase_signs_or_falls_over(published: ServerSettings) -> None:
    with running(replace(published, passphrase=None)) as service:
        answer = publish(service)
        assert answer.status_code == 503
        assert str(published.folder) not in answer.text
        assert service.get(CHANNEL, "auditor").status_code == 200
        assert any(event["event"] == "nothing is signed here" for event in service.events)
        assert ("publish failed", CANARY) in changes(service)


def test_an_attempt_is_not_recorded_when_the_signing_breaks(
    published: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(SignedRepository, "pause", broken)
    with running(published) as service:
        assert service.post(f"{CHANNEL}/releases/1/pause", "operator").status_code == 500
        assert changes(service) == [("pause", CANARY), ("pause failed", CANARY)]


def test_a_stage_moves_without_a_reason_or_where_it_may_not(service: Running) -> None:
    first, second = (each["id"] for each in bundles(service))
    url = f"/api/v1/bundles/{second}/stage"
    assert service.post(url, "operator", {"stage": "retired", "why": ""}).status_code == 400
    assert service.post(url, "operator", {"stage": "sold", "why": "x"}).status_code == 400
    assert service.post(url, "operator", {"stage": "retired", "why": "never used"}).json()["stage"] == "retired"
    refused = service.post(url, "operator", {"stage": "draft", "why": "again"})
    assert refused.status_code == 409
    assert "cannot be moved to draft" in refused.json()["detail"]
    compared = service.get(f"/api/v1/bundles/{first}/compare/{second}", "auditor").json()
    assert compared["items"] == {"before": 12, "after": 12, "added": 0, "removed": 0}
    assert service.get(f"/api/v1/bundles/{first}/lineage", "auditor").json() == {"seed": 1}
    assert service.get(f"/api/v1/bundles/{first}/card", "auditor").json()["name"] == "tiny"
    assert [each["id"] for each in service.get("/api/v1/bundles?stage=retired", "auditor").json()["bundles"]] == [
        second
    ]


def test_runs_are_told_otherwise_than_they_were_recorded(published: ServerSettings) -> None:
    from homespun_server.store import Runs

    clock = Hands()
    with store_of(published) as store:
        runs = Runs(store, clock)
        runs.begin("one", "films", {"steps": []})
        clock.pass_(minutes=5)
        runs.begin("two", "films")
        runs.end("one", "blocked", record={"steps": ["ingest"], "failed": ["size"]})
    with running(published, clock=clock) as service:
        listed = service.get("/api/v1/runs", "auditor").json()["runs"]
        assert [(each["id"], each["state"]) for each in listed] == [("two", "running"), ("one", "blocked")]
        assert service.get("/api/v1/runs/one", "auditor").json()["record"] == {"steps": ["ingest"], "failed": ["size"]}
        assert service.get("/api/v1/runs/three", "auditor").status_code == 404
