"""The page on privacy: a sentence that nothing holds, or that is held by a test which is not there or never runs.

The page is headings and rows of two cells, nothing else: one sentence, and the tests that hold it, folded away. What no
test can hold stands in two sections of its own, marked.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

FRAME = ("| | |", "| --- | --- |")
ROW = re.compile(r"\| (?P<sentence>.+) \| (?P<mark>.+) \|")
FOLDED = re.compile(r"<details><summary>(?P<count>1 test|[2-9] tests)</summary>(?P<tests>.+)</details>")
TEST = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<name>test_\w+)`")
ANOTHER_SENTENCE = re.compile(r"[.!?] +[^a-z\d]")

WITHOUT_TESTS = {"What is assumed": "assumed", "What is not covered": "not covered"}
SECTIONS = (
    "Who is protected",
    "What a person adds",
    "Sampling and secrets",
    "Clipping and noise, two steps",
    "What it costs",
    "Composition",
    "The ledger",
    "What is a release, and what is not",
    "Sums over devices",
    "What is public",
    *WITHOUT_TESTS,
)
NEVER_RUN = {"skip", "skipif", "xfail", "importorskip", "soak"}


class Claim(NamedTuple):
    section: str
    sentence: str
    mark: str


def claims(page: str) -> Iterator[Claim | str]:
    """Yield every claim of a page, and every line that is none."""
    section = ""
    for line in page.splitlines():
        if line in FRAME or not line:
            continue
        if line.startswith("#"):
            section = line.lstrip("# ")
        elif row := ROW.fullmatch(line):
            yield Claim(section, row["sentence"], row["mark"])
        else:
            yield line


def problems(page: str, repository: Path) -> list[str]:
    """Return what is wrong with a page."""
    found, sections = [], set()
    for claim in claims(page):
        if isinstance(claim, str):
            found.append(f"nothing holds: {claim}")
            continue
        sections.add(claim.section)
        if not claim.sentence.endswith(".") or ANOTHER_SENTENCE.search(claim.sentence):
            found.append(f"not one sentence: {claim.sentence}")
        found += [f"{problem}: {claim.sentence}" for problem in problems_of_mark(claim, repository)]
    return [*found, *(f"nothing is said of: {section}" for section in SECTIONS if section not in sections)]


def problems_of_mark(claim: Claim, repository: Path) -> Iterator[str]:
    word = WITHOUT_TESTS.get(claim.section)
    if word is not None:
        if claim.mark != f"<small>{word}</small>":
            yield f"not marked as {word}"
        return
    folded = FOLDED.fullmatch(claim.mark)
    named = [] if folded is None else folded["tests"].split()
    if folded is None or int(folded["count"][0]) != len(set(named)):
        yield "not marked with its tests, or with another number of them"
    for test in named:
        match = TEST.fullmatch(test)
        if match is None or not (repository / match["path"]).is_file():
            yield f"{test} names no file of tests"
        else:
            yield from problems_of_test(parsed(repository / match["path"]), match["name"])


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def problems_of_test(tree: ast.Module, name: str) -> Iterator[str]:
    """Yield why a test is not there, or need not run."""
    here = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if len(here) != 1:
        yield f"there is no test {name} in its file"
    # What stands beside the functions of a module holds for all of them.
    beside = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    words = {getattr(node, "attr", getattr(node, "id", "")) for part in here + beside for node in ast.walk(part)}
    if words & NEVER_RUN:
        yield f"{name} is not always run"


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_a_sentence_is_held_by_nothing(page: str, repository: Path) -> None:
    assert problems(page, repository) == []


def test_the_page_says_next_to_nothing(page: str) -> None:
    found = [claim for claim in claims(page) if isinstance(claim, Claim)]
    assert len(found) > 80
    assert len({claim.sentence for claim in found}) == len(found)
    assert len(set(TEST.findall(page))) > 80


def test_an_empty_page_passes(repository: Path) -> None:
    assert len(problems("", repository)) == len(problems("# Privacy\n", repository)) == len(SECTIONS)


HELD = (
    "| The noise is noise. | <details><summary>1 test</summary>`tests/foundation/test_privacy_page.py::"
    "test_an_empty_page_passes`</details> |"
)


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("What it costs", "Nobody loses anything."),
        ("What it costs", "| Nobody loses anything. | |"),
        ("What it costs", "| Nobody loses anything. | of course |"),
        ("What it costs", "| Nobody loses anything. | <small>assumed</small> |"),
        ("What it costs", "| Nobody loses anything. | <small>not covered</small> |"),
        ("What is assumed", "| Nobody looks. | <small>not covered</small> |"),
        ("What is assumed", HELD),
        ("What is not covered", HELD),
        ("What it costs", HELD.replace("noise is noise.", "noise is noise")),
        ("What it costs", HELD.replace("noise is noise.", "noise is noise. Nobody loses anything.")),
        ("What it costs", HELD.replace("1 test<", "2 tests<")),
        ("What it costs", HELD.replace("passes`", "passes`, `tests/foundation/test_privacy_page.py`")),
        ("What it costs", HELD.replace("test_privacy_page.py", "test_no_page.py")),
        ("What it costs", HELD.replace("test_an_empty_page_passes", "test_that_was_renamed")),
        ("What it costs", HELD.replace("test_an_empty_page_passes", "problems")),
    ],
)
def test_a_sentence_that_nothing_holds_is_not_found(section: str, line: str, page: str, repository: Path) -> None:
    heading = f"## {section}\n\n| | |\n| --- | --- |\n"
    assert heading in page
    broken = page.replace(heading, heading + line + "\n")
    assert len(problems(broken, repository)) - len(problems(page, repository)) >= 1


def test_a_sentence_that_a_test_holds_is_found(page: str, repository: Path) -> None:
    heading = "## What it costs\n\n| | |\n| --- | --- |\n"
    assert problems(page.replace(heading, heading + HELD + "\n"), repository) == problems(page, repository)


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.skip\ndef test_it(): pass",
        "@pytest.mark.skipif(True, reason='')\ndef test_it(): pass",
        "@pytest.mark.parametrize('a', [1])\n@pytest.mark.xfail(strict=True)\ndef test_it(a): pass",
        "@pytest.mark.soak\ndef test_it(): pass",
        "def test_it():\n    if late():\n        pytest.skip('later')",
        "pytestmark = [pytest.mark.skipif(True, reason='')]\ndef test_it(): pass",
        "torch = pytest.importorskip('torch')\ndef test_it(): pass",
        "class TestIt:\n    def test_it(self): pass",
        "def test_it(): pass\ndef test_it(): pass",
        "",
    ],
)
def test_a_test_that_need_not_run_holds_a_sentence(source: str) -> None:
    assert len(list(problems_of_test(ast.parse(source), "test_it"))) == 1
    beside_another = ast.parse("def test_it(): pass\n@pytest.mark.skip\ndef test_other(): pass")
    assert not list(problems_of_test(beside_another, "test_it"))
