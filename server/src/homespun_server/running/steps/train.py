"""Train: from the kept releases and the catalogue to a bundle that can be measured. Nobody's data is read.

Without privacy there are no kept releases, and the exact sums are made here, in memory.
"""

from dataclasses import replace
from pathlib import Path

import msgspec

from homespun_server.learning import FitData, learn
from homespun_server.learning.fitting import Learned
from homespun_server.learning.keeping import RELEASES_FOLDER, KeptFit, Paid, load
from homespun_server.learning.refreshing import retrain
from homespun_server.learning.writing import described, people_on_card, write_whole
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.provenance import Sourced, fixed
from homespun_server.publishing.figures import Figure
from homespun_server.results import BUNDLE_FOLDER
from homespun_server.running.cache import write_json
from homespun_server.running.job import Job
from homespun_server.running.steps.statistics import settled
from homespun_server.training.content import catalogue

FILE = "train.json"


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What training made.

    Attributes:
        created: When, ISO 8601, UTC.
        items: Items of the model.
        directions: Patterns of taste that stood out from the noise.
        left_out: Parts that the data do not allow, and why.
    """

    created: str
    items: int
    directions: int
    left_out: tuple[str, ...]


def train(job: Job, made: Path) -> None:
    """Train the model and write its bundle."""
    now = job.clock()
    if job.wanted is None:
        learned, people = _exact(job)
        delta = None
    else:
        with job.ledger() as ledger:
            learned, people = _private(job, ledger), people_on_card(job.options, None)
            delta = ledger.state().policy.delta
    description = described(learned.model, job.options, now=now, delta=delta, people=people)
    manifest = write_whole(learned.model, catalogue(job.catalogue()), description, made / BUNDLE_FOLDER)
    terms = learned.terms.value
    found = Trained(
        created=manifest.created, items=manifest.items, directions=learned.directions.value, left_out=terms.left_out
    )
    write_json(made / FILE, found)


def trained(folder: Path) -> Trained:
    """Return what training made."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Trained)


def kept_of(job: Job, ledger: BudgetLedger) -> tuple[KeptFit, Paid]:
    """Return the kept releases, with the options of this run: what is counted is the same.

    Raises:
        ReleaseFileError: If a file was changed, or the ledger knows no such release.
    """
    kept = load(job.made("release") / RELEASES_FOLDER)
    paid = replace(kept.paid(ledger), options=job.options)
    return replace(kept, options=job.options), paid


def _private(job: Job, ledger: BudgetLedger) -> Learned:
    kept, paid = kept_of(job, ledger)
    as_of = None
    if kept.as_of is not None:
        as_of = fixed(kept.as_of) if job.options.as_of is None else job.options.stated(kept.as_of)
    return retrain(catalogue(job.catalogue()), kept, paid, as_of=as_of, observer=job.observer)


def _exact(job: Job) -> tuple[Learned, Sourced[Figure] | None]:
    options = replace(job.options, as_of=settled(job.made("statistics")).as_of)
    with job.people() as people:
        data = FitData(people, options, None)
        learned = learn(data, options, None, job.observer, job.clock())
        return learned, people_on_card(options, data.likes)
