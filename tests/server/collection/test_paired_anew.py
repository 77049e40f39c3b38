"""A report is answered under two keys, or with two requests: whoever has both answers reads what is in it."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from homespun.protocol.collection.task import Task
from homespun_server.aggregators import Around, open_places
from homespun_server.collection.checking import Checker, Part
from homespun_server.collection.directory import open_secrets
from homespun_server.collection.expiring import expire
from homespun_server.collection.messages import JobRequest, Role, parse
from homespun_server.collection.peer import HelperAwayError
from homespun_server.collection.settings import PAIRING_FILE, AggregatorSettings
from homespun_server.collection.status import status_of
from homespun_server.errors import AggregationError, DisagreementError
from homespun_server.store.schema import collection_payloads as payloads
from homespun_server.store.schema import collection_reports as reports
from homespun_server.store.schema import collection_sums as sums
from tests.server.collection.conftest import Settings
from tests.server.collection.support import Pair, counts_of, near_pair, report_of


def pair_anew(*both: AggregatorSettings) -> None:
    """Put another secret into place, as an operator would with a new file."""
    secret = base64.b64encode(os.urandom(32)).decode()
    for settings in both:
        path = settings.folder / PAIRING_FILE
        found = msgspec.json.decode(path.read_bytes())
        path.write_bytes(msgspec.json.encode({**found, "secret": secret}))


@contextmanager
def begun(settings: Settings) -> Iterator[tuple[Pair, Task, list[bytes]]]:
    """Upload and send a job that is never answered, and keep what was sent."""
    sent: list[bytes] = []
    with near_pair(settings) as pair:
        task = pair.add()
        pair.upload(task, range(4))

        def silent(_: object, __: str, request: bytes) -> bytes:
            sent.append(request)
            raise HelperAwayError("no answer")

        pair.peer.job = silent  # type: ignore[assignment]
        with pytest.raises(HelperAwayError):
            pair.work(task)
        yield pair, task, sent


def left(pair: Pair, role: Role) -> list[int]:
    places = pair.parts.places if role == "leader" else pair.helper_places
    with places.store.reading() as connection:
        return [connection.scalar(select(func.count()).select_from(table)) or 0 for table in (payloads, reports, sums)]


def test_a_leader_that_was_paired_anew_sends_a_report_again(settings: Settings) -> None:
    with begun(settings) as (_, task, sent):
        pass
    pair_anew(*settings.values())
    with near_pair(settings) as pair:
        known = pair.known(task)
        assert pair.parts.leader.work(known) is None
        assert left(pair, "leader") == [0, 0, 0]
        assert pair.collect(task) == "mismatch"
        assert pair.upload(task, [9]) == ["closed"]
        said = status_of(pair.parts.places, known)
        assert said.state == "failed"
        assert said.why is not None
        assert "paired anew" in said.why
    assert len(sent) == 1


def test_a_helper_that_was_paired_anew_answers_a_report_again(settings: Settings) -> None:
    with begun(settings) as (pair, task, sent):
        request = parse(sent[0], JobRequest)
        assert isinstance(pair.helper.job(pair.helper_known(task), "1" * 32, sent[0], request), bytes)
    pair_anew(settings["helper"])
    with near_pair(settings) as pair:
        known = pair.helper_known(task)
        assert pair.helper.job(known, "2" * 32, sent[0], request) == "closed"
        assert pair.helper.job(known, "1" * 32, sent[0], request) == "closed"
        assert left(pair, "helper") == [0, 0, 0]
        assert pair.helper_places.batch(known).state == "failed"


def test_a_sealed_report_outlives_its_pairing(settings: Settings) -> None:
    with begun(settings) as (_, task, _):
        pass
    pair_anew(settings["leader"])
    places = open_places(settings["leader"], Around())
    with places.store:
        assert [known.id for known in expire(places)] == [task.id]
        assert expire(places) == ()


@pytest.mark.parametrize("role", ["leader", "helper"])
def test_a_share_is_opened_under_another_key(on_sqlite: Settings, role: Role) -> None:
    with begun(on_sqlite) as (pair, task, _):
        known = pair.known(task) if role == "leader" else pair.helper_known(task)
    pair_anew(on_sqlite[role])
    report = report_of(task, 1)
    sealed = report.leader if role == "leader" else report.helper
    checker = Checker(role, open_secrets(on_sqlite[role]))
    with pytest.raises(AggregationError, match="another pairing"):
        checker.prepare(known, [Part(report.report_id, report.time, report.public, sealed)])


def test_a_job_is_sent_again_with_other_bytes(settings: Settings) -> None:
    with begun(settings) as (pair, task, sent):
        with pair.parts.places.store.writing() as connection:
            ours = reports.c.job.is_not(None)
            connection.execute(reports.update().where(ours).values(time=reports.c.time - 3600))
        with pytest.raises(DisagreementError, match="other bytes"):
            pair.work(task)
        assert len(sent) == 1
        batch = pair.parts.places.batch(pair.known(task))
        assert (batch.state, batch.count) == ("failed", 0)


def test_a_job_that_overtakes_its_own_copy_finds_no_room(either: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = either
    task = pair.add(statistic=counts_of(people=6))
    pair.upload(task, range(4))
    honest = pair.peer.job
    overtaking: list[bytes | None] = []

    def job(known: Any, job: str, request: bytes) -> bytes:
        def step(name: str) -> None:
            if name == "job: decided" and not overtaking:
                overtaking.append(None)
                overtaking[0] = honest(known, job, request)

        monkeypatch.setattr(pair.helper, "_step", step)
        return honest(known, job, request)

    pair.peer.job = job  # type: ignore[method-assign]
    pair.work(task)
    assert isinstance(overtaking[0], bytes)
    batch = pair.parts.places.batch(pair.known(task))
    assert (batch.state, batch.count) == ("open", 4)
    pair.agree(task)
