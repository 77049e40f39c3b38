"""What would cost somebody their first five minutes."""

import subprocess
import sys
from pathlib import Path


def test_the_quickstart_fails_or_leaves_something_behind(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "utf8", "-W", "error", repository / "examples/quickstart.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all("because you rated" in line for line in lines[:5])
    assert any(line.startswith("score") for line in lines)
    assert "solid-state" in done.stdout
    assert list(tmp_path.iterdir()) == []
