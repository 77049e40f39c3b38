"""What the gift shop could get wrong, walked through on the bundle that its README makes."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


def commands(repository: Path) -> list[list[str]]:
    """Return the commands of the README, with this Python and this tree's files."""
    text = (repository / "examples/shop/README.md").read_text(encoding="utf-8")
    found = [shlex.split(line) for line in re.findall(r"^\$ (.+)$", text, re.MULTILINE)]
    programs = {"homespun-server": ["-m", "homespun_server.cli"], "python": []}
    placed = [[str(repository / word) if word.startswith("examples/") else word for word in each] for each in found]
    return [[sys.executable, "-W", "error", *programs[name], *words] for name, *words in placed]


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONUTF8": "1", "COLUMNS": "160"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", input="", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def folder(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    fit, _ = commands(repository)
    assert "To publish: gift-shop/bundle" in run(fit, folder)
    return folder


@pytest.fixture(scope="module")
def said(repository: Path, folder: Path) -> str:
    return run(commands(repository)[1], folder)


@pytest.fixture
def screens(said: str) -> list[list[str]]:
    """The lines of each screen, without its heading; the first is the one before the first screen."""
    return [part.splitlines()[1:] for part in re.split(r"^\d+\. ", said, flags=re.MULTILINE)]


def listed(screen: list[str]) -> dict[str, str]:
    """Return titles with their reasons."""
    rows = [re.fullmatch(r"  (\S.*?)  +(\S.*)", line) for line in screen]
    return {row[1]: row[2] for row in rows if row}


def products(repository: Path) -> dict[str, dict[str, str]]:
    with (repository / "examples/shop/data/items.csv").open(encoding="utf-8", newline="") as file:
        return {row["title"]: row for row in csv.DictReader(file)}


def test_the_shop_shows_something_else_each_time(repository: Path, folder: Path, said: str) -> None:
    assert run(commands(repository)[1], folder) == said
    assert said.count("─" * 100) == 13
    assert sorted(path.name for path in folder.iterdir()) == ["gift-shop"]


def test_somebody_who_was_not_asked_gets_a_personal_page(screens: list[list[str]]) -> None:
    assert not [reason for reason in listed(screens[1]).values() if "because you " in reason and "allow" not in reason]
    assert [reason for reason in listed(screens[2]).values() if reason.startswith("because you bought")]


def test_a_rule_does_nothing_or_is_not_named(repository: Path, screens: list[list[str]]) -> None:
    page, tags = listed(screens[1]), {title: each["tags"] for title, each in products(repository).items()}
    assert list(page)[2] == "Cream Sweetheart Mini Chest"
    assert page["Cream Sweetheart Mini Chest"] == "placed here: Offer of the weekend"
    assert "has a place here: A place for what is new" in page.values()
    boosted = {title: reason for title, reason in page.items() if reason.startswith("promoted here: ")}
    assert boosted
    for title, reason in boosted.items():
        assert ("Lights" if "Candlelight in the evening" in reason else "Christmas") in tags[title]
    assert any(line.startswith("the rule 'Candlelight in the evening'  ") for line in screens[3])


def test_a_rule_acts_past_its_dates(repository: Path, screens: list[list[str]]) -> None:
    acts = {line.split("(")[0].strip() for line in screens[4] if line.startswith("  acts")}
    later = {line.split("(")[0].strip() for line in screens[12] if line.startswith("  acts")}
    assert acts - later == {"acts  Christmas is near", "acts  Offer of the weekend"}
    assert later - acts == {"acts  Christmas is over"}
    tags = {title: each["tags"] for title, each in products(repository).items()}
    page = [title for title in listed(screens[12]) if title in tags]
    assert len(page) == 6
    assert not [title for title in page if "Christmas" in tags[title]]
    assert "Cream Sweetheart Mini Chest" not in page


def test_what_is_told_of_a_score_does_not_add_up(screens: list[list[str]]) -> None:
    values = [float(match[1]) for line in screens[3] if (match := re.search(r" ([+-][\d.]+(?:e-\d+)?)$", line))]
    *parts, score = values
    assert sum(parts) == pytest.approx(score, abs=1e-5)
    assert any(re.fullmatch(r"without .+ it would not be among the first 6", line) for line in screens[3])


def test_similar_products_are_not_alike_or_a_search_finds_something_else(screens: list[list[str]]) -> None:
    assert len(listed(screens[5])) == len(listed(screens[6])) == 4
    assert all("Hot Water Bottle" in title for title in listed(screens[5]))
    assert all(" Bag " in f" {title} " for title in listed(screens[6]))


def test_what_is_used_up_stays_away_or_what_lasts_comes_back(repository: Path, screens: list[list[str]]) -> None:
    tags = {title: each["tags"] for title, each in products(repository).items()}
    before, after = listed(screens[7]), listed(screens[13])
    assert all("Supplies" in tags[title] for title in (*before, *after))
    assert "Set/20 Red Retrospot Paper Napkins" not in listed(screens[11])
    assert after["Set/20 Red Retrospot Paper Napkins"] == "because you bought it before"
    assert "Wooden Box Of Dominoes" not in {*listed(screens[11]), *listed(screens[12]), *after}
    assert all("bought it before" in reason for reason in listed(screens[8]).values())


def test_something_that_is_sold_out_is_listed(screens: list[list[str]]) -> None:
    (sold_out,) = (line.split(":")[0].strip() for line in screens[9] if "kept out of lists, because" in line)
    assert sold_out in listed(screens[2])
    assert not [screen for screen in screens[9:] if sold_out in listed(screen)]
    assert "because it is like Wooden Angel Christmas Decoration" in listed(screens[9]).values()


def test_a_policy_with_a_slip_in_it_takes_effect(screens: list[list[str]]) -> None:
    assert any("at rules[0].then.by: " in line for line in screens[10])
    assert "  In force: gift shop" in screens[10]
