"""A program that fits when it is told to, and may hang at a step so that it can be killed there.

Usage: python -m tests.server.pipeline.driver TABLE ITEMS OUT STORE [STEP]
"""

import sys
import time

from homespun.errors import HomespunError
from homespun_server import Account, FitOptions, fit, results

OPTIONS = FitOptions(test_share=0.0, dimensions=4, max_items=20)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def hang(*_: object, **__: object) -> None:
    say("now")
    time.sleep(600)


def main(table: str, items: str, out: str, store: str, step: str = "") -> None:
    if step == "write":
        setattr(results, step, hang)  # both releases were made, and there is no bundle yet
    say("ready")
    sys.stdin.readline()
    try:
        fit(
            table,
            items=items,
            out=out,
            epsilon=1.0,
            account=Account(store, "shop"),
            options=OPTIONS,
            observer=lambda name, _done, _total: hang() if name == step else None,
        )
    except HomespunError as error:
        say(type(error).__name__)
    else:
        say("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
