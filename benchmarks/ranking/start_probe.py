"""Runs in a new process: opens a profile with a raw key, and a bundle, asks for a list, says how long it took, waits.

Usage: python -I start_probe.py onnxruntime|homespun BUNDLE PROFILE

Prints one line of JSON, seconds by step and the process's id, and ends when its input does; meanwhile its memory can be
looked at. Imports stand where they are timed.
"""

import importlib
import json
import os
import sys
import time

LENGTH = 20


def main(subject: str, bundle: str, profile: str) -> None:
    """Do what ``subject`` says."""
    start = time.perf_counter()
    if subject == "onnxruntime":
        importlib.import_module(subject)
        seconds = {"import onnxruntime": time.perf_counter() - start}
    else:
        seconds = first_list(bundle, profile, start)
    print(json.dumps({"process": os.getpid(), "seconds": seconds}), flush=True)
    sys.stdin.read()


def first_list(bundle: str, profile: str, start: float) -> dict[str, float]:
    """Return the seconds until everything is imported, the bundle and the profile open, and a list made."""
    import homespun as hs  # noqa: PLC0415

    imported = time.perf_counter()
    opened = hs.Bundle.open(bundle)
    loaded = time.perf_counter()
    me = hs.Personalizer.open(profile, key=hs.Key.bytes(bytes(32)), bundle=opened)
    unlocked = time.perf_counter()
    made = me.recommend(LENGTH)
    end = time.perf_counter()
    if len(made) < LENGTH or not made[0].personalized:
        raise SystemExit("the first list is short or not personal")
    return {
        "import homespun": imported - start,
        "open the bundle": loaded - imported,
        "open the profile": unlocked - loaded,
        "first list": end - unlocked,
        "all": end - start,
    }


if __name__ == "__main__":
    main(*sys.argv[1:4])
