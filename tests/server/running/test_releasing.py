"""A release is made twice, goes to too many devices too soon, or a later run takes it further than anybody asked."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.errors import MisuseError
from homespun.protocol.channel import SHARES, Release
from homespun_server.publishing.repository import SignedRepository
from homespun_server.publishing.repository.rollout import Entry
from homespun_server.running.job import Job, Places
from homespun_server.running.preparing import had, own_identities
from homespun_server.running.releasing import next_move, parts_of
from homespun_server.running.runner import Outcome, run
from homespun_server.running.settings import Publish
from tests.server.running.support import CHANNEL, NOON, Films, Hands, content, directory, job_of

STAGED = {"shares": [0.1, 0.5, 1.0], "hours": 24.0, "note": "a trial", "minimum_client": "0.1"}


def release(**changes: Any) -> Release:
    plain: dict[str, Any] = {"number": 3, "bundle": "a" * 64, "size": 1, "created": "2025-03-01", "share": 1000}
    return Release(**{**plain, "salt": "0" * 32, **changes})


def share_of(places: Places, channel: str = CHANNEL) -> list[tuple[int, int]]:
    assert places.repository is not None
    return [(entry.release.number, entry.release.share) for entry in places.repository.history(channel)]


@pytest.mark.parametrize(
    ("changes", "hours", "share", "told"),
    [
        ({}, 0, None, "10.00%; 50.00% from 2025-03-02T12:00"),
        ({}, 23.9, None, "by a later run"),
        ({}, 24, 5000, "goes on to 50.00%"),
        ({"share": 5000}, 24, SHARES, "goes on to 100.00%"),
        ({"share": SHARES}, 1000, None, "the last share"),
        ({"share": 2000}, 24, 5000, "goes on to 50.00%"),
        ({"paused": True}, 1000, None, "is paused"),
    ],
)
def test_a_share_is_given_too_soon_or_never(
    changes: dict[str, Any], hours: float, share: int | None, told: str
) -> None:
    clock = Hands()
    clock.turn(hours=hours)
    move = next_move(release(**changes), msgspec.convert(STAGED, Publish), since=NOON, now=clock.now)
    assert move.share == share
    assert told in move.words


def test_the_smallest_share_is_nobody() -> None:
    assert [parts_of(share) for share in (1e-9, 0.0001, 0.5, 1.0)] == [1, 1, 5000, SHARES]


def test_a_rerun_publishes_again_or_forgets_to_go_on(films: Films, tmp_path: Path) -> None:
    clock = Hands()
    asked = content(films, publish=STAGED)

    def ran() -> tuple[Outcome, Job]:
        with directory(tmp_path, clock) as places:
            job = job_of(asked, tmp_path, clock=clock, places=places)
            outcome = run(job)
            found.append(share_of(places))
            return outcome, job

    found: list[list[tuple[int, int]]] = []
    first, job = ran()
    assert first.release == 1
    assert found[-1] == [(1, 1000)]
    with directory(tmp_path, clock) as places:
        assert places.registry is not None
        assert places.repository is not None
        made = places.repository.channel(CHANNEL).releases[0]
        assert (made.bundle, made.note, made.minimum_client) == (first.bundle, "a trial", "0.1")
        assert [each.name for each in (places.registry.folder(first.bundle)).iterdir()]
    clock.turn(hours=1)
    ran()
    assert found[-1] == [(1, 1000)]
    clock.turn(hours=24)
    ran()
    assert found[-1] == [(1, 5000)]
    # When the next share's time begins is noted anew with each share.
    clock.turn(hours=23)
    ran()
    assert found[-1] == [(1, 5000)]
    clock.turn(hours=1)
    last, _ = ran()
    assert found[-1] == [(1, SHARES)]
    assert last.bundle == first.bundle
    assert job.incumbent is None


def test_the_next_version_is_held_against_itself_or_nothing(films: Films, tmp_path: Path) -> None:
    everybody = {"shares": [1.0]}
    with directory(tmp_path) as places:
        first = run(job_of(content(films, publish=everybody), tmp_path, places=places))
        second_asked = content(films, publish=everybody, fit={"dimensions": 4})
        for _ in range(2):  # a rerun after publishing too
            job = job_of(second_asked, tmp_path, places=places)
            assert job.incumbent is not None
            assert job.incumbent.identity == first.bundle
            second = run(job)
        assert share_of(places) == [(1, SHARES), (2, SHARES)]
        assert second.bundle in own_identities(places.work, job.keys["train"])
        assert "lead over the channel's bundle" not in second.done
        gates = (job.made("gates") / "gates.json").read_text(encoding="utf-8")
        assert "no incumbent" not in gates
        assert places.registry is not None
        details = places.registry.details(second.bundle)  # type: ignore[attr-defined]
        assert details.lineage["parent"] == first.bundle
        assert details.gates["results"]
        assert details.version.stage == "canary"


def test_somebody_else_released_since_and_a_rerun_goes_over_it(films: Films, tmp_path: Path) -> None:
    clock = Hands()
    with directory(tmp_path, clock) as places:
        assert places.repository is not None
        asked = content(films, publish=STAGED)
        first = run(job_of(asked, tmp_path, clock=clock, places=places))
        changed = content(films, publish={"shares": [1.0]}, card={"contact": "us"})
        other = run(job_of(changed, tmp_path, places=places, again=True))
        assert other.release == 2
        clock.turn(hours=1000)
        again = run(job_of(asked, tmp_path, clock=clock, places=places))
        assert again.bundle == first.bundle
        assert again.done["roll out"] == "release 1 is not the channel's newest any more; nothing is rolled out"
        assert share_of(places) == [(1, 1000), (2, SHARES)]


def test_what_was_rolled_back_from_is_taken_for_what_devices_have() -> None:
    entries = [
        Entry(release=release(number=1, bundle="1" * 64, share=SHARES)),
        Entry(release=release(number=2, bundle="2" * 64, share=SHARES), withdrawn=True),
        Entry(release=release(number=3, bundle="3" * 64, share=0)),
        Entry(release=release(number=4, bundle="4" * 64, paused=True)),
    ]
    assert had(entries, frozenset()) == "1" * 64
    own = Entry(release=release(number=5, bundle="5" * 64, share=SHARES))
    later = Entry(release=release(number=6, bundle="6" * 64, share=SHARES))
    assert had([*entries, own, later], frozenset({"5" * 64})) == "1" * 64
    assert had([own], frozenset({"5" * 64})) is None


def test_a_rerun_gives_out_again_what_an_operator_took_back(films: Films, tmp_path: Path) -> None:
    clock = Hands()
    asked = content(films, publish=STAGED)
    with directory(tmp_path, clock) as places:
        assert places.repository is not None
        assert places.registry is not None
        first = run(job_of(asked, tmp_path, clock=clock, places=places))
        for share in (0, 500):
            places.repository.set_share(CHANNEL, 1, share)
            clock.turn(hours=1000)
            for _ in range(2):
                told = run(job_of(asked, tmp_path, clock=clock, places=places)).done["roll out"]
                assert "it was taken back" in told
                clock.turn(hours=1000)
            assert share_of(places) == [(1, share)]
        places.repository.set_share(CHANNEL, 1, 1000)
        places.registry.move(first.bundle, "retired", "operator", "it is bad")
        assert "is retired" in run(job_of(asked, tmp_path, clock=clock, places=places)).done["roll out"]
        assert share_of(places) == [(1, 1000)]
        assert places.registry.get(first.bundle).stage == "retired"


def test_another_bundle_of_the_same_counts_gives_out_again_what_was_rolled_back(films: Films, tmp_path: Path) -> None:
    before = content(films, publish={"shares": [1.0]}, fit={"dimensions": 7})
    asked = content(films, publish=STAGED)
    with directory(tmp_path) as places:
        assert isinstance(places.repository, SignedRepository)
        run(job_of(before, tmp_path, places=places))
        run(job_of(asked, tmp_path, places=places))
        asked = content(films, publish=STAGED, card={"contact": "us"})
        with pytest.raises(MisuseError, match=r"release 2, .* has not reached its last share"):
            run(job_of(asked, tmp_path, places=places))
        places.repository.rollback(CHANNEL, 1, "it is bad")
        with pytest.raises(MisuseError, match=r"release 2, .* was withdrawn.*--again"):
            run(job_of(asked, tmp_path, places=places))
        assert len(share_of(places)) == 3
        run(job_of(asked, tmp_path, places=places, again=True))
        assert share_of(places)[-1] == (4, 1000)


def test_a_pipeline_publishes_from_nowhere(films: Films, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="there is no working directory to publish from"):
        job_of(content(films, publish=STAGED), tmp_path)
