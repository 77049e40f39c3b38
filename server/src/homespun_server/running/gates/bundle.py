"""Is it small and fast enough, is the catalogue in order, and do its scores explain themselves?"""

from collections.abc import Iterator

from homespun_server.evaluation.synthetic import Facts
from homespun_server.running.gates.result import NOT_MEASURED, GateResult
from homespun_server.running.settings import Gates


def sizes(facts: Facts, asked: Gates) -> Iterator[GateResult]:
    """Yield the gates of bytes and time."""
    if asked.max_bundle_bytes is not None:
        yield _result(
            "bundle-bytes",
            facts.bytes <= asked.max_bundle_bytes,
            f"{facts.bytes:,}",
            f"≤ {asked.max_bundle_bytes:,}",
            "Bytes of all the bundle's files.",
        )
    for name, found, most in (("p50", facts.p50_ms, asked.p50_ms), ("p99", facts.p99_ms, asked.p99_ms)):
        if most is not None:
            yield _result(
                f"latency-{name}",
                facts.lists > 0 and found <= most,
                f"{found:.2f} ms" if facts.lists else NOT_MEASURED,
                f"≤ {most:g} ms",
                f"Time of a list of made-up histories, {name} of {facts.lists:,}, on the machine that ran this: "
                "a device has a time of its own.",
            )


def catalogue(facts: Facts, lost: float | None, asked: Gates, *, has_incumbent: bool) -> Iterator[GateResult]:
    """Yield the gates of the catalogue.

    Args:
        facts: The bundle.
        lost: Share of the incumbent's items that it lacks; None: not measured, or there is no incumbent.
        asked: The thresholds.
        has_incumbent: Whether the channel has a bundle; if it has, what was not measured is not met.
    """
    shares = (
        ("lost-items", lost, asked.max_lost_items, "Items of the incumbent that are gone: devices drop their likes."),
        ("empty-titles", facts.empty_titles / facts.items, asked.max_empty_titles, "Items without a title."),
        (
            "duplicate-titles",
            facts.duplicate_titles / facts.items,
            asked.max_duplicate_titles,
            "Items with a title that another one has.",
        ),
    )
    for name, share, most, words in shares:
        if most is not None:
            nothing = NOT_MEASURED if has_incumbent else "no incumbent"
            passed = not has_incumbent if share is None else share <= most
            yield _result(name, passed, nothing if share is None else f"{share:.2%}", f"≤ {most:.2%}", words)
    if asked.min_tagged is not None:
        tagged = facts.tagged / facts.items
        yield _result(
            "tagged", tagged >= asked.min_tagged, f"{tagged:.2%}", f"≥ {asked.min_tagged:.2%}", "Items with a tag."
        )


def explained(facts: Facts, least: float) -> GateResult:
    """Judge whether scores are the sums of their parts."""
    share = facts.explained / facts.scores if facts.scores else 0.0
    return _result(
        "explained",
        facts.scores > 0 and share >= least,
        f"{share:.2%} of {facts.scores:,} scores, largest residual {facts.residual:.1e}",
        f"≥ {least:.2%}",
        "Scores of made-up histories to which their parts add up, to within 1e-5 of the parts' magnitudes.",
    )


def _result(name: str, passed: bool, figure: str, threshold: str, words: str) -> GateResult:  # noqa: FBT001
    return GateResult(name=name, passed=passed, figure=figure, threshold=threshold, words=words, basis="public")
