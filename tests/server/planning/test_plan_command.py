"""``homespun-server plan`` shows something else than the plan, or nothing that can be read."""

import argparse
import json
from fractions import Fraction

import pytest
from rich.console import Console

from homespun.errors import HomespunError
from homespun_server.cli import plan as command
from homespun_server.privacy.zcdp import rho_for

USUAL = ("--users", "50000", "--items", "20000", "--epsilon", "1")


def shown(*arguments: str, width: int = 120) -> str:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    options = parser.parse_args(arguments)
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        options.run(options, console)
    return captured.get()


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def test_a_plan_leaves_out_what_was_asked() -> None:
    text = words(shown(*USUAL, "--statistics", "counts", "pairs", "transitions", "trend", "metrics"))
    for part in (
        "user, per month, ε = 1, δ = 1e-06",
        "user, after 12 months ε = 3.86",
        "user, after 12 months, with 2 devices or ids",
        "items expected to stand out, within a factor of 1.75",
        "item-counts best or near it at most ε",
        "(rule of thumb) 2.0%",
        "kept of what it adds to popularity",
        "17–20 µs a number and core",
        "a prototype of the recipe was measured",
        "too small: 50,000 users are few for transitions at ε = 1",
    ):
        assert part in text, part


def test_a_fleet_that_is_large_enough_is_called_too_small() -> None:
    assert "too small" not in shown(*USUAL).lower()
    text = words(shown("--users", "1200", "--items", "20000", "--epsilon", "1"))
    assert "too small: 1,200 users are few for ε = 1: expect little more than popularity and content. About" in text
    assert "users would be enough at this ε; with these users it would take ε ≈" in text


def test_the_bars_are_longer_than_they_say() -> None:
    rows = [line for line in shown(*USUAL).splitlines() if line.rstrip().endswith("%")]
    lines = [line for line in rows if line.split()[1] == "50,000"]
    # Six ε, and the fleet itself once more among others.
    assert len(lines) == 7
    lengths = [line.count("█") for line in lines]
    shares = [int(line.split()[-1].rstrip("%")) for line in lines]
    assert lengths[:6] == sorted(lengths[:6])
    assert all(abs(length - share / 5) <= 1 for length, share in zip(lengths, shares, strict=True))


def test_json_holds_another_plan_than_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    options = parser.parse_args(["--users", "1200", "--items", "500", "--epsilon", "1", "--json"])
    options.run(options, Console(width=20))
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == 1
    assert Fraction(data["exact_rho"]) == Fraction(rho_for(1.0, 1e-6))
    assert data["request"]["fleet"] == {"users": 1200, "items": 500, "likes": 40.0, "max_items": 1000}
    assert [share["name"] for share in data["shares"]] == ["item-counts", "item-pairs"]
    assert sum(share["share"] for share in data["shares"]) == pytest.approx(1)
    assert data["too_small"][0]["users"] > 1200
    assert data["too_small_text"][0].startswith("1,200 users are few for ε = 1")
    assert "extrapolated" in data


def test_a_narrow_terminal_breaks_a_plan() -> None:
    assert "too small" in words(shown("--users", "9", "--items", "12", "--epsilon", "1", width=60))


def test_once_is_added_up_over_a_year() -> None:
    text = words(shown(*USUAL, "--per", "once", "--devices-per-person", "4"))
    assert "user, once, with 4 devices or ids" in text
    assert "after" not in text


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--users", "1", "--items", "1", "--epsilon", "1"), "at least two items"),
        (("--users", "0", "--items", "10", "--epsilon", "1"), "0 users"),
        (("--users", "10", "--items", "10", "--epsilon", "nan"), "ε is nan"),
        (("--users", "10", "--items", "10", "--epsilon", "1", "--delta", "2"), "δ is 2"),
        ((*USUAL, "--per", "week"), "--per is 'week'"),
        ((*USUAL, "--per", "once", "--periods", "3"), "1 for once"),
        ((*USUAL, "--statistics", "pairs"), "plan counts"),
        ((*USUAL, "--events-per-user", "inf"), "--events-per-user"),
        ((*USUAL, "--devices-per-person", "0"), "devices a person"),
    ],
)
def test_a_wrong_call_is_planned_or_gives_no_reason(arguments: tuple[str, ...], problem: str) -> None:
    with pytest.raises(HomespunError, match=problem):
        shown(*arguments)
