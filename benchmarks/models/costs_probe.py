"""Runs in a new process: fits a bundle from files at an ε, and prints what it took as one line of JSON.

Usage: python -m benchmarks.models.costs_probe INTERACTIONS ITEMS FOLDER EPSILON PART,PART...|all

From reading the files to a bundle on disk, with noise that is drawn on all cores.
"""

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from benchmarks.models.bundles import bytes_of
from benchmarks.peak import peak_memory
from benchmarks.release import watched_drawing
from homespun_server.learning import FitData, FitOptions, make_bundle
from homespun_server.learning.options import PARTS, Part
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.zcdp import DEFAULT_DELTA
from homespun_server.statistics.interactions import Interactions
from homespun_server.statistics.items import Items


def main() -> None:
    """Read, fit, tell."""
    interactions, items, folder, epsilon, parts = sys.argv[1:]
    print(json.dumps(fit(Path(interactions), Path(items), Path(folder), float(epsilon), parts_of(parts))), flush=True)


def parts_of(text: str) -> tuple[Part, ...]:
    """Read the names of parts."""
    names = text.split(",")
    unknown = set(names).difference(PARTS, ("all",))
    if unknown:
        raise SystemExit(f"no part of a model: {', '.join(sorted(unknown))}")
    return PARTS if text == "all" else cast("tuple[Part, ...]", tuple(names))


def fit(interactions: Path, items: Path, folder: Path, epsilon: float, parts: tuple[Part, ...]) -> Mapping[str, float]:
    """Fit, and return seconds, bytes and numbers."""
    budget = one_off_budget(epsilon, DEFAULT_DELTA)
    options = FitOptions(name="costs", test_share=0.0, parts=parts)
    start = time.perf_counter()
    with (
        Interactions.read(interactions, items=Items.read(items)) as read,
        watched_drawing(time.perf_counter) as drawing,
    ):
        read_seconds = time.perf_counter() - start
        make_bundle(
            FitData(read, options, budget),
            folder,
            budget=budget,
            options=options,
            observer=lambda _step, _done, _of: None,
            now=datetime.now(UTC),
        )
    return {
        "read": read_seconds,
        "seconds": time.perf_counter() - start,
        "drawing": drawing.seconds,
        "drawn": drawing.values,
        "peak": peak_memory(),
        "model_bytes": bytes_of(folder),
    }


if __name__ == "__main__":
    main()
