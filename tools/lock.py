"""Makes the hash-checked locks in ``requirements/`` from what the distributions and groups declare.

One resolution holds for every supported system and Python version. ``lock.txt`` comes first; two others
take their versions from it, so that what is benchmarked and what a client installs is what is tested. The peers'
own lock stands alone: they share no environment with anything made here.
Versions that are already locked stay, unless ``--upgrade`` asks for the newest.

Non-goal: locking for applications. They resolve homespun's own version ranges with their other needs.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
OWN = ("homespun", "homespun-server")
OPTIONS = (
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-config", "--no-python-downloads", "--quiet"),
    *(option for name in OWN for option in ("--no-emit-package", name)),
)


@dataclass(frozen=True)
class Lock:
    """One lock file.

    Attributes:
        name: Of ``requirements/<name>.in`` and ``.txt``.
        group: A dependency group of the workspace that it includes.
        follows: Another lock's name, whose versions hold here too.
    """

    name: str
    group: str | None = None
    follows: str | None = None

    @property
    def path(self) -> Path:
        """Where the lock is kept."""
        return FOLDER / f"{self.name}.txt"


LOCKS = (
    Lock("lock", group="dev"),
    Lock("client-lock", follows="lock"),
    Lock("bench-lock", group="bench", follows="lock"),
    Lock("peers-lock", group="peers"),
)


def uv_command() -> list[str]:
    """Return the command of the uv that the lock installs beside this Python."""
    return [sys.executable, "-m", "uv"]


def compile_lock(lock: Lock, target: Path, *, upgrade: bool = False) -> None:
    """Resolve one lock into ``target``; what ``target`` already pins stays unless upgraded.

    Raises:
        subprocess.CalledProcessError: If there is no resolution; the resolver has said why.
    """
    command = [*uv_command(), "pip", "compile", *OPTIONS, f"requirements/{lock.name}.in"]
    if lock.group:
        command += ["--group", f"pyproject.toml:{lock.group}"]
    if lock.follows:
        command += ["--constraints", f"requirements/{lock.follows}.txt"]
    if upgrade:
        command += ["--upgrade"]
    subprocess.run([*command, "--output-file", str(target)], cwd=ROOT, check=True)


def main() -> int:
    """Write every lock."""
    parser = argparse.ArgumentParser(description="Make the locks in requirements/.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    upgrade = parser.parse_args().upgrade
    for lock in LOCKS:
        compile_lock(lock, lock.path, upgrade=upgrade)
        print(f"{lock.path.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
