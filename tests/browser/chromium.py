"""Finds the Chromium that is installed, and starts it so that it reaches nothing but this machine.

Nothing is downloaded: the browser is the system's. Without one the tests fail, as pages that nobody looked at are not
known to work. The sandbox stays on, except for root, for whom Chromium has none.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserType

VARIABLE = "HOMESPUN_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")

REBOUND = "rebound.example"
"""A name that leads to this machine, as an attacker's name server would answer for a name of theirs."""

QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--no-proxy-server",
    # What no name leads to cannot be reached, not even before a test notices that it was asked for.
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


def find(environment: Mapping[str, str]) -> str:
    """Return the path of a Chromium, or fail the test: a test of pages that is skipped tells nothing."""
    named = environment.get(VARIABLE)
    if named is not None:
        found = shutil.which(named, path=environment.get("PATH", ""))
        return found or pytest.fail(f"{VARIABLE} names {named}, which is no program that can be run.", pytrace=False)
    for name in NAMES:
        if found := shutil.which(name, path=environment.get("PATH", "")):
            return found
    pytest.fail(
        f"There is no Chromium: none of {', '.join(NAMES)} is on the path. The tests of pages need one and are not "
        f"skipped without. Install it (Debian: apt-get install chromium), or name one in {VARIABLE}.",
        pytrace=False,
    )


def launch(kind: BrowserType, log: Path) -> Browser:
    """Start the browser; it writes down every name that it looks up and every address that it connects to."""
    return kind.launch(
        executable_path=find(os.environ),
        chromium_sandbox=os.name != "posix" or os.geteuid() != 0,
        args=[*QUIET, f"--log-net-log={log}"],
    )
