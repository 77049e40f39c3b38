"""What could be erased without being meant, or be there after it was erased."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import homespun as hs
from homespun.protocol.receipts import OUT_OF_SCOPE, decode, verify
from tests.sdk.cli.support import BOTH, PHRASE, Answer, Options, Run, opened
from tests.sdk.people import AFTERMATH, CONTRIBUTION, Machine, queue
from tests.sdk.profile.support import FakeKeyring, contents


@pytest.mark.parametrize("said", ["", "y", "Yes", "no", "yes please"])
@pytest.mark.parametrize("part", [[], ["--item", "item-3"]])
def test_a_profile_is_erased_without_a_clear_yes(
    run: Run, profile: Path, answer: Answer, said: str, part: list[str]
) -> None:
    before, asked = contents(profile), answer(said)
    run.fails("nothing was erased", "profile", "erase", "--profile", profile, *part)
    assert len(asked) == 1
    assert str(profile) in asked[0]
    assert all(word in asked[0] for word in part[1:])
    assert contents(profile) == before


@pytest.mark.parametrize("way", ["asked", "--yes"])
def test_a_profile_is_not_erased(run: Run, profile: Path, answer: Answer, way: str) -> None:
    asked = answer("yes")
    out = run.done("profile", "erase", "--profile", profile, *(["--yes"] if way == "--yes" else []))
    assert len(asked) == (way == "asked")
    assert not profile.exists()
    assert "key" in out
    assert all(limit in out for limit in OUT_OF_SCOPE)
    assert {path.name for path in profile.parent.iterdir()} == AFTERMATH


def test_a_restored_backup_of_an_erased_profile_opens_again(
    run: Run, key: Options, profile: Path, machine: Machine, tmp_path: Path
) -> None:
    shutil.copytree(profile, tmp_path / "elsewhere" / "backup")
    run.done("profile", "erase", "--profile", profile, "--yes")
    shutil.copytree(tmp_path / "elsewhere" / "backup", profile)
    status, out, err = run("profile", "check", *key)
    assert status == 1
    assert out.startswith("Erased everything, completing an erasure")
    assert err.count("\n") == 1
    assert "there is no profile" in err
    assert not profile.exists()
    with opened(machine) as me:
        assert me.events() == []


def test_erasing_a_restored_backup_with_its_key_is_a_failure(
    run: Run, key: Options, profile: Path, tmp_path: Path
) -> None:
    shutil.copytree(profile, tmp_path / "elsewhere" / "backup")
    run.done("profile", "erase", "--profile", profile, "--yes")
    shutil.copytree(tmp_path / "elsewhere" / "backup", profile)
    assert "completing an erasure" in run.done("profile", "erase", "--yes", *key)
    assert not profile.exists()


def test_a_receipt_is_signed_by_a_fresh_key_although_the_key_was_given(
    run: Run, key: Options, machine: Machine, profile: Path, tmp_path: Path
) -> None:
    with opened(machine, CONTRIBUTION) as me:
        queue(me)
        me._home.egress.send_pending()
        store = me._home.store()
        assert store is not None
        public_key = store.device_key.public_key
    out = run.done("profile", "erase", "--yes", "--receipt", tmp_path / "receipt.json", *key)
    receipt = decode((tmp_path / "receipt.json").read_bytes())
    verify(receipt, public_key=public_key)
    assert receipt.signer == "device"
    assert out == f"{receipt}\n"
    assert "counts/round-1" in out
    assert not profile.exists()


def test_a_receipt_without_a_key_is_not_signed(run: Run, profile: Path, tmp_path: Path) -> None:
    run.done("profile", "erase", "--yes", "--receipt", tmp_path / "receipt.json", "--profile", profile)
    receipt = decode((tmp_path / "receipt.json").read_bytes())
    verify(receipt)
    assert receipt.signer == "fresh"


@pytest.mark.parametrize("part", [[], ["--item", "item-3"]])
def test_something_is_erased_although_the_receipt_cannot_be_kept(
    run: Run, key: Options, profile: Path, tmp_path: Path, part: list[str]
) -> None:
    before = contents(profile)
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    for file in (tmp_path / "mine.txt", tmp_path / "nowhere" / "receipt.json"):
        run.fails("nothing was erased", "profile", "erase", "--yes", "--receipt", file, *part, *key)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep me"
    assert contents(profile) == before


def test_a_failed_erasure_leaves_an_empty_receipt(run: Run, profile: Path, secret: Path, tmp_path: Path) -> None:
    secret.write_text("wrong", encoding="utf-8")
    arguments = ("--profile", profile, "--passphrase-file", secret, "--receipt", tmp_path / "receipt.json")
    run.fails("does not open", "profile", "erase", "--yes", *arguments)
    assert not (tmp_path / "receipt.json").exists()


@pytest.mark.parametrize(
    ("part", "left"),
    [
        (["--item", "item-3"], ["item-8", "unheard-of"]),
        (["--kind", "buy"], ["item-3", "item-8"]),
        (["--kind", "buy", "--item", "item-3"], ["item-3", "item-8", "unheard-of"]),
        (["--tag", "the tag of item-8"], ["item-3", "unheard-of"]),
        (["--from", "2023-11-14"], []),
        (["--until", "2023-11-14"], ["item-3", "item-8", "unheard-of"]),
        (["--from", "1970-01-02", "--until", "2023-11-20T12:30"], []),
    ],
)
def test_another_part_is_erased_than_the_one_that_was_named(
    run: Run, whole: Options, machine: Machine, bundle: hs.Bundle, part: list[str], left: list[str]
) -> None:
    others = {tag for item in ("item-3",) for tag in bundle.tags(item)}
    (tag, *_) = [tag for tag in bundle.tags("item-8") if tag not in others]
    run.done("profile", "erase", "--yes", *(tag if each == "the tag of item-8" else each for each in part), *whole)
    with opened(machine) as me:
        assert [event.item for event in me.events()] == left
        assert all(me.consent.granted(purpose) for purpose in BOTH)


def test_a_day_is_another_one_than_on_the_persons_clock(run: Run, whole: Options, machine: Machine) -> None:
    midnight = datetime(2023, 5, 10).astimezone()
    with opened(machine) as me:
        for name, hours in (("before", -1), ("at", 0), ("within", 23)):
            me.record(name, time=(midnight + timedelta(hours=hours)).timestamp())
    run.done("profile", "erase", "--yes", "--from", "2023-05-10", "--until", "2023-05-11", *whole)
    with opened(machine) as me:
        assert [event.item for event in me.events()][-1] == "before"
    told = midnight.astimezone(UTC).isoformat()
    run.done("profile", "erase", "--yes", "--until", told, *whole)
    with opened(machine) as me:
        assert "before" not in [event.item for event in me.events()]


def test_an_inferred_interest_comes_back(run: Run, whole: Options, machine: Machine) -> None:
    with opened(machine) as me:
        tag = me.interests()[0].tag
    assert "the inferred interest: logical" in run.done("profile", "erase", "--yes", "--inference", tag, *whole)
    with opened(machine) as me:
        assert {each.tag: each.weight for each in me.interests()}[tag] == 0
        assert len(me.events()) == 3


@pytest.mark.parametrize(
    ("part", "match"),
    [
        (["--item", "item-3", "--inference", "x"], "inference"),
        (["--kind", "NOT A KIND"], "kind"),
        (["--item", ""], ""),
        (["--from", "2024-01-02", "--until", "2024-01-02"], "not before"),
        (["--item", "item-3", "--force"], "--force"),
    ],
)
def test_a_part_that_is_none_erases_something(
    run: Run, key: Options, profile: Path, part: list[str], match: str
) -> None:
    before = contents(profile)
    run.fails(match, "profile", "erase", "--yes", *part, *key)
    assert contents(profile) == before


def test_a_part_is_erased_without_the_key(run: Run, profile: Path, answer: Answer) -> None:
    before, asked = contents(profile), answer("something else")
    run.fails("does not open", "profile", "erase", "--yes", "--item", "item-3", "--profile", profile)
    assert asked == ["Passphrase: "]
    assert contents(profile) == before


def test_the_keyring_keeps_no_mark_of_an_erased_profile(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch, bundle_folder: Path
) -> None:
    keyring = FakeKeyring()
    monkeypatch.setattr("homespun.profile.keys.system_keyring", lambda: keyring)
    with machine.allowed(*BOTH, key=hs.Key.keyring("homespun tests")) as me:
        me.record("item-3")
        me.record("item-8")
    key = ("--profile", machine.folder, "--keyring", "homespun tests")
    assert "2 events" in run.done("profile", "show", *key, "--bundle", bundle_folder)
    assert "key_destroyed" in run.done("profile", "erase", "--yes", "--item", "item-3", *key)
    assert "1 event," in run.done("profile", "check", *key)
    out = run.done("profile", "erase", "--yes", *key)
    assert "key_destroyed" in out
    (entry,) = keyring.entries
    assert entry[1].endswith("/erased")
    assert list(machine.root.iterdir()) == []


def test_a_receipt_names_what_it_should_not(run: Run, whole: Options, tmp_path: Path) -> None:
    run.done("profile", "erase", "--yes", "--kind", "buy", "--receipt", tmp_path / "receipt.json", *whole)
    text = (tmp_path / "receipt.json").read_text(encoding="utf-8")
    assert json.loads(text)["scope"] == "a part: kind buy"
    assert not any(word in text for word in ("item-3", "item-8", "unheard-of", PHRASE))


def test_what_is_no_profile_is_erased(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "key.json").write_text("{}", encoding="utf-8")
    run.fails("--force", "profile", "erase", "--yes", "--profile", folder)
    assert (folder / "key.json").is_file()
    run.done("profile", "erase", "--yes", "--force", "--profile", folder)
    assert not folder.exists()
