"""onnxruntime keeps a device id and sends usage events unless it is stopped before its import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = """
import sys, time, warnings
{first}
import homespun as hs
from homespun.model.sample import open_sample
with warnings.catch_warnings():
    warnings.simplefilter("{warnings}")
    open_sample().rank([hs.Event("tt0133093")], 3)
time.sleep(1)
"""


def run(code: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    temporary = home / "temporary"
    temporary.mkdir(parents=True)
    places = ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    environment |= dict.fromkeys(places, str(home)) | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(temporary)) | more
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_scoring_leaves_a_device_id_or_an_event_in_the_home_folder(tmp_path: Path) -> None:
    done = run(SAMPLE.format(first="", warnings="error"), tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_application_that_imports_onnxruntime_first_is_not_told(tmp_path: Path) -> None:
    done = run(SAMPLE.format(first="import onnxruntime", warnings="error"), tmp_path / "home")
    assert done.returncode != 0
    assert "ORT_DISABLE_TELEMETRY=1" in done.stderr


@pytest.mark.parametrize("first", ["import onnxruntime", ""])
def test_an_application_that_turned_it_off_itself_is_warned(tmp_path: Path, first: str) -> None:
    done = run(SAMPLE.format(first=first, warnings="error"), tmp_path / "home", ORT_DISABLE_TELEMETRY="1")
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
