"""Makes processes that play a phase and die in it: run as ``python -m tests.sdk.profile.faults.zygote``.

Everything is imported once, and each process is a fork that never saw a profile before. Requests and answers are lines
of JSON.
"""

import contextlib
import json
import os
import random
import sys
import traceback
from pathlib import Path
from typing import Any

from homespun.errors import WrongKeyError
from homespun.testing import FakeClock
from tests.sdk.profile.faults.interposing import Faults
from tests.sdk.profile.faults.phases import PHASES, Stage, use_keyring


def play(request: dict[str, Any], out: int) -> None:
    phase = PHASES[request["phase"]]
    # The same names and keys in every process, so that the calls have the same numbers.
    entropy = random.Random(f"{phase.name} {request['opening']}").randbytes
    stage = Stage(Path(request["root"]), request["outside"], entropy, FakeClock(phase.model().now))
    use_keyring(stage.keyring, setattr)
    faults = Faults(request["fatal"], request["how"])
    faults.install()

    def acknowledge() -> None:
        os.write(out, b"done\n")

    if request["opening"]:
        with contextlib.suppress(WrongKeyError):
            stage.home(request["key"]).close()
    else:
        phase.play(stage, acknowledge)
    os.write(out, json.dumps(faults.kinds).encode() + b"\n")


def forked(request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reading)
            play(request, writing)
            status = 0
        except BaseException:  # noqa: BLE001 - nothing may get out of a fork
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, "rb") as answers:  # noqa: PTH123 - a descriptor
        lines = answers.read().decode().splitlines()
    _, status = os.waitpid(child, 0)
    kinds = [json.loads(line) for line in lines if line != "done"]
    return {
        "status": os.waitstatus_to_exitcode(status),
        "done": lines.count("done"),
        "kinds": kinds[0] if kinds else None,
    }


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(forked(json.loads(line))), flush=True)  # noqa: T201 - the parent listens


if __name__ == "__main__":
    main()
