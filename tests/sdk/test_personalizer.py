import asyncio
import copy
import dataclasses
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import homespun as hs
from homespun.errors import (
    BundleIntegrityError,
    ClosedError,
    InvalidEventError,
    MisuseError,
    UnknownItemError,
    WrongKeyError,
)
from homespun.testing import FakeClock
from tests.sdk.profile.support import QUICK, raw_key, traces

NOTICE = hs.Notice("May this application remember which of the test items you like?")
BOTH = (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION)
Open = Callable[[], hs.Personalizer]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["ephemeral", "on disk"])
def opening(request: pytest.FixtureRequest, folder: Path, bundle: hs.Bundle, clock: FakeClock) -> Open:
    """Opens the same personalizer again and again; one in memory is a new one each time."""
    if request.param == "ephemeral":
        return lambda: hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle, settings=QUICK, clock=clock)
    return lambda: hs.Personalizer.open(folder, key=raw_key(), bundle=bundle, settings=QUICK, clock=clock)


@pytest.fixture
def me(opening: Open) -> Iterator[hs.Personalizer]:
    with opening() as opened:
        yield opened


@pytest.fixture
def on_disk(folder: Path, bundle: hs.Bundle, clock: FakeClock) -> Iterator[hs.Personalizer]:
    with hs.Personalizer.open(folder, key=raw_key(), bundle=bundle, settings=QUICK, clock=clock) as opened:
        yield opened


def allow(me: hs.Personalizer) -> None:
    me.consent.grant(*BOTH, notice=NOTICE)


def listed(me: hs.Personalizer, k: int = 10) -> list[tuple[str, float]]:
    return [(entry.item, entry.score) for entry in me.recommend(k)]


def popular(bundle: hs.Bundle, k: int = 10) -> list[tuple[str, float]]:
    return [(entry.item, entry.score) for entry in bundle.rank([], k)]


def test_something_is_recorded_before_consent(me: hs.Personalizer, folder: Path, bundle: hs.Bundle) -> None:
    assert me.record("item-1") is False
    assert me.events() == []
    assert me.sizes() is None
    assert listed(me) == popular(bundle)
    assert me.explain("item-1").personalized is False
    assert not any(me.consent.granted(purpose) for purpose in hs.Purpose)
    assert not folder.exists()
    assert not any(folder.parent.iterdir())


@pytest.mark.parametrize("alone", BOTH)
def test_one_of_the_two_purposes_is_enough_to_record(me: hs.Personalizer, bundle: hs.Bundle, alone: hs.Purpose) -> None:
    me.consent.grant(alone, notice=NOTICE)
    assert me.record("item-1") is False
    assert me.events() == []
    assert listed(me) == popular(bundle)


def test_personalization_alone_writes_to_the_disk(on_disk: hs.Personalizer, folder: Path) -> None:
    on_disk.consent.grant(hs.Purpose.PERSONALIZATION, notice=NOTICE)
    on_disk.record("item-1")
    on_disk.recommend()
    assert not folder.exists()


def test_a_list_without_consent_does_not_say_so(me: hs.Personalizer) -> None:
    for entry in me.recommend(5):
        assert entry.personalized is False
        assert entry.reason == "popular with everybody; not personalized, because you did not allow it"


def test_a_list_without_a_history_does_not_say_so(me: hs.Personalizer, bundle: hs.Bundle) -> None:
    allow(me)
    assert listed(me) == popular(bundle)
    assert {entry.reason for entry in me.recommend(5)} == {"popular with everybody; nothing is known about you yet"}


def test_likes_do_not_change_the_list_or_the_reason(me: hs.Personalizer, bundle: hs.Bundle) -> None:
    allow(me)
    assert me.record("item-3", "rate", weight=5.0) is True
    recommended = me.recommend(10)
    assert [(entry.item, entry.score) for entry in recommended] == [
        (entry.item, entry.score) for entry in bundle.rank(me.events(), 10)
    ]
    assert listed(me) != popular(bundle)
    assert all(entry.personalized for entry in recommended)
    assert "because you rated Title № 3" in {entry.reason for entry in recommended}
    assert all(entry.title == bundle.title(entry.item) for entry in recommended)


