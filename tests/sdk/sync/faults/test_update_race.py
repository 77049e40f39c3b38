"""Several processes update the same folder at once: a bundle is lost, or a file downloaded twice."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.sdk.sync.faults.driver import STAGES
from tests.sdk.sync.faults.looking import Installation

ROOT = Path(__file__).resolve().parents[4]
PROCESSES = 3

Process = subprocess.Popen[str]


@contextmanager
def racing(device: Installation) -> Iterator[Process]:
    command = [sys.executable, "-m", "tests.sdk.sync.faults.racing", str(device.repository), str(device.folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(60)


def said(process: Process) -> str:
    assert process.stdout
    return process.stdout.readline()


def tell(process: Process, number: int) -> None:
    assert process.stdin
    process.stdin.write(f"{number}\n")
    process.stdin.flush()


def test_processes_that_update_at_once_lose_a_bundle_or_download_it_twice(
    with_profile: Installation, tmp_path: Path
) -> None:
    device = with_profile.copied(tmp_path / "device")
    with ExitStack() as stack:
        processes = [stack.enter_context(racing(device)) for _ in range(PROCESSES)]
        assert [said(process) for process in processes] == ["ready\n"] * PROCESSES
        for number, stage in enumerate(STAGES[1:], 2):
            missing = device.missing(stage.after)
            for process in processes:
                tell(process, number)
            assert device.held().release in (stage.before, stage.after)
            answers: list[dict[str, Any]] = [json.loads(said(process)) for process in processes]
            assert sorted(answer["kind"] for answer in answers) == ["UpToDate"] * (PROCESSES - 1) + ["Updated"], answers
            assert {answer["release"] for answer in answers} == {stage.after}
            assert sum(answer["downloaded"] for answer in answers) <= missing
            assert device.held().release == stage.after
    device.check_ledger()
    device.check_nothing_is_left({3, 4})
