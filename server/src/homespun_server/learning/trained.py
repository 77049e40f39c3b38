"""From people to terms: the releases, and what is trained from them."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from homespun_server.evaluation.comparison import Observer
from homespun_server.learning.data import FitData
from homespun_server.learning.moments import moment, stretches
from homespun_server.learning.options import FitOptions
from homespun_server.learning.releasing import Released, release_all
from homespun_server.learning.terms import Terms, read_catalogue, train_terms
from homespun_server.privacy.ledger import Reservation
from homespun_server.privacy.provenance import Sourced
from homespun_server.training.content import catalogue
from homespun_server.training.scorers import Scorer


class Trained(NamedTuple):
    """Terms, and the releases that they were trained from."""

    terms: Sourced[Terms]
    released: Released


def train(
    data: FitData,
    options: FitOptions,
    budget: Reservation | None,
    observer: Observer,
    now: datetime,
    scorers: tuple[Scorer, ...] = (),
) -> Trained:
    """Release the sums that the options want, and train all terms from them; see ``releasing`` and ``terms``."""
    items = catalogue(data.interactions.items)
    known = read_catalogue(items, options)
    as_of = moment(data, options, now, private=budget is not None)
    edges = () if as_of is None else stretches(as_of.value, options.half_lives)
    released = release_all(data, items, options, budget=budget, edges=edges, observer=observer)
    observer("train", 0, 1)
    released = replace(released, as_of=as_of)
    terms = train_terms(released, known, options, as_of=as_of, scorers=scorers)
    observer("train", 1, 1)
    return Trained(terms, released)
