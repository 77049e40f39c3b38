"""What could go wrong when a profile is exported, set back, or given another key."""

from pathlib import Path

import pytest

import homespun as hs
from homespun.person.export import Recipient, read_export
from tests.sdk.cli.support import BOTH, PHRASE, Answer, Options, Run, opened
from tests.sdk.people import NOTICE, Machine
from tests.sdk.profile.support import QUICK, FakeKeyring, contents, traces

NEW = "another horse"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new"
    path.write_text(NEW + "\n", encoding="utf-8")
    return path


def recovery_key(out: str) -> str:
    text = out.splitlines()[0]
    assert len(text) == 56 + 13
    return text


def test_an_export_does_not_hold_everything_or_hides_that_it_is_in_the_clear(
    run: Run, whole: Options, tmp_path: Path, bundle: hs.Bundle
) -> None:
    file = tmp_path / "mine.zip"
    out = run.done("profile", "export", file, *whole)
    assert "3 events" in out
    assert "whoever gets hold of the file can read it" in out
    with hs.Personalizer.import_(
        file, tmp_path / "again", key=hs.Key.passphrase(PHRASE), notice=NOTICE, bundle=bundle, settings=QUICK
    ) as me:
        assert [event.item for event in me.events()] == ["item-3", "item-8", "unheard-of"]


@pytest.mark.parametrize("form", ["jsonl", "csv", "html"])
def test_the_reasons_of_lists_cannot_be_handed_over(
    run: Run, machine: Machine, secret: Path, tmp_path: Path, bundle_folder: Path, form: str
) -> None:
    options = ("--profile", machine.folder, "--passphrase-file", secret, "--bundle", bundle_folder)
    file = tmp_path / f"why.{form}"
    with opened(machine, *BOTH, hs.Purpose.EXPLANATION_LOG) as me:
        me.record("item-3", kind="like")
    run.fails("no record of a list", "profile", "decisions", file, *options)
    with opened(machine, *BOTH, hs.Purpose.EXPLANATION_LOG) as me:
        for _ in range(2):
            me.recommend(4)
    out = run.done("profile", "decisions", file, "--format", form, *options)
    assert "why 2 lists were" in out
    assert "whoever gets hold of the file can read it" in out
    run.fails("--overwrite", "profile", "decisions", file, "--format", form, *options)
    run.fails("cannot be written", "profile", "decisions", tmp_path / "nowhere" / "why", *options)
    assert file.stat().st_size > 1000
    if form == "jsonl":
        assert "2 lists with 8 items" in run.done("verify", file, "--bundle", bundle_folder)


def test_an_export_for_somebody_can_be_read_by_others(run: Run, whole: Options, tmp_path: Path) -> None:
    recipient, private = Recipient.generate()
    out = run.done("profile", "export", tmp_path / "mine.homespun", "--recipient", recipient, *whole)
    assert "not encrypted" not in out
    assert len(read_export(tmp_path / "mine.homespun", recipient_key=private).events) == 3
    assert traces(tmp_path, ["unheard-of"]) == []


def test_a_sealed_export_opens_with_another_passphrase(
    run: Run, whole: Options, tmp_path: Path, answer: Answer
) -> None:
    word = "sesame"
    asked = answer(word, word)
    run.done("profile", "export", tmp_path / "mine.homespun", "--seal", *whole)
    assert len(asked) == 2
    assert len(read_export(tmp_path / "mine.homespun", passphrase=word).events) == 3
    with pytest.raises(hs.errors.ExportKeyError):
        read_export(tmp_path / "mine.homespun", passphrase=PHRASE)


def test_a_mistyped_passphrase_seals_an_export(run: Run, whole: Options, tmp_path: Path, answer: Answer) -> None:
    answer("sesame", "seasme")
    run.fails("differ", "profile", "export", tmp_path / "mine.homespun", "--seal", *whole)
    assert not (tmp_path / "mine.homespun").exists()


def test_an_export_replaces_a_file_or_leaves_half_of_one(run: Run, whole: Options, tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    file.write_text("keep me", encoding="utf-8")
    run.fails("--overwrite", "profile", "export", file, *whole)
    assert file.read_text(encoding="utf-8") == "keep me"
    run.done("profile", "export", file, "--overwrite", *whole)
    assert len(read_export(file).events) == 3
    run.fails("cannot be written", "profile", "export", tmp_path / "nowhere" / "mine.zip", *whole)
    run.fails("recipient", "profile", "export", tmp_path / "x.homespun", "--recipient", "nobody", *whole)
    run.fails(".homespun", "profile", "export", tmp_path / "x.zip", "--recipient", Recipient.generate()[0], *whole)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("x", "nowhere"))] == []


def test_undo_takes_back_something_else(run: Run, whole: Options, machine: Machine) -> None:
    run.fails("nothing to undo", "profile", "undo", *whole)
    with opened(machine) as me:
        me.controls.hide_item("item-8")
        me.controls.pause()
        me.controls.diversity(0.5)
    assert run.done("profile", "undo", 1, *whole) == "took back entry 1 (never show Title № 8)\n"
    assert run.done("profile", "undo", *whole) == "took back entry 3 (diversity 50%)\n"
    run.fails("99", "profile", "undo", 99, *whole)
    with opened(machine) as me:
        steering = me.controls.current()
    assert (steering.hidden_items, steering.diversity, steering.paused) == (frozenset(), 0.0, True)


