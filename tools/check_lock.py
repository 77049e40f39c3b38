"""Checks that the locks can be trusted and installed on every supported system.

Without a network: every requirement is one exact version with SHA-256 hashes, and nothing names an
address, a path or one of the workspace's own distributions. With one: the locks are what the declared
dependencies give now, the index knows every hash, and every requirement has a wheel on each of PLATFORMS
and PYTHONS.

Non-goal: whether a locked version is vulnerable or yanked.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.lock import LOCKS, OWN, Lock, compile_lock, uv_command

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
OLDEST_MACOS = "14.0"
"""The oldest macOS for which onnxruntime has wheels on Apple silicon."""

_REQUIREMENT = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*)==[0-9][\w.!+]*(?: ; ([\w\s.'()<>=!]+))?", re.ASCII)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}", re.ASCII)


def requirements(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each requirement of a lock with its options, continuation lines joined."""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        requirement, *options = re.split(r"\s+(?=--)", line.strip())
        yield requirement, options


def problems_of(text: str) -> list[str]:
    """Return what is wrong with a lock, as far as its text alone tells.

    Args:
        text: The lock's contents.

    Returns:
        One sentence per problem; empty for a good lock.
    """
    found = list(requirements(text))
    if not found:
        return ["the lock is empty: nothing would be installed."]
    return [problem for requirement, options in found for problem in _problems_of_one(requirement, options)]


def _problems_of_one(requirement: str, options: list[str]) -> Iterator[str]:
    parts = _REQUIREMENT.fullmatch(requirement)
    if parts is None:
        yield f"{requirement!r} is not 'name==version ; marker': it may name an address, a path or a range."
    elif parts[1] in OWN:
        yield f"{requirement!r} is made here; it is installed from the tree, never from an index."
    if not options:
        yield f"{requirement!r} has no hash: any file of that name would be accepted."
    for option in options:
        if not _HASH.fullmatch(option):
            yield f"{requirement!r} carries {option!r}, which is not a SHA-256 hash."


def without_hashes(text: str) -> str:
    """Return a lock's requirements alone, so that a resolver has to ask the index for the hashes."""
    return "".join(f"{requirement}\n" for requirement, _ in requirements(text))


def differences(locked: str, resolved: str) -> list[str]:
    """Return how a lock differs from a fresh resolution in a way that matters.

    A hash that only the resolution knows is no difference: it belongs to a file that was added to the
    release after the lock was made.
    """
    before, now = dict(requirements(locked)), dict(requirements(resolved))
    if before.keys() != now.keys():
        changed = ", ".join(sorted(before.keys() ^ now.keys()))
        return [f"not what the declared dependencies give now ({changed}): run `make lock` and commit it."]
    return [
        f"{requirement!r} lists hashes that the index does not know; the lock or the release was changed."
        for requirement, options in before.items()
        if not set(options) <= set(now[requirement])
    ]


def outdated(lock: Lock) -> list[str]:
    """Return how the lock differs from resolving again with the locked versions preferred."""
    locked = lock.path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / lock.path.name
        target.write_text(without_hashes(locked), encoding="utf-8")
        compile_lock(lock, target)
        return differences(locked, target.read_text(encoding="utf-8"))


def without_wheels(lock: Lock, platform: str, python: str) -> list[str]:
    """Return the installer's complaint if a requirement has no wheel there."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(
                *uv_command(),
                "pip",
                "install",
                "--dry-run",
                "--no-deps",
                "--no-config",
                "--no-python-downloads",
                "--quiet",
            ),
            *("--only-binary", ":all:", "--require-hashes", "--requirements", str(lock.path)),
            *("--python-platform", platform, "--python-version", python, "--target", folder),
        ]
        environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return [f"cannot be installed on {platform}, Python {python}:\n{done.stderr}"] if done.returncode else []


def online_problems(lock: Lock) -> Iterator[str]:
    """Yield what an index knows to be wrong with a lock."""
    yield from outdated(lock)
    for platform in PLATFORMS:
        for python in PYTHONS:
            yield from without_wheels(lock, platform, python)


def main() -> int:
    """Check every lock, print what is wrong; 0 if nothing is."""
    parser = argparse.ArgumentParser(description="Check the locks in requirements/.")
    parser.add_argument("--offline", action="store_true", help="only what needs no network")
    offline = parser.parse_args().offline
    problems = [
        f"{lock.path.name}: {problem}"
        for lock in LOCKS
        for problem in (
            problems_of(lock.path.read_text(encoding="utf-8")) or (() if offline else online_problems(lock))
        )
    ]
    where = "" if offline else f", installable on {len(PLATFORMS)} systems with Python {', '.join(PYTHONS)}"
    print("\n".join(problems) or f"locks: {len(LOCKS)}, hashed{where}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
