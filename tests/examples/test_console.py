"""The example of the person's own page, as somebody runs it and looks."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.sdk.console.visiting import PAGES, Visitor


def test_the_page_does_not_open_or_does_not_end(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(repository / "examples" / "console.py")]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter/[\w-]{43}", url)
        with Visitor(url) as visitor:
            assert {visitor.get(page).status for page in PAGES} == {200}
            assert "from 6 things that you did" in visitor.read().text
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
