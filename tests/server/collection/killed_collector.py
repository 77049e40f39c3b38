"""A collector that ends itself at a step: ``python -m tests.server.collection.killed_collector FOLDER STEP``."""

import os
import signal
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.protocol.collection.task import parse_task
from homespun_server.accounts import open_ledger
from homespun_server.collection.collecting import Collector
from homespun_server.collection.messages import parse_collection

KEY, TASK, ANSWER, STORE, RELEASES, ASKED = "key", "task.json", "answer", "budget.sqlite", "releases", "asked"
DATA_SET = "fleet"


def collect(folder: Path, end: str) -> None:
    """Collect the folder's task; at the step ``end`` the process is gone."""

    def step(name: str) -> None:
        if name == end:
            os.kill(os.getpid(), signal.SIGKILL)

    def ask(_: object) -> object:
        # As a leader does: whoever asks again gets the very same bytes.
        with (folder / ASKED).open("a") as asked:
            asked.write("once\n")
        return parse_collection((folder / ANSWER).read_bytes())

    private = X25519PrivateKey.from_private_bytes((folder / KEY).read_bytes())
    task = parse_task((folder / TASK).read_bytes())
    with open_ledger(folder / STORE, DATA_SET) as ledger:
        Collector(private, ledger, folder / RELEASES, step).collect(task, ask)  # type: ignore[arg-type]


if __name__ == "__main__":
    collect(Path(sys.argv[1]), sys.argv[2])