def test_events_lose_their_time_their_order_or_their_context(me: hs.Personalizer, clock: FakeClock) -> None:
    allow(me)
    start = clock()
    me.record("item-3", "rate", weight=4.5, context={"device": "tv"})
    clock.advance(5)
    me.record("item-4")
    me.record("item-5", time=7.0)
    assert me.events() == [
        hs.Event("item-3", "rate", start, 4.5, {"device": "tv"}),
        hs.Event("item-4", "view", start + 5),
        hs.Event("item-5", "view", 7.0),
    ]
    sizes = me.sizes()
    assert sizes is not None
    assert (sizes.events, sizes.consent_records) == (3, 2)


@pytest.mark.parametrize("allowed", [True, False])
def test_an_invalid_event_goes_unnoticed(me: hs.Personalizer, allowed: bool) -> None:  # noqa: FBT001 - a case
    if allowed:
        allow(me)
    for item, kind, weight in (("", "view", None), ("x", "View", None), ("x", "view", float("nan"))):
        with pytest.raises(InvalidEventError):
            me.record(item, kind, weight=weight)
    assert me.events() == []


def test_an_unknown_item_is_dropped(opening: Open, me: hs.Personalizer, bundle: hs.Bundle) -> None:
    allow(me)
    assert me.record("not-in-this-bundle") is True
    assert [event.item for event in me.events()] == ["not-in-this-bundle"]
    assert listed(me) == popular(bundle)


def test_excluded_or_seen_items_appear(me: hs.Personalizer) -> None:
    allow(me)
    me.record("item-3")
    me.record("item-9", "rate", weight=1.0)
    assert not {"item-3", "item-9"} & {entry.item for entry in me.recommend(40)}
    assert len(me.recommend(40, exclude_seen=False)) == 40
    everything = {entry.item for entry in me.recommend(40, exclude=["item-5", "item-6", "unknown"])}
    assert len(everything) == 36
    assert me.recommend(3, exclude=me.bundle.items) == []


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_of_nothing_is_asked_for(me: hs.Personalizer, k: int) -> None:
    with pytest.raises(MisuseError, match="at least one"):
        me.recommend(k)


def test_a_withdrawal_takes_effect_later(me: hs.Personalizer, bundle: hs.Bundle) -> None:
    allow(me)
    me.record("item-3")
    personal = listed(me)
    withdrawal = me.consent.withdraw(hs.Purpose.PERSONALIZATION)
    assert (withdrawal.purposes, withdrawal.receipt) == ((hs.Purpose.PERSONALIZATION,), None)
    assert listed(me) == popular(bundle)
    assert me.recommend(1)[0].reason.endswith("not personalized, because you did not allow it")
    assert me.explain("item-7").personalized is False
    assert me.record("item-4") is False
    # What was recorded is still the person's to read, and is used again if they allow it again.
    assert [event.item for event in me.events()] == ["item-3"]
    allow(me)
    assert listed(me) == personal


def test_withdrawing_storage_leaves_something_behind(me: hs.Personalizer, folder: Path, bundle: hs.Bundle) -> None:
    allow(me)
    me.record("item-3")
    withdrawal = me.consent.withdraw(hs.Purpose.DEVICE_STORAGE)
    assert withdrawal.receipt is not None
    assert withdrawal.receipt.stores
    assert str(withdrawal.receipt) in str(withdrawal)
    assert me.events() == []
    assert me.sizes() is None
    assert listed(me) == popular(bundle)
    assert not folder.exists()
    assert me.record("item-3") is False


def test_a_grant_lacks_a_notice_or_a_purpose(me: hs.Personalizer, folder: Path) -> None:
    with pytest.raises(MisuseError, match="purpose"):
        me.consent.grant(notice=NOTICE)
    with pytest.raises(MisuseError, match="notice"):
        me.consent.grant(*BOTH, notice="yes")  # type: ignore[arg-type]
    assert not folder.exists()


def test_an_erased_profile_cannot_be_used_again(me: hs.Personalizer, bundle: hs.Bundle, folder: Path) -> None:
    allow(me)
    me.record("item-3")
    first = me.erase()
    assert not folder.exists()
    assert me.events() == []
    assert not me.consent.granted(hs.Purpose.DEVICE_STORAGE)
    assert me.record("item-3") is False
    assert listed(me) == popular(bundle)
    allow(me)
    assert me.record("item-8") is True
    assert [event.item for event in me.events()] == ["item-8"]
    assert me.erase().profile != first.profile


def test_erasing_nothing_fails(me: hs.Personalizer, folder: Path) -> None:
    me.erase()
    assert not folder.exists()


