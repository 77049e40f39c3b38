"""Leader and helper as two programs with stores of their own, for a stage over loopback HTTP.

Both are started by one party, so everything is labelled as development. On request they are killed (SIGKILL) and
started again: what a device was told is kept is counted once, whatever happens to them.
"""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from homespun.protocol.collection.task import Aggregator, Task
from homespun_server.aggregators import open_places
from homespun_server.api.serving import listen
from homespun_server.collection.directory import Making, described, make_aggregator, pair_with, read_pairing
from homespun_server.collection.messages import Role
from homespun_server.collection.settings import PAIRING_FILE, AggregatorSettings, read_aggregator
from homespun_server.errors import AggregationError
from homespun_server.passphrase import KeyCosts
from homespun_server.settings import environment_with
from homespun_server.store import Actor, Tokens, open_store
from homespun_server.store.audit import COMMAND

CHEAP = KeyCosts(memory_kib=8 * 1024, iterations=1, lanes=1)
"""The passphrase is drawn, and gone with the simulation: nobody can guess it."""

_ENDS_SECONDS = 60
_FOLDER_FILE = "aggregator.toml"
_QUICK = "[aggregation]\nidle_seconds = 0.1\n"


@dataclass
class Services:
    """Both programs.

    Attributes:
        settings: Their settings.
        token: The collector's, for the leader.
        kills: How often one of them was killed.
    """

    settings: dict[Role, AggregatorSettings]
    token: str = field(repr=False)
    kills: int = 0
    _passphrase: str = field(default="", repr=False)
    _processes: dict[Role, "subprocess.Popen[str]"] = field(default_factory=dict, repr=False)

    def aggregators(self) -> tuple[Aggregator, Aggregator]:
        """Return both as tasks name them."""
        leader, helper = map(described, self.settings.values())
        return leader, helper

    def take_part(self, task: Task) -> None:
        """Let both take part in a task, as their operators would by command."""
        for each in self.settings.values():
            places = open_places(each)
            with places.store:
                places.add(task)

    def start(self, role: Role) -> None:
        """Start a program, and wait until it serves.

        Raises:
            AggregationError: If it ends at once.
        """
        settings = self.settings[role]
        port = settings.url.rpartition(":")[2]
        process = subprocess.Popen(  # noqa: S603 - this program itself
            [*_PROGRAM, role, "serve", "--in", str(settings.folder), "--port", port],
            env=environment_with(self._passphrase),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        self._processes[role] = process
        for line in process.stdout or ():
            if line.startswith("Serving"):
                return
        raise AggregationError(f"the {role} that was started for a simulation ended at once.")

    def kill(self, role: Role) -> None:
        """Kill a program where it is, as a power cut would, and start it again."""
        process = self._processes.pop(role)
        process.kill()
        _closed(process)
        self.kills += 1
        self.start(role)

    def stop(self) -> None:
        """End both."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(_ENDS_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            _closed(process)
        self._processes.clear()


@contextmanager
def services(folder: Path) -> Iterator[Services]:
    """Make both aggregators in a folder and run them while the context lasts.

    Raises:
        OutputError: If the folder cannot be used.
        AggregationError: If one of them ends at once.
    """
    passphrase = secrets.token_hex(32)
    settings = {role: _made(folder / role, role, passphrase, folder) for role in _ROLES}
    pair_with(settings["leader"], described(settings["helper"]))
    with open_store(settings["leader"].store, create=False) as store:
        token, _ = Tokens(store).create("operator", days=1, note="simulated", actor=Actor("simulate", COMMAND))
    found = Services(settings, token, _passphrase=passphrase)
    try:
        for role in reversed(_ROLES):
            found.start(role)
        yield found
    finally:
        found.stop()


_ROLES: tuple[Role, Role] = ("leader", "helper")
_PROGRAM = (sys.executable, "-X", "utf8", "-m", "homespun_server.cli")


def _made(folder: Path, role: Role, passphrase: str, beside: Path) -> AggregatorSettings:
    pairing = None if role == "leader" else read_pairing(beside / "leader" / PAIRING_FILE)
    making = Making(
        role=role,
        name=f"simulated {role}",
        url=f"http://127.0.0.1:{_free_port()}",
        passphrase=passphrase.encode(),
        pairing=pairing,
        development=True,
        costs=CHEAP,
    )
    make_aggregator(folder, making)
    settings = folder / _FOLDER_FILE
    text = settings.read_text(encoding="utf-8").replace("[aggregation]\n", _QUICK)
    settings.write_text(text, encoding="utf-8", newline="\n")
    return read_aggregator(folder, role, {})


def _free_port() -> int:
    with listen("127.0.0.1", 0) as listening:
        port: int = listening.getsockname()[1]
        return port


def _closed(process: "subprocess.Popen[str]") -> None:
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
