"""Released figures of quality: what stands on the card, and paired leads by which gates decide."""

from homespun_server.evaluation.intervals import Interval
from homespun_server.privacy.release import Release
from homespun_server.publishing.figures import Figure, Quality, released_means
from homespun_server.running.names import INCUMBENT, POPULARITY

LEADS = {POPULARITY: "lead_popularity", INCUMBENT: "lead_incumbent"}
"""What the sums of paired leads are called, by what they are over. A lead is summed as (1 + lead) / 2."""


def released_quality_in(release: Release) -> Quality:
    """Return released means, in which leads are what they say: from −1 to 1."""
    return with_leads(released_means(release).value)


def with_leads(quality: Quality) -> Quality:
    """Return quality in which the leads are leads again."""
    scaled = {name: f"lead over {over}" for over, name in LEADS.items()}
    metrics = tuple(
        Figure(scaled[each.name], 2 * each.value - 1, 2 * each.half_width) if each.name in scaled else each
        for each in quality.metrics
    )
    return Quality(quality.people, quality.cohort, metrics, quality.note)


def lead_of(quality: Quality, over: str) -> Interval | None:
    """Return a released lead; None if it was not released."""
    found = next((each for each in quality.metrics if each.name == f"lead over {over}"), None)
    if found is None:
        return None
    return Interval(found.value, found.value - found.half_width, found.value + found.half_width)
