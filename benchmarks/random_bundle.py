"""Bundles of any size with random weights, written by the real exporter: time does not depend on the values."""

from datetime import datetime
from pathlib import Path

import numpy as np

from homespun_server.privacy.provenance import fixed, public
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.statistics.items import Items
from homespun_server.training.model import LEVELS, STEADY, Component, LowRank, Model, Prior


def write_random_bundle(items: int, dimensions: int, folder: Path, rng: np.random.Generator, now: datetime) -> None:
    """Write a bundle of one collaborative component with normally distributed weights to ``folder``."""
    encoder, decoder = rng.lognormal(size=(2, items))
    table = LowRank("collaborative", rng.standard_normal((items, dimensions)), encoder, decoder, np.ones(dimensions))
    component = Component("collaborative", table, None, STEADY, (1.0,) * LEVELS)
    prior = Prior("popularity", np.zeros(items), (1.0,) * LEVELS)
    model = public(Model(np.arange(items), items, (component,), (prior,)), "random numbers")
    description = Description(f"random, {items} items", now, fixed(None), None, {})
    write_bundle(model, public(_catalogue(items), "invented items"), description, folder)


def _catalogue(items: int) -> Items:
    ids = [f"item-{number:06d}" for number in range(items)]
    titles = [f"Title of item {number}" for number in range(items)]
    return Items(ids, titles, [("first", "second")] * items, [""] * items)
