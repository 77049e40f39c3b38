"""One of several processes that update the same device: ``racing.py REPOSITORY DEVICE``.

It says ``ready``, and for each line with the number of a stage it looks for something newer until it was its turn. It
answers with the kind of the outcome, the release and the bytes that were downloaded, in JSON.
"""

import json
import sys
from pathlib import Path

from homespun.sync import Deferred, Updated
from tests.sdk.sync.faults.driver import STAGES, sync

MOST_LOOKS = 10_000


def raced(repository: Path, device: Path, number: int) -> dict[str, object]:
    """Make the update of a stage, or see that another process made it."""
    for _ in range(MOST_LOOKS):
        outcome = sync(repository, device, STAGES[number - 1], lambda _: None)
        if not isinstance(outcome, Deferred):
            break
    downloaded = outcome.downloaded if isinstance(outcome, Updated) else 0
    release = getattr(outcome, "release", None)
    return {"kind": type(outcome).__name__, "release": release, "downloaded": downloaded, "said": str(outcome)}


def main(repository: Path, device: Path) -> None:
    """Answer every line."""
    print("ready", flush=True)  # noqa: T201 - the parent listens
    for line in sys.stdin:
        print(json.dumps(raced(repository, device, int(line))), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