def test_a_recommendation_is_explained_by_later_events(me: hs.Personalizer, bundle: hs.Bundle) -> None:
    allow(me)
    me.record("item-3")
    me.record("item-8")
    first = me.recommend(40)
    before = [me.explain(entry) for entry in first]
    me.record("item-21")
    me.record("item-3", "rate", weight=1.0)
    assert listed(me, 40) != [(entry.item, entry.score) for entry in first]
    assert [me.explain(entry) for entry in first] == before
    for entry, explanation in zip(first, before, strict=True):
        assert explanation.score == entry.score
        assert explanation.reason == entry.reason
        assert {part.event.item for part in explanation.attributions if part.event} == {"item-3", "item-8"}


def test_what_was_forbidden_or_erased_is_still_told(me: hs.Personalizer) -> None:
    allow(me)
    me.record("item-3")
    (entry,) = me.recommend(1)
    told = me.explain(entry)
    me.consent.withdraw(hs.Purpose.PERSONALIZATION)
    with pytest.raises(MisuseError, match="forbidden"):
        me.explain(entry)
    allow(me)
    assert me.explain(entry) == told
    me.erase()
    with pytest.raises(MisuseError, match="forbidden"):
        me.explain(entry)
    # A new profile with the same consent is not the one that was erased.
    allow(me)
    with pytest.raises(MisuseError, match="not in the profile"):
        me.explain(entry)
    me.record("item-8")
    with pytest.raises(MisuseError, match="not in the profile"):
        me.explain(entry)
    me.close()
    with pytest.raises(ClosedError, match="closed"):
        me.explain(entry)


def test_somebody_elses_recommendation_is_explained(opening: Open, me: hs.Personalizer, bundle: hs.Bundle) -> None:
    allow(me)
    me.record("item-3", time=1.0)
    (entry,) = me.recommend(1)
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle) as other:
        allow(other)
        other.record("item-3", time=2.0)
        with pytest.raises(MisuseError, match="another person"):
            other.explain(entry)


def test_a_list_for_everybody_cannot_be_explained_later(me: hs.Personalizer) -> None:
    (entry,) = me.recommend(1)
    told = me.explain(entry)
    allow(me)
    me.record("item-3")
    assert me.explain(entry) == told
    me.consent.withdraw(hs.Purpose.PERSONALIZATION)
    assert me.explain(entry) == told


def test_a_recommendation_cannot_be_copied_pickled_or_written(me: hs.Personalizer) -> None:
    allow(me)
    me.record("item-3", "very-private-kind")
    (entry,) = me.recommend(1)
    fields = {name: getattr(entry, name) for name in ("item", "title", "score", "reason", "personalized")}
    assert dataclasses.asdict(entry) == vars(entry) == fields
    assert json.loads(json.dumps(dataclasses.asdict(entry))) == fields
    assert msgspec.json.decode(msgspec.json.encode(entry)) == fields
    pickled = pickle.dumps(entry)
    assert b"very-private-kind" not in pickled
    copies = [copy.copy(entry), copy.deepcopy(entry), pickle.loads(pickled), dataclasses.replace(entry)]  # noqa: S301
    for twin in [*copies, hs.Recommendation(**fields)]:
        assert twin == entry
        assert hash(twin) == hash(entry)
        with pytest.raises(MisuseError, match="is a copy"):
            me.explain(twin)
    assert me.explain(entry).item == entry.item


def test_the_reason_of_a_disliked_item_is_that_nothing_is_known(me: hs.Personalizer) -> None:
    allow(me)
    me.record("item-3", "rate", weight=1.0)
    (entry,) = me.recommend(1)
    for explanation in (me.explain(entry), me.explain("item-7")):
        assert explanation.personalized is entry.personalized is True
        assert explanation.reason == entry.reason == "popular with everybody; nothing you did speaks for it"


def test_a_dislike_or_a_view_makes_a_disliked_item_a_like(me: hs.Personalizer, bundle: hs.Bundle) -> None:
    allow(me)
    me.record("item-3", "dislike")
    me.record("item-8", "rate", weight=1.0)
    me.record("item-8", "view")
    assert listed(me, 38) == [entry for entry in popular(bundle, 40) if entry[0] not in {"item-3", "item-8"}]


@pytest.mark.parametrize("k", ["3", 2.5, True, None])
def test_a_length_that_is_no_whole_number(me: hs.Personalizer, k: Any) -> None:
    with pytest.raises(MisuseError, match="whole number"):
        me.recommend(k)