def test_the_old_passphrase_still_opens_or_the_new_one_does_not(
    run: Run, key: Options, profile: Path, new: Path
) -> None:
    databases = {name: data for name, data in contents(profile).items() if name.startswith("epoch-")}
    out = run.done("profile", "rekey", "--new-passphrase-file", new, *key)
    assert "earlier copy" in out
    run.fails("does not open", "profile", "check", *key)
    assert "3 events" in run.done("profile", "check", "--profile", profile, "--passphrase-file", new)
    assert databases.items() <= contents(profile).items()


def test_a_new_passphrase_that_is_mistyped_locks_the_profile(run: Run, key: Options, answer: Answer) -> None:
    answer(NEW, NEW.upper())
    run.fails("differ", "profile", "rekey", *key)
    asked = answer("", "")
    run.fails("empty", "profile", "rekey", *key)
    assert asked == ["New passphrase: ", "Once more: "]
    assert "3 events" in run.done("profile", "check", *key)


def test_a_rotated_profile_opens_with_the_keys_of_an_old_copy(run: Run, key: Options, profile: Path, new: Path) -> None:
    run.done("profile", "rekey", "--new-passphrase-file", new, *key)
    opening = ("--profile", profile, "--passphrase-file", new)
    before = contents(profile)
    out = run.done("profile", "rotate", *opening)
    assert "anew" in out
    after = contents(profile)
    assert [name for name in before if after.get(name) == before[name]] == []
    assert "3 events" in run.done("profile", "check", *opening)
    (profile / "key.json").write_bytes(before["key.json"])
    run.fails("", "profile", "check", *opening)


def test_a_recovery_key_does_not_open_or_is_not_explained(
    run: Run, key: Options, profile: Path, tmp_path: Path, answer: Answer
) -> None:
    out = run.done("profile", "recovery", *key)
    assert "Write it down" in out
    assert "Whoever has it" in out
    text = recovery_key(out)
    file = tmp_path / "recovery"
    file.write_text(text.lower() + "\n", encoding="utf-8")
    assert "3 events" in run.done("profile", "check", "--profile", profile, "--recovery-file", file)
    asked = answer(text)
    assert "3 events" in run.done("profile", "check", "--profile", profile, "--recovery")
    assert asked == ["Recovery key: "]
    assert "3 events" in run.done("profile", "check", *key)


def test_a_mistyped_recovery_key_is_shown(run: Run, key: Options, profile: Path, answer: Answer) -> None:
    text = recovery_key(run.done("profile", "recovery", *key))
    answer(text[:-1])
    line = run.fails("mistyped", "profile", "check", "--profile", profile, "--recovery")
    assert not any(group in line for group in text.split("-"))


def test_a_recovery_key_opens_after_it_was_revoked_or_replaced(
    run: Run, key: Options, profile: Path, tmp_path: Path
) -> None:
    file = tmp_path / "recovery"
    opening = ("--profile", profile, "--recovery-file", file)
    file.write_text(recovery_key(run.done("profile", "recovery", *key)), encoding="utf-8")
    second = recovery_key(run.done("profile", "recovery", *key))
    run.fails("does not open", "profile", "check", *opening)
    file.write_text(second, encoding="utf-8")
    run.done("profile", "check", *opening)
    assert "No recovery key" in run.done("profile", "recovery", "--revoke", *key)
    run.fails("recovery key", "profile", "check", *opening)
    assert "3 events" in run.done("profile", "check", *key)


def test_who_lost_the_passphrase_is_locked_out_in_spite_of_the_recovery_key(
    run: Run, key: Options, profile: Path, new: Path, tmp_path: Path
) -> None:
    file = tmp_path / "recovery"
    file.write_text(recovery_key(run.done("profile", "recovery", *key)), encoding="utf-8")
    recovery = ("--profile", profile, "--recovery-file", file)
    run.fails("does not seal", "profile", "rotate", *recovery)
    run.done("profile", "rekey", "--new-passphrase-file", new, *recovery)
    assert "3 events" in run.done("profile", "check", "--profile", profile, "--passphrase-file", new)
    assert "3 events" in run.done("profile", "check", *recovery)
    run.fails("does not open", "profile", "check", *key)


def test_who_lost_the_keyring_is_locked_out_in_spite_of_the_recovery_key(
    run: Run, machine: Machine, monkeypatch: pytest.MonkeyPatch, new: Path, tmp_path: Path
) -> None:
    keyring = FakeKeyring()
    monkeypatch.setattr("homespun.profile.keys.system_keyring", lambda: keyring)
    with machine.allowed(*BOTH, key=hs.Key.keyring("homespun tests")) as me:
        me.record("item-3")
    profile = ("--profile", machine.folder)
    text = recovery_key(run.done("profile", "recovery", *profile, "--keyring", "homespun tests"))
    (tmp_path / "recovery").write_text(text, encoding="utf-8")
    keyring.entries.clear()
    run.fails("", "profile", "check", *profile, "--keyring", "homespun tests")
    recovery = (*profile, "--recovery-file", tmp_path / "recovery")
    run.done("profile", "rekey", "--new-passphrase-file", new, *recovery)
    assert "1 event," in run.done("profile", "check", *profile, "--passphrase-file", new)


@pytest.mark.parametrize("command", ["rotate", "rekey"])
def test_a_profile_that_is_open_elsewhere_is_rotated_under_its_user(
    run: Run, key: Options, machine: Machine, new: Path, command: str
) -> None:
    with opened(machine) as me:
        if command == "rotate":
            run.fails("", "profile", "rotate", *key)
        else:
            run.done("profile", "rekey", "--new-passphrase-file", new, *key)
        assert me.record("item-5")
    opening = key if command == "rotate" else (*key[:2], "--passphrase-file", new)
    assert "4 events" in run.done("profile", "check", *opening)
