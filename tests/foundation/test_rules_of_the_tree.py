"""What would betray a machine, split the two distributions' releases, or break a promise of the tree.

Only what no linter, type checker or import contract sees.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median
from typing import Any

import pytest

PROJECTS = {"sdk": "homespun", "server": "homespun_server"}
# Spelled so that this file does not find itself.
MACHINE_PATH = re.compile(r"(?<![\w.*}])/" + r"(?:home|Users|root|work)/[\w.]|[A-Z]:\\Users\\\w")
INDEX_HOST = re.compile("|".join((r"py" + r"pi\.org", r"python" + r"hosted\.org")))


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True).stdout.decode()
    return [repository / name for name in listing.split("\0") if name and (repository / name).is_file()]


def found(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    hits = []
    for path in files:
        text = path.read_bytes().decode("utf-8", errors="replace")
        hits += [f"{path}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}" for hit in pattern.finditer(text)]
    return hits


def test_a_path_of_somebodys_machine_is_in_the_tree(tracked: list[Path]) -> None:
    assert found(MACHINE_PATH, tracked) == []


def test_an_index_is_named_in_the_tree(tracked: list[Path]) -> None:
    assert found(INDEX_HOST, tracked) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, "see /" + "home/somebody/notes"),
        (MACHINE_PATH, "C:" + "\\Users\\somebody"),
        (INDEX_HOST, "https://files.python" + "hosted.org/x.whl"),
    ],
)
def test_the_search_for_them_finds_nothing(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def test_a_second_lock_is_in_the_tree(tracked: list[Path]) -> None:
    others = {"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock"}
    assert [path for path in tracked if path.name in others] == []


def test_something_that_is_made_or_too_large_is_in_the_tree(tracked: list[Path]) -> None:
    made = {".onnx", ".whl", ".so", ".pyd", ".dll", ".pyc", ".pickle", ".pkl"}
    kept = ("tests/vectors/", "src/homespun/sample/")
    wrong = [path for path in tracked if path.suffix in made and not any(place in path.as_posix() for place in kept)]
    assert wrong == []
    assert [path for path in tracked if path.stat().st_size > 1_000_000] == []


def test_a_distribution_carries_another_licence(repository: Path) -> None:
    text = (repository / "LICENSE").read_bytes()
    assert text.startswith(b" " * 33 + b"Apache License")
    for project in PROJECTS:
        assert (repository / project / "LICENSE").read_bytes() == text


def test_a_version_is_not_in_the_changelog(repository: Path) -> None:
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = set()
    for project, package in PROJECTS.items():
        source = (repository / project / "src" / package / "_version.py").read_text(encoding="utf-8")
        match = re.search(r'__version__ = "([^"]+)"', source)
        assert match
        versions.add(match[1])
    assert len(versions) == 1
    assert f"\n## [{versions.pop()}]" in changelog


NAMED_TO_UVICORN = {"httptools", "uvloop"}
"""What the server hands to uvicorn by name, and does not import."""


def modules(repository: Path, project: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((repository / project / "src").rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def declared(repository: Path, project: str) -> set[str]:
    data: dict[str, Any] = tomllib.loads((repository / project / "pyproject.toml").read_text(encoding="utf-8"))
    extras = data["project"].get("optional-dependencies", {}).values()
    lines = [*data["project"]["dependencies"], *(line for extra in extras for line in extra)]
    return {normalized(re.split(r"[^\w.-]", line)[0]) for line in lines}


def normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


@pytest.mark.parametrize("project", PROJECTS)
def test_an_import_is_not_declared_or_a_declaration_is_not_imported(repository: Path, project: str) -> None:
    names = {name for _, tree in modules(repository, project) for name in imported(tree)}
    distributions = packages_distributions()
    third_party = names - set(sys.stdlib_module_names) - {PROJECTS[project]}
    # What is installed from the tree is not listed; there both names are the same.
    used = {normalized(distributions.get(name, [name])[0]) for name in third_party}
    assert used == declared(repository, project) - NAMED_TO_UVICORN


def test_the_client_reads_the_environment(repository: Path) -> None:
    readers = {"environ", "environb", "getenv", "getenvb"}
    for path, tree in modules(repository, "sdk"):
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        # One module turns a dependency's telemetry off there, and reads nothing else.
        assert not names & readers or path.as_posix().endswith("homespun/model/runtime.py"), path


def test_functions_and_files_grow(repository: Path) -> None:
    files, functions = [], []
    for project in PROJECTS:
        for path, tree in modules(repository, project):
            files.append(len(path.read_text(encoding="utf-8").splitlines()))
            functions += [
                node.end_lineno - node.lineno + 1
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef) and node.end_lineno
            ]
    assert median(functions) < 15
    assert median(files) < 150