@pytest.mark.parametrize("exclude", ["item-3", [3], None])
def test_something_else_than_ids_is_excluded(me: hs.Personalizer, exclude: Any) -> None:
    with pytest.raises(MisuseError, match="exclude"):
        me.recommend(3, exclude=exclude)


@pytest.mark.parametrize("purpose", ["personalisation", None, [], 1])
def test_consent_to_something_unknown_is_looked_up(me: hs.Personalizer, purpose: Any) -> None:
    with pytest.raises(MisuseError, match=r"Purpose\.PERSONALIZATION"):
        me.consent.granted(purpose)


@pytest.mark.parametrize(
    "wrong", [{"key": "my secret"}, {"bundle": "folder"}, {"settings": {}}, {"path": 5}, {"path": "a\udcff"}], ids=str
)
def test_an_argument_of_another_type_is_guessed_at(folder: Path, bundle: hs.Bundle, wrong: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"path": folder, "key": raw_key(), "bundle": bundle, **wrong}
    with pytest.raises(MisuseError) as caught:
        hs.Personalizer.open(arguments.pop("path"), **arguments)
    assert "my secret" not in str(caught.value)


def test_a_damaged_sample_leaves_a_profile_open(on_disk: hs.Personalizer, folder: Path, tampered: Path) -> None:
    allow(on_disk)
    on_disk.close()
    (tampered / "weights.bin").unlink()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("homespun.model.sample.sample_folder", lambda: tampered)
        with pytest.raises(BundleIntegrityError):
            hs.Personalizer.open(folder, key=raw_key(), settings=QUICK)
    # Erasing needs the profile for itself: another one that is still open would be in its way.
    with hs.Personalizer.open(folder, key=raw_key(), bundle=on_disk.bundle, settings=QUICK) as me:
        me.erase()
    assert not folder.exists()


