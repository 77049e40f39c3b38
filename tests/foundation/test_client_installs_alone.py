"""What goes wrong between a working tree and `pip install homespun` on somebody else's machine.

The wheels are built without a network; the client's environment is filled by pip from the hashes in
``requirements/client-lock.txt``, which needs an index.
"""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

SERVER_ONLY = ("scipy", "sklearn", "onnx", "duckdb", "pandas", "opendp", "rich", "homespun_server")
PACKAGES = {"sdk": "homespun", "server": "homespun_server"}


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    environment["PYTHONUTF8"] = "1"
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build both wheels from copies, so that nothing is left in the tree."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in PACKAGES:
        copy = shutil.copytree(repository / project, folder / project, ignore=shutil.ignore_patterns("__pycache__"))
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / f"{project}-dist", cwd=copy)
    return {project: next((folder / f"{project}-dist").glob("*.whl")) for project in PACKAGES}


@pytest.fixture(scope="module")
def python(wheels: dict[str, Path], repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the client's wheel, and nothing that it does not ask for, into a new environment."""
    folder = tmp_path_factory.mktemp("client")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = (python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    lock = repository / "requirements/client-lock.txt"
    run(*install, "--only-binary", ":all:", "--require-hashes", "-r", lock, cwd=folder)
    run(*install, "--no-index", "--no-deps", wheels["sdk"], cwd=folder)
    return python


@pytest.mark.parametrize("project", PACKAGES)
def test_a_file_of_the_package_is_missing_from_its_wheel(
    project: str, wheels: dict[str, Path], repository: Path
) -> None:
    source = repository / project / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheels[project]) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == expected
    assert f"{PACKAGES[project]}/py.typed" in packed


@pytest.mark.parametrize("project", PACKAGES)
def test_a_wheel_goes_out_without_its_licence(project: str, wheels: dict[str, Path], repository: Path) -> None:
    with zipfile.ZipFile(wheels[project]) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
        packed = wheel.read(name)
        (metadata,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        fields = Parser().parsestr(wheel.read(metadata).decode())
    assert packed == (repository / "LICENSE").read_bytes()
    assert fields["License-Expression"] == "Apache-2.0"
    assert fields["Requires-Python"] == ">=3.11"


def test_a_dependency_is_missing_from_what_the_client_declares(python: Path) -> None:
    run(python, "-I", "-m", "pip", "check", "--disable-pip-version-check", cwd=python.parent)


def test_the_client_brings_the_servers_dependencies(python: Path) -> None:
    code = f"from importlib.util import find_spec\nprint([name for name in {SERVER_ONLY!r} if find_spec(name)])"
    assert run(python, "-I", "-c", code, cwd=python.parent).strip() == "[]"


def test_a_command_of_the_client_does_not_start(python: Path, repository: Path) -> None:
    scripts = tomllib.loads((repository / "sdk/pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name in scripts:
        assert "usage" in run(shutil.which(name, path=python.parent) or name, "--help", cwd=python.parent).lower()


def test_the_quickstart_needs_something_that_the_client_does_not_bring(
    python: Path, repository: Path, tmp_path: Path
) -> None:
    # A copy: neither the tree nor the example's neighbours are on the path.
    shutil.copy(repository / "examples/quickstart.py", tmp_path)
    assert run(python, "-W", "error", "quickstart.py", cwd=tmp_path).strip()
