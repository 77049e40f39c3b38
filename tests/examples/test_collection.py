"""What the collection's example could get wrong: the way from real devices to a bundle, and what it costs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import homespun as hs
from homespun_server.accounts import BUDGET_FILE, DATA_SET, open_ledger

DEVICES = 12


@pytest.mark.timeout(400)
def test_the_example_does_not_get_from_devices_to_a_bundle(repository: Path, tmp_path: Path) -> None:
    script = repository / "examples/collection/collect.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(tmp_path / "made"), str(DEVICES)],
        env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": "200"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Collected: item-") == 2
    assert len(re.findall(r"was sent .*report/item-(?:counts|pairs)/", done.stdout)) == 2
    with hs.Bundle.open(tmp_path / "made/learned/bundle") as bundle:
        privacy = bundle.privacy
        assert privacy.unit == "installation per task"
        assert [entry.statistic for entry in privacy.releases] == ["item-counts", "item-pairs"]
        card = (tmp_path / "made/learned/bundle/card.md").read_text(encoding="utf-8")
    assert f"item-counts: {DEVICES}; item-pairs: {DEVICES}" in card, done.stdout
    with open_ledger(tmp_path / "made/collector" / BUDGET_FILE, DATA_SET) as ledger:
        spends = ledger.state().spends
        assert [each.spend.statistic for each in spends] == ["item-counts", "item-pairs"]
        assert all(each.released for each in spends)
        assert ledger.state().held == ()
