"""An environment that holds the client and what it needs, as ``pip install homespun`` leaves it."""

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from benchmarks.workspace import ROOT

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@dataclass(frozen=True)
class Installed:
    """One installed distribution and the bytes of its files, compiled modules included."""

    name: str
    version: str
    size: int


@dataclass(frozen=True)
class ClientEnvironment:
    """A new environment without pip, so that everything in it is the client's.

    Attributes:
        python: Its interpreter.
        packages: Its ``site-packages``.
        wheel: The client's wheel.
    """

    python: Path
    packages: Path
    wheel: Path


def make_client_environment(folder: Path) -> ClientEnvironment:
    """Fill a new environment from the client's lock and a wheel that is built from the tree.

    Raises:
        subprocess.CalledProcessError: If pip cannot; it has said why.
    """
    venv.EnvBuilder(clear=True, symlinks=os.name != "nt").create(folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wheel = _build_wheel(folder / "wheel")
    into = (*PIP, "--python", python, "install", "--compile")
    lock = ROOT / "requirements" / "client-lock.txt"
    subprocess.run([*into, "--only-binary", ":all:", "--require-hashes", "-r", lock], check=True)
    subprocess.run([*into, "--no-index", "--no-deps", wheel], check=True)
    base = {"base": str(folder), "platbase": str(folder)}
    return ClientEnvironment(python, Path(sysconfig.get_path("purelib", "venv", base)), wheel)


def installed(packages: Path) -> list[Installed]:
    """Return what is installed in a ``site-packages`` folder, the largest first."""
    found = [
        Installed(distribution.name, distribution.version, _size(distribution))
        for distribution in distributions(path=[str(packages)])
    ]
    return sorted(found, key=lambda one: (-one.size, one.name))


def _build_wheel(folder: Path) -> Path:
    command = (*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT / "sdk")
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _size(distribution: Distribution) -> int:
    paths = (Path(str(file.locate())) for file in distribution.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())
