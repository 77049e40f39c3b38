"""All gates of a pipeline, in the order in which they are told."""

from collections.abc import Iterator

from homespun_server.running.gates import bundle, privacy, quality
from homespun_server.running.gates.figures import Figures
from homespun_server.running.gates.result import GateResult
from homespun_server.running.settings import Gates


def decide(figures: Figures, asked: Gates, stage: str) -> tuple[GateResult, ...]:
    """Return the result of every gate that is asked for.

    Args:
        figures: What was found.
        asked: The thresholds.
        stage: The stage that the bundle is for.
    """
    return tuple(_all(figures, asked, stage))


def _all(figures: Figures, asked: Gates, stage: str) -> Iterator[GateResult]:
    yield from _quality(figures, asked)
    yield from privacy.claims(figures.privacy, asked)
    yield privacy.stage(figures.privacy, stage, asked.non_private_stages)
    yield privacy.card(figures.privacy, figures.sources, has_quality=figures.has_quality)
    if asked.max_advantage is not None:
        yield privacy.membership(figures.advantage, asked.max_advantage, nobody=figures.nobody)
    yield from bundle.sizes(figures.facts, asked)
    has_incumbent = figures.incumbent is not None
    yield from bundle.catalogue(figures.facts, figures.lost_items, asked, has_incumbent=has_incumbent)
    if asked.explained is not None:
        yield bundle.explained(figures.facts, asked.explained)


def _quality(figures: Figures, asked: Gates) -> Iterator[GateResult]:
    metric, basis = figures.metric, figures.basis
    if asked.lead_over_popularity is not None:
        least, found = asked.lead_over_popularity, figures.over_popularity
        yield quality.lead("lead-over-popularity", "popularity", metric, found, least, basis)
    if asked.lead_over_incumbent is not None:
        least = asked.lead_over_incumbent
        if figures.incumbent is None:
            yield quality.no_incumbent(least)
        else:
            over = "the channel's bundle"
            yield quality.lead("lead-over-incumbent", over, metric, figures.over_incumbent, least, basis)
    if asked.segment_floor is not None:
        yield quality.segment_floor(figures.segments, metric, asked.segment_floor)
    if asked.segment_drop is not None:
        most, there = asked.segment_drop, figures.incumbent is not None
        yield quality.segment_drop(figures.segments, metric, most, has_incumbent=there)
