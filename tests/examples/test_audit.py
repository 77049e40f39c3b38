"""What the example of an audit could get wrong: a list does not come out again, or a changed number goes unnoticed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(400)
def test_the_example_does_not_get_from_why_to_a_verified_audit_bundle(repository: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(repository / "examples/audit/audit.py"), str(tmp_path)],
        env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": "200"},
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    text = done.stdout
    assert done.returncode == 0, text + done.stderr
    assert "Traceback" not in done.stderr
    assert "2 lists are handed over" in text
    assert "2 lists with 10 items: every score, part, rank and reason was made again." in text
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert "The executed counterfactual" in page
    assert (tmp_path / "why.de.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "record-of-processing.pdf").read_bytes().startswith(b"%PDF-")
    verified, changed = text.split("$ homespun-server audit verify")[1:]
    assert "lists came out again from 1 bundles" in verified
    assert "5 of 5 documents are as they were logged" in verified
    assert verified.count("not included") >= 2
    assert "fail" not in verified
    for check in ("members", "explanations"):
        assert f"  {check} " in changed
        assert changed.partition(f"  {check} ")[2].split()[0] == "fail"
