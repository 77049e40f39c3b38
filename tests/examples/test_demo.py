"""The demonstration runs as ``make demo`` runs it, on the data that are shipped."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(400)
def test_the_demonstration_breaks_or_shows_something_else(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(repository / "examples" / "demo.py"), str(tmp_path / "demo")]
    environment = {**os.environ, "PYTHONUTF8": "1", "COLUMNS": "240"}
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout
    for row in ("popularity", "EASE", "content", "private, ε = 1", "private, ε = 4", "non-private"):
        assert re.search(rf"^ *{re.escape(row)}.* \.?0?\.\d{{4}}", text, re.MULTILINE), row
    assert "At ε = 1 the private model" in text
    assert "on disk: nothing" in text
    assert "rounding (residual)" in text
    files = dict(re.findall(r"^│ ((?:key\.json|profile|state|epoch)\S*) +│ +[\d,]+ +│ (\d+)", text, re.MULTILINE))
    assert {re.sub(r"-.*", "", name) for name in files} >= {"key.json", "profile", "state", "epoch"}
    assert set(files.values()) == {"0"}
    assert "Files left: none. Events left: 0." in text
    assert "\x1b[" not in text
    taken = re.sub(r"[│\s]+", " ", text.partition("6. Published")[2])
    for outcome in (
        "Up to date: nothing is installed",
        "Updated to release 1",
        "Updated to release 2",
        "Updated to release 3",
    ):
        assert outcome in taken, outcome
    learned = text.partition("7. Learned from devices")[2]
    assert "DEVELOPMENT" in learned
    assert re.search(r"item-counts +300 ", learned)
    assert re.search(r"item-pairs +300 ", learned)
    for row in ("from devices", "from the table"):
        assert re.search(rf"^ *{row}.* \.?0?\.\d{{4}}", learned, re.MULTILINE), row
    assert "requests for what is published went out: they bring nothing from the profile" in taken
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "content",
        "fleet",
        "non-private",
        "private-1",
        "private-2",
        "private-4",
        "private-8",
        "profile.erased",
        "profile.erased.lock",
        "taken",
        "work",
    ]
