"""What a reader would stumble over: a page that shows code that fails, or output that does not come.

The blocks of each page are executed in order, in an empty folder that holds only what a page calls the
reader's own: ``interactions.csv`` and ``items.csv``. A block with a title is a file of that name; any other
Python block runs; of a console block every line after ``$`` runs, and the lines below it must be lines of its
output, ``…`` standing for anything. What installs or builds is looked at, not run. A ``sh`` block has commands
that need what only the reader has, such as the id of a request: their own parsers read them, and nothing is run.
"""

import csv
import os
import random
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

from homespun.cli.parser import parser as client_parser
from homespun_server.cli import parser as server_parser
from homespun_server.privacy.provenance import fixed
from homespun_server.statistics.raw import Raw
from homespun_server.training.advice import advice
from tests.examples.programs import COMMANDS, run_program

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "sdk/README.md", "server/README.md", "docs/tutorial.md", "docs/how-to")
BLOCK = re.compile(r'^( *)```(python|console|csv|toml)(?: title="([^"]+)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^ *```(?:python|console|csv|toml)", re.MULTILINE)
SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)


MARCH_2013 = 1_362_096_000
"""Seconds since 1970 UTC."""


class Block(NamedTuple):
    language: str
    title: str
    text: str


def pages() -> list[str]:
    folders = [ROOT / page for page in PAGES]
    files = [file for path in folders for file in (sorted(path.glob("*.md")) if path.is_dir() else [path])]
    return [file.relative_to(ROOT).as_posix() for file in files]


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    text = SNIPPET.sub(lambda match: (ROOT / match[1]).read_text(encoding="utf-8").rstrip("\n"), text)
    found = [match.groups(default="") for match in BLOCK.finditer(text)]
    assert len(found) == len(FENCE.findall(text)), f"a block of {page} is written in a way that is not understood"
    return [Block(language, title, dedent(body)) for _, language, title, body in found]


def commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block with the lines that are shown below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command.partition("  #")[0], [line for line in shown if line.strip()]


EXPORTED: dict[str, str] = {"HOMESPUN_KEY_PASSPHRASE": "a passphrase from a password manager"}
"""What pages tell their readers to put into the environment."""


def run(command: list[str], folder: Path) -> str:
    done = run_program(command, folder, {**os.environ, **EXPORTED, "PYTHONUTF8": "1", "COLUMNS": "160"})
    assert done.status == 0, f"{command}\n{done.output}"
    return done.output


def run_python(text: str, folder: Path) -> str:
    (folder / "block.py").write_text(text, encoding="utf-8")
    return run(["python", "block.py"], folder)


def run_command(command: str, folder: Path) -> str:
    words = shlex.split(command)
    assert words[0] in {"python", *COMMANDS}, f"nobody knows how to try: {command}"
    return run(words, folder)


def look_at(command: str) -> bool:
    """Check a command that installs or builds; return False if it is another one, which is to be run."""
    name, *arguments = shlex.split(command)
    if name == "pip":
        assert set(arguments) <= {"install", "homespun", "homespun-server", "homespun[keyring]"}
    elif name == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in arguments)
    elif name == "export":
        assert arguments == [f"{variable}={value}" for variable, value in EXPORTED.items()]
    elif command.startswith("python examples/"):
        assert (ROOT / arguments[0]).is_file()
    else:
        return False
    return True


def check_shown(shown: list[str], output: str) -> None:
    lines = [line.strip() for line in output.splitlines()]
    for expected in shown:
        pattern = re.compile(".*".join(re.escape(part) for part in expected.strip().split("…")))
        assert any(pattern.fullmatch(line) for line in lines), f"{expected!r} is shown, but this came:\n{output}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the reader's own tables: 300 people, half of whom like even items and half odd ones."""
    dice = random.Random(7)
    with (tmp_path / "items.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("item", "title", "tags"))
        table.writerows((f"i{n}", f"Item {n}", f"{'odd' if n % 2 else 'even'}|all") for n in range(40))
    with (tmp_path / "interactions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("user", "item", "rating", "time"))
        for user in range(300):
            table.writerows(
                (user, f"i{2 * n + user % 2}", dice.randint(6, 10), MARCH_2013 + dice.randrange(28 * 86_400))
                for n in dice.sample(range(20), 8)
            )
    return tmp_path


@pytest.mark.parametrize("page", pages())
def test_a_page_shows_something_that_fails(page: str, folder: Path) -> None:
    for block in blocks(page):
        if block.title:
            (folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            run_python(block.text, folder)
        elif block.language == "console":
            for command, shown in commands(block):
                if not look_at(command):
                    check_shown(shown, run_command(command, folder))


SHELL = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
A_KEY = "00" * 32
"""For HEX, where an option wants more than any word."""


def typed(page: str) -> list[list[str]]:
    """Return the commands of a page's ``sh`` blocks that are ours."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = [shlex.split(line, comments=True) for _, body in SHELL.findall(text) for line in dedent(body).splitlines()]
    return [line for line in lines if line and line[0] in {"homespun", "homespun-server"}]


@pytest.mark.parametrize("page", [page for page in pages() if typed(page)])
def test_a_page_shows_a_command_that_nobody_knows(page: str) -> None:
    for name, *arguments in typed(page):
        words = [re.sub("HEX$", A_KEY, word) for word in arguments]
        parser = client_parser() if name == "homespun" else server_parser(words[:1])
        assert callable(parser.parse_args(words).run)


def test_the_readme_shows_another_quickstart_than_the_example() -> None:
    quickstart = (ROOT / "examples/quickstart.py").read_text(encoding="utf-8")
    for page in ("README.md", "sdk/README.md"):
        assert next(block.text for block in blocks(page) if block.language == "python") == quickstart


def test_a_link_of_a_readme_leads_nowhere() -> None:
    own = ("README.md", "sdk/README.md", "server/README.md")
    examples = ("examples/reader/README.md", "examples/shop/README.md", "examples/shop/data/README.md")
    for page in (*own, *examples):
        text = (ROOT / page).read_text(encoding="utf-8")
        targets = re.findall(r'\]\(([^)#]+)|srcset="([^"]+)"|src="([^"]+)"', text)
        local = {target for found in targets for target in found if target and "://" not in target}
        assert [target for target in sorted(local) if not ((ROOT / page).parent / target).exists()] == []


def test_the_page_on_epsilon_has_other_figures_than_the_fit() -> None:
    page = (ROOT / "docs/how-to/choose-epsilon.md").read_text(encoding="utf-8")
    (told,) = advised(1200, 1.0)
    assert told in " ".join(page.split())
    rows = re.findall(r"^\| ([\d.]+) \| [\d.]+ \| ([\d,]+) \|$", page, re.MULTILINE)
    assert len(rows) == 5
    for epsilon, enough in rows:
        assert f"About {enough} users would be enough" in advised(1, float(epsilon))[0]


def advised(users: int, epsilon: float) -> tuple[str, ...]:
    return advice(users=Raw(users), directions=fixed(5), epsilon=epsilon, delta=1e-6).for_the_operator()


def test_the_threat_model_names_a_test_that_does_not_exist() -> None:
    page = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[^`]+)`", page))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(("shown", "output"), [("a … c", "a b d\n"), ("", "x\n"), ("b", "a b\n")])
def test_the_comparison_with_shown_output_passes_anything(shown: str, output: str) -> None:
    with pytest.raises(AssertionError):
        check_shown([shown], output)
