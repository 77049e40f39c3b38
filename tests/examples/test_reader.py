"""What the film shelf could do to the person who uses it: driven as a person would, by what is typed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

import homespun as hs

WORDS = "only for this test"
FIRST = "  1  "

Talk = Callable[..., str]


@pytest.fixture
def talk(repository: Path, tmp_path: Path) -> Talk:
    """Type lines into the shelf, with nothing but its own folder around it, and return what it says."""
    (tmp_path / "words.txt").write_text(WORDS + "\n", encoding="utf-8")
    (tmp_path / "home").mkdir()
    program = repository / "examples/reader/shelf.py"

    def run(*lines: str, file: str = "words.txt", status: int = 0, reasons: Path | None = None) -> str:
        command: list[str | Path] = [sys.executable, "-W", "error", program, "--profile", "profile"]
        command += [] if reasons is None else ["--reasons", reasons]
        done = subprocess.run(
            [*command, "--passphrase-file", tmp_path / file],
            input="".join(f"{line}\n" for line in lines),
            cwd=tmp_path / "home",
            env={**os.environ, "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def files(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir())


def titles(said: str) -> list[list[str]]:
    """Return the titles of each list for the person."""
    lists = re.split(r"^(?:> )?\n?The film shelf .*\n─+\n", said, flags=re.MULTILINE)[1:]
    return [re.findall(r"^ {1,2}\d+  (.+?)(?:  .*)?$", each, re.MULTILINE) for each in lists]


def first_title(said: str) -> str:
    """Return the title of the first film of the last list."""
    line = said[said.rindex(FIRST) :].splitlines()[0]
    return line.removeprefix(FIRST).split("  ")[0].strip()


@pytest.mark.parametrize("answer", ["n", "", "no thanks", "yess"])
def test_something_is_on_the_disk_without_a_clear_yes(talk: Talk, home: Path, answer: str) -> None:
    said = talk(answer, "rate 1 9", "hide 2", "more 3", "list", "known", "quit")
    assert files(home) == ["profile.answer"]
    assert not re.search("tt[0-9]|rate|hide|more", (home / "profile.answer").read_text(encoding="utf-8"))
    assert "not kept" in said
    assert "0 events" in said
    assert "the same for everybody" in said


def test_a_no_is_forgotten_and_asked_for_again(talk: Talk, home: Path) -> None:
    assert "May I remember?" in talk("n", "quit")
    assert "May I remember?" not in talk("list", "quit")
    assert "Thank you" in talk("allow", "y", "rate 1 10", "quit")
    assert files(home) == ["profile"]
    with hs.Personalizer.open(home / "profile", key=hs.Key.passphrase(WORDS)) as me:
        assert [record.action for record in me.consent.records()] == ["refuse", "refuse", "grant", "grant"]
        me.bundle.close()
    assert "May I remember?" not in talk("list", "quit")


def test_an_answer_that_is_left_behind_ends_what_was_allowed_later(talk: Talk, home: Path) -> None:
    talk("n", "quit")
    answer = (home / "profile.answer").read_bytes()
    talk("allow", "y", "rate 1 10", "quit")
    (home / "profile.answer").write_bytes(answer)
    assert "1 events" in talk("known", "quit")


def test_leaving_at_the_question_counts_as_a_yes(talk: Talk, home: Path) -> None:
    assert talk().endswith("Goodbye.\n")
    assert list(home.iterdir()) == []


def test_the_stored_notice_is_not_what_was_shown(talk: Talk, home: Path) -> None:
    said = talk("y", "quit")
    with hs.Personalizer.open(home / "profile", key=hs.Key.passphrase(WORDS)) as me:
        status = me.consent.status()
        me.bundle.close()
    for purpose in (hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION):
        record = status[purpose].decided_by
        assert record is not None
        assert record.notice is not None
        assert record.notice.text in said
    assert not status[hs.Purpose.CONTRIBUTION].granted


def test_what_was_rated_is_forgotten_or_not_used(talk: Talk) -> None:
    before = talk("y", "rate 1 10", "list", "quit")
    rated = before[before.index(FIRST) :].splitlines()[0].removeprefix(FIRST).strip()
    after = talk("why 1", "quit")
    assert f"because you rated {rated}" in before
    assert f"you rated {rated} (" in after
    assert "May I remember?" not in after


def test_a_hidden_film_comes_back_in_the_next_list_or_after_a_restart(talk: Talk) -> None:
    hidden = first_title(talk("y", "hide 1", "quit"))
    later = talk("list", "known", "undo", "list", "quit")
    known, undone = later.index("What I know"), later.index("took back entry 1")
    assert hidden not in later[:known]
    assert f"set  never show {hidden}" in later[known:undone]
    assert hidden in later[undone + len(f"took back entry 1 (never show {hidden})") :]


def test_a_hidden_film_comes_back_after_what_is_known_was_forbidden(talk: Talk) -> None:
    hidden = first_title(talk("y", "rate 3 9", "list", "hide 1", "quit"))
    forbidden = talk("forbid", "list", "quit")
    assert "the same for everybody" in forbidden
    assert hidden not in forbidden


def test_more_like_a_film_changes_nothing_or_cannot_be_taken_back(talk: Talk) -> None:
    said = talk("y", "more 1", "list", "why 1", "undo", "list", "quit")
    headings = [line.split("  ")[-1].strip() for line in said.splitlines() if line.startswith("The film shelf")]
    assert headings == ["the same for everybody", "for you", "the same for everybody"]
    assert "because you asked for more like" in said
    assert "Type without 1, hide 1 or more 1" in said


def test_what_was_set_before_the_yes_is_lost_with_it(talk: Talk) -> None:
    said = talk("n", "hide 1", "more 2", "allow", "y", "known", "quit")
    assert "until you leave." in said
    known = said[said.rindex("What I know") :]
    assert known.count("set  never show") == 1
    assert known.count("set  more like") == 1


def test_an_export_lacks_something_or_replaces_a_file(talk: Talk, home: Path) -> None:
    said = talk("y", "rate 1 10", "hide 2", "export", "export", "quit")
    assert "It is not encrypted" in said
    assert "exists and was left as it is" in said
    with ZipFile(home / "profile.zip") as archive:
        assert len(json.loads(archive.read("data/events.json"))["rows"]) == 1
        assert len(json.loads(archive.read("data/controls.json"))["rows"]) == 1


def test_a_hidden_film_comes_back_where_nothing_may_be_kept(talk: Talk) -> None:
    said = talk("n", "hide 1", "list", "quit")
    told = said.index("never show ")
    assert first_title(said[:told]) not in said[said.index("until you leave", told) :]


def test_what_is_known_is_used_after_it_was_forbidden(talk: Talk, home: Path) -> None:
    said = talk("y", "rate 1 10", "forbid", "list", "rate 2 9", "quit")
    assert "because you rated" not in said[said.index("not used any more") :]
    assert "not kept" in said
    assert (home / "profile").is_dir()
    again = talk("n", "list", "quit")
    assert "because you rated" not in again


def test_the_profile_is_still_there_after_erase(talk: Talk, home: Path) -> None:
    said = talk("y", "rate 1 10", "erase", "yes", "known", "list", "quit")
    receipt = said[said.index("Receipt") :]
    assert "profile key: logical." in receipt
    assert "events: logical." in receipt
    assert "consent and ledger: logical." in receipt
    assert "solid-state disk" in receipt
    assert "0 events" in receipt
    assert "because you rated" not in receipt
    assert files(home) == ["profile.erased", "profile.erased.lock"]
    assert "May I remember?" in talk("n", "quit")


def test_erase_takes_a_slip_for_a_yes(talk: Talk, home: Path) -> None:
    assert "Nothing was erased" in talk("y", "rate 1 10", "erase", "y", "quit")
    assert "1 events" in talk("known", "quit")
    assert (home / "profile" / "key.json").is_file()


def test_another_passphrase_opens_the_shelf(talk: Talk, tmp_path: Path) -> None:
    talk("y", "rate 1 10", "quit")
    (tmp_path / "other.txt").write_text("something else", encoding="utf-8")
    refused = talk("list", "quit", file="other.txt", status=1)
    assert "does not open this profile" in refused
    assert FIRST not in refused


def test_a_slip_of_the_hand_ends_the_application(talk: Talk) -> None:
    said = talk("n", "", "rate", "rate x 3", "rate 1 11", "rate 99 3", "why", "hide 0", "find", "nonsense", "erase")
    assert said.count("Name a film by its number") == 5
    assert "how many stars" in said
    assert said.endswith("Goodbye.\n")


def test_colours_reach_a_file(talk: Talk) -> None:
    assert "\x1b" not in talk("y", "rate 1 10", "list", "why 1", "rate 99 1", "quit")


def test_questions_to_begin_with_are_asked_of_nobody_or_lead_to_nothing(talk: Talk) -> None:
    refused = talk("n", "start", "quit")
    assert "I may not remember what you answer" in refused
    said = talk("allow", "y", "start", *["9", "", "2", "8", "nonsense", "10", "1", "", "7", "9"], "known", "quit")
    asked = re.findall(r"[^:\n]+ \(\d{4}\)(?=: )", said[said.index("Do you know") : said.index("What I know")])
    assert len(asked) == len(set(asked)) == 10
    assert "7 events" in said
    assert "because you rated" in said


def test_what_is_without_a_reason_is_the_same_or_stays_so_after_undo(talk: Talk) -> None:
    rated = ("find gravity 2013", "rate 1 10", "find despicable me 2010", "rate 1 10")
    said = talk("y", *rated, "list", "why 3", "without 3", "undo", "list", "quit")
    _, before, after, again = titles(said)
    told = said[said.index("rounding (residual)") :]
    named = re.search(r"^without (.+) it would not be among the first 10$", told, re.MULTILINE)
    assert named
    assert before[2] not in after
    assert f"what I did with {named[1]} says nothing of my taste" in told
    assert again == before


def test_the_dial_for_diversity_turns_nothing_or_breaks(talk: Talk) -> None:
    said = talk("y", "rate 1 10", "list", "mix 1", "mix 0", "mix 2", "mix", "mix often", "quit")
    _, before, mixed, again = titles(said)
    assert len(mixed) == 10
    assert set(mixed) != set(before)
    assert again == before
    assert said.count("Say how much from 0 to 1") == 3


def test_reasons_in_another_language_are_cut_mixed_or_of_no_reason(
    talk: Talk, repository: Path, tmp_path: Path
) -> None:
    said = talk(
        "y", "rate 1 10", "list", "more 2", "list", "why 1", reasons=repository / "examples/reader/reasons.de.json"
    )
    lists = said[said.index("The film shelf") :]
    assert "bei allen beliebt; von dir ist noch nichts bekannt" in lists
    assert "weil du" in lists
    assert " bewertet hast" in lists
    assert "because" not in lists
    (tmp_path / "broken.json").write_text('{"because": "weil {wer}"}', encoding="utf-8")
    assert "has the field 'wer'" in talk(reasons=tmp_path / "broken.json", status=1)
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    assert "film shelf: " in talk(reasons=tmp_path / "broken.json", status=1)
