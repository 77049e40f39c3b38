"""Makes the sample bundle that ships inside the client: films, trained with privacy from MovieTweetings.

Usage: python -m tools.make_sample

The noise is drawn anew each time, so every run is another release about the same people and gives another
bundle; the committed one is the only one that is published.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from homespun_server.data import movietweetings
from homespun_server.display import report_view
from homespun_server.learning import FitOptions
from homespun_server.pipeline import fit
from homespun_server.results import BUNDLE_FOLDER

EPSILON = 8.0
SAMPLE = Path("sdk/src/homespun/sample")
OPTIONS = FitOptions(
    name="Films (sample)",
    min_weight=7.0,
    test_share=0.0,
    max_items=1500,
    dimensions=32,
    content_dimensions=16,
    model_bytes=900_000,
)


def main() -> None:
    """Fit the sample and put its bundle in its place."""
    tables = movietweetings()
    work = Path(".cache/sample")
    shutil.rmtree(work, ignore_errors=True)
    fitted = fit(
        tables.interactions,
        items=tables.items,
        out=work,
        epsilon=EPSILON,
        options=OPTIONS,
        clock=lambda: datetime.now(UTC),
    )
    Console().print(report_view(fitted.report))
    shutil.rmtree(SAMPLE / BUNDLE_FOLDER, ignore_errors=True)
    shutil.copytree(fitted.bundle, SAMPLE / BUNDLE_FOLDER)


if __name__ == "__main__":
    main()