def test_a_profile_that_does_not_open_leaves_the_sample_open(
    on_disk: hs.Personalizer, folder: Path, tampered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(on_disk)
    closed: list[hs.Bundle] = []
    monkeypatch.setattr("homespun.model.sample.sample_folder", lambda: tampered)
    monkeypatch.setattr(hs.Bundle, "close", lambda opened: closed.append(opened))  # noqa: PLW0108 - a method is bound
    with pytest.raises(WrongKeyError):
        hs.Personalizer.open(folder, key=hs.Key.bytes(bytes(32)))
    monkeypatch.undo()
    (sample,) = closed
    sample.close()


def test_an_item_is_explained_by_something_else_than_the_present(me: hs.Personalizer, bundle: hs.Bundle) -> None:
    allow(me)
    me.record("item-3")
    by_item = {entry.item: entry.score for entry in bundle.rank(me.events(), 40, exclude_seen=False)}
    for item in ("item-0", "item-3", "item-39"):
        explanation = me.explain(item)
        assert explanation.item == item
        assert explanation.score == pytest.approx(by_item[item], rel=1e-12)
        assert sum(part.value for part in explanation.attributions) == pytest.approx(explanation.score, rel=1e-9)
    with pytest.raises(UnknownItemError):
        me.explain("item-40")


def test_the_time_of_a_list_is_not_the_clocks(me: hs.Personalizer, clock: FakeClock) -> None:
    (entry,) = me.recommend(1)
    moment = clock()
    clock.advance(1000)
    assert me.explain(entry).time == moment
    assert me.explain("item-1").time == moment + 1000


def test_a_closed_personalizer_answers(me: hs.Personalizer) -> None:
    allow(me)
    me.record("item-3")
    me.close()
    me.close()
    attempts: list[Callable[[], object]] = [
        lambda: me.record("item-3"),
        me.events,
        me.recommend,
        lambda: me.explain("item-3"),
        me.sizes,
        me.erase,
        lambda: me.consent.grant(*BOTH, notice=NOTICE),
        lambda: me.consent.withdraw(*BOTH),
        lambda: me.consent.granted(hs.Purpose.PERSONALIZATION),
        me.consent.status,
    ]
    for attempt in attempts:
        with pytest.raises(ClosedError, match="closed"):
            attempt()


def test_closing_a_personalizer_closes_a_shared_bundle(opening: Open, bundle: hs.Bundle) -> None:
    with opening(), opening():
        pass
    assert bundle.title("item-3") == "Title № 3"


def test_a_profile_is_forgotten_between_openings(on_disk: hs.Personalizer, folder: Path, bundle: hs.Bundle) -> None:
    allow(on_disk)
    on_disk.record("item-3")
    expected = listed(on_disk)
    on_disk.close()
    with hs.Personalizer.open(str(folder), key=raw_key(), bundle=bundle, settings=QUICK) as again:
        assert listed(again) == expected
        assert again.consent.granted(hs.Purpose.PERSONALIZATION)


def test_another_key_opens_the_profile(on_disk: hs.Personalizer, folder: Path, bundle: hs.Bundle) -> None:
    allow(on_disk)
    on_disk.close()
    with pytest.raises(WrongKeyError):
        hs.Personalizer.open(folder, key=hs.Key.bytes(bytes(32)), bundle=bundle)


def test_a_key_that_is_kept_needs_no_folder(bundle: hs.Bundle) -> None:
    with pytest.raises(MisuseError, match="folder"):
        hs.Personalizer.open(None, key=raw_key(), bundle=bundle)


def test_an_ephemeral_profile_touches_its_folder(folder: Path, bundle: hs.Bundle) -> None:
    with hs.Personalizer.open(folder, key=hs.Key.ephemeral(), bundle=bundle) as me:
        allow(me)
        assert me.record("item-3")
    assert not folder.exists()


def test_two_personalizers_on_one_folder_hide_events_from_each_other(
    on_disk: hs.Personalizer, folder: Path, bundle: hs.Bundle
) -> None:
    with hs.Personalizer.open(folder, key=raw_key(), bundle=bundle, settings=QUICK) as prepared:
        # Opened while there was nothing: it finds the profile once it is asked to store something.
        allow(on_disk)
        with hs.Personalizer.open(folder, key=raw_key(), bundle=bundle, settings=QUICK) as other:
            on_disk.record("item-3")
            other.record("item-8")
            assert [event.item for event in on_disk.events()] == ["item-3", "item-8"]
            assert listed(on_disk) == listed(other)
            other.consent.withdraw(hs.Purpose.PERSONALIZATION)
            assert on_disk.record("item-9") is False
            assert listed(on_disk) == popular(bundle)
        allow(prepared)
        assert [event.item for event in prepared.events()] == ["item-3", "item-8"]


def test_threads_lose_events_or_get_errors(me: hs.Personalizer) -> None:
    allow(me)
    failures: list[BaseException] = []
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        try:
            for turn in range(15):
                assert me.record(f"item-{(number * 15 + turn) % 40}", "rate", weight=float(number)) is True
                recommended = me.recommend(5)
                assert [entry.score for entry in recommended] == sorted(
                    (entry.score for entry in recommended), reverse=True
                )
                if recommended:
                    assert me.explain(recommended[0]).score == recommended[0].score
        except BaseException as failure:  # noqa: BLE001 - reported by the main thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    events = me.events()
    assert len(events) == 120
    for number in range(8):
        own = [event.item for event in events if event.weight == number]
        assert own == [f"item-{(number * 15 + turn) % 40}" for turn in range(15)]


def test_it_cannot_be_used_from_asyncio(me: hs.Personalizer) -> None:
    async def session() -> list[hs.Recommendation]:
        await asyncio.to_thread(allow, me)
        await asyncio.gather(*(asyncio.to_thread(me.record, f"item-{number}") for number in range(10)))
        return await asyncio.to_thread(me.recommend, 5)

    assert all(entry.personalized for entry in asyncio.run(session()))
    assert len(me.events()) == 10


def test_an_item_or_a_title_can_be_read_on_the_disk(on_disk: hs.Personalizer, folder: Path) -> None:
    allow(on_disk)
    for number in range(30):
        on_disk.record(f"item-{number}", "very-private-kind", context={"place": "at the kitchen table"})
    recommended = on_disk.recommend(10)
    on_disk.explain(recommended[0])
    words = ["item-", "Title №", "Title", "very-private-kind", "kitchen table", NOTICE.text[:20], "personalization"]
    assert any(path.stat().st_size for path in folder.iterdir())
    assert traces(folder, words) == []
    on_disk.close()
    assert any(path.stat().st_size for path in folder.iterdir())
    assert traces(folder, words) == []


def test_a_recommendation_shows_the_history_when_it_is_printed(me: hs.Personalizer) -> None:
    allow(me)
    me.record("item-3", "very-private-kind", context={"place": "kitchen"})
    (entry,) = me.recommend(1)
    assert "kitchen" not in repr(entry)
    assert "very-private-kind" not in repr(entry)
