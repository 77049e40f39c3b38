"""Lists are made while an update takes its time, or takes away what an older list rests on."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import homespun as hs
from homespun.model.bundle import Bundle
from homespun.sync import Deferred, Updated
from homespun.testing import FakeClock, Loopback, MemoryRepository
from tests.sdk.people import EVERY, NOTICE
from tests.sdk.profile.support import QUICK, raw_key
from tests.sdk.updating import NOW, good_bundle


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository(now=FakeClock(NOW))


@pytest.fixture
def me(tmp_path: Path, bundle: hs.Bundle, repository: MemoryRepository) -> Iterator[hs.Personalizer]:
    with Loopback(repository.files) as server:
        updates = hs.Updates(
            url=server.url, channel="films/production", root=repository.root, folder=tmp_path / "updates"
        )
        with hs.Personalizer.open(
            tmp_path / "profile", key=raw_key(), bundle=bundle, settings=QUICK, clock=FakeClock(NOW), updates=updates
        ) as opened:
            opened.consent.grant(*EVERY, notice=NOTICE)
            opened.record("item-3", "rate", weight=5.0)
            yield opened


class Slow:
    """Opens bundles only when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self._open = Bundle.open

    def open(self, *arguments: Any, **named: Any) -> Bundle:
        self.begun.set()
        assert self.go_on.wait(60)
        return self._open(*arguments, **named)


def test_lists_wait_for_a_bundle_that_takes_long_to_open(
    me: hs.Personalizer, repository: MemoryRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.release(good_bundle(tmp_path / "two", seed=2))
    before, slow, outcomes = me.bundle.id, Slow(), []
    monkeypatch.setattr("homespun.sync.opening.Bundle.open", slow.open)
    updating = threading.Thread(target=lambda: outcomes.append(me.sync()))
    updating.start()
    try:
        assert slow.begun.wait(60)
        made = me.recommend(5)
        me.record("item-4", "rate", weight=5.0)
        assert me.explain(made[0]).item == made[0].item
        assert me.bundle.id == before
        assert isinstance(me.sync(force=True), Deferred)
        me.updates.standing()
    finally:
        slow.go_on.set()
        updating.join(60)
    assert isinstance(outcomes[0], Updated)
    assert me.bundle.id == outcomes[0].bundle != before
    assert len(me.recommend(5)) == 5


def test_a_list_cannot_be_explained_when_its_bundle_was_removed(
    me: hs.Personalizer, repository: MemoryRepository, tmp_path: Path
) -> None:
    repository.release(good_bundle(tmp_path / "one", seed=1))
    first = me.sync()
    assert isinstance(first, Updated)
    made = me.recommend(3)
    told = [me.explain(each).table() for each in made]
    for seed in (2, 3, 4):
        repository.release(good_bundle(tmp_path / f"bundle-{seed}", seed=seed))
        assert isinstance(me.sync(force=True), Updated)
    assert first.bundle not in {path.name for path in (tmp_path / "updates" / "bundles").iterdir()}
    assert [me.explain(each).table() for each in made] == told
