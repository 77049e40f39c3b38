"""Runs in a new process of the client's environment: does one thing, says how long it took, and waits.

Usage: python -I probe.py numpy|onnxruntime|homespun

Prints one line of JSON, seconds by step and the process's id, and ends when its input does; meanwhile its
memory can be looked at. Imports stand where they are timed.
"""

import importlib
import json
import os
import sys
import time


def main(subject: str) -> None:
    """Do what ``subject`` says."""
    seconds = use_homespun() if subject == "homespun" else {"import": timed_import(subject)}
    print(json.dumps({"process": os.getpid(), "seconds": seconds}), flush=True)
    sys.stdin.read()


def timed_import(name: str) -> float:
    """Return how long an import takes."""
    start = time.perf_counter()
    importlib.import_module(name)
    return time.perf_counter() - start


def use_homespun() -> dict[str, float]:
    """Import the client, open the sample, record one film and ask for ten."""
    seconds = {"import": timed_import("homespun")}
    import homespun as hs  # noqa: PLC0415
    from homespun.model.sample import open_sample  # noqa: PLC0415

    start = time.perf_counter()
    bundle = open_sample()
    seconds["open the sample bundle"] = time.perf_counter() - start
    with hs.Personalizer.open(None, key=hs.Key.ephemeral(), bundle=bundle) as me:
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=hs.Notice("A measurement."))
        me.record(bundle.items[0])
        start = time.perf_counter()
        me.recommend(10)
        seconds["first recommendation"] = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main(sys.argv[1])
