"""What would cost somebody their first five minutes."""

import json
import subprocess
import sys
from pathlib import Path

WATCHED = """
import runpy, sys

def refuse(event, arguments):
    if event.startswith("socket."):
        sys.exit(f"{event} {arguments}")

sys.addaudithook(refuse)
runpy.run_path(sys.argv[1])
"""


def test_the_quickstart_fails_or_leaves_something_behind(repository: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-X", "utf8", "-W", "error", repository / "examples/quickstart.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all("because you rated" in line for line in lines[:5])
    assert any(line.startswith("score") for line in lines)
    assert "solid-state" in done.stdout
    # The mark by which a restored backup erases itself again: the profile's random id, and nothing about anybody.
    assert {path.name for path in tmp_path.iterdir()} == {"profile.erased", "profile.erased.lock"}
    (mark,) = (tmp_path / "profile.erased").read_text(encoding="utf-8").splitlines()
    assert json.loads(mark).keys() == {"schema", "profile", "mac"}
    assert json.loads(mark)["profile"] in done.stdout
    assert (tmp_path / "profile.erased.lock").read_bytes() == b""


def test_the_quickstart_talks_to_somebody(repository: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-X", "utf8", "-c", WATCHED, repository / "examples/quickstart.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)


def test_somebody_could_be_talked_to_unnoticed(tmp_path: Path) -> None:
    (tmp_path / "talker.py").write_text("import socket\nsocket.socket().close()\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", WATCHED, tmp_path / "talker.py"], capture_output=True, check=False)
    assert b"socket.__new__" in done.stderr
