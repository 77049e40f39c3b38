"""Release: sums over people with noise, each charged to the ledger before its noise is drawn, and kept at once.

Without privacy nothing is kept: exact sums would be a copy of what people did. The step that trains sums them then.
"""

from dataclasses import replace
from pathlib import Path

import msgspec

from homespun_server.learning import FitData
from homespun_server.learning.keeping import RELEASES_FOLDER, save
from homespun_server.learning.releasing import release_all
from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.ledger.rules import rounded
from homespun_server.privacy.provenance import Sourced, fixed
from homespun_server.privacy.release import Release, digest_of
from homespun_server.privacy.spend import Amount, cost
from homespun_server.running.cache import write_json
from homespun_server.running.drawer import FileDrawer, resumed
from homespun_server.running.job import Job
from homespun_server.running.steps.statistics import settled
from homespun_server.statistics.cohort import HELD_OUT
from homespun_server.training.content import catalogue

FILE = "releases.json"
_SHOWN = 12


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """A release, and what it costs.

    Attributes:
        statistic: Its name.
        sha256: Of the released numbers; the ledger knows it by this.
        values: How many numbers.
        rho: zCDP, exact, as a fraction.
        epsilon: ε of it alone, at the ledger's δ.
    """

    statistic: str
    sha256: str
    values: int
    rho: str
    epsilon: float


class Releases(msgspec.Struct, frozen=True, kw_only=True):
    """What a step released.

    Attributes:
        releases: Each of them.
        epsilon: ε per user of all together, at ``delta``; None without privacy.
        delta: δ.
        bounding: Share of the weight that bounding kept, by statistic: exact figures, for the operator.
    """

    releases: tuple[Spent, ...]
    epsilon: float | None
    delta: float | None
    bounding: dict[str, float]


NOTHING = Releases(releases=(), epsilon=None, delta=None, bounding={})


def release(job: Job, made: Path) -> None:
    """Release what is to be counted, or what of it an ended run did not."""
    if job.wanted is None:
        write_json(made / FILE, NOTHING)
        return
    found = settled(job.made("statistics"))
    partial = job.cache.partial("release", job.keys["release"])
    with job.ledger() as ledger:
        drawer = FileDrawer(partial, ledger, job.observer)
        amounts, purpose = amounts_of(job, ledger, held_out=False), purpose_of(job, "release")
        with resumed(ledger, amounts, purpose, drawer, spend_again=job.spend_again) as budget, job.people() as people:
            data = FitData(people, job.options, budget)
            released = release_all(
                data,
                catalogue(people.items),
                job.options,
                budget=budget,
                edges=found.edges(job.options.half_lives),
                observer=job.observer,
                drawer=drawer,
            )
            ids = people.items.ids
        released = replace(released, as_of=_moment(job, found.as_of))
        save(released, job.options, ids, made / RELEASES_FOLDER)
        bounding = {each.statistic: each.kept for each in released.bounding}
        write_json(made / FILE, msgspec.structs.replace(told(released.everything, ledger), bounding=bounding))


def amounts_of(job: Job, ledger: BudgetLedger, *, held_out: bool) -> list[Amount]:
    """Return ρ of the training users, or of those kept aside, by path."""
    return amounts_at(job, ledger.state().policy.delta, held_out=held_out)


def amounts_at(job: Job, delta: float, *, held_out: bool) -> list[Amount]:
    """Return the same where a ledger states every ε at ``delta``."""
    everything = [] if job.wanted is None else job.wanted.amounts(delta)
    return [(path, rho) for path, rho in everything if any(each.cell == HELD_OUT for each in path) == held_out]


def purpose_of(job: Job, step: str) -> str:
    """Return what the ledger says of a step: one short line, the same whenever the step is run.

    Metrics have one for all models of the same counts: a second release of them is told from the first by nothing, and
    is thus never made without asking, whatever the reason is that a model is measured anew.
    """
    if step == "evaluate":
        return f"evaluate models of release {job.keys['release'][:_SHOWN]}"
    printable = "".join(sign if sign.isprintable() else " " for sign in job.pipeline.name)
    return f"{step} {job.keys[step][:_SHOWN]} {printable:.100}"


def told(releases: tuple[Release, ...], ledger: BudgetLedger) -> Releases:
    """Return what releases cost, for the operator's record."""
    state = ledger.state()
    rows = tuple(
        Spent(
            statistic=each.statistic.name,
            sha256=digest_of(each.values),
            values=each.values.size,
            rho="" if each.rho is None else f"{each.rho.numerator}/{each.rho.denominator}",
            epsilon=0.0 if each.rho is None else rounded(state.epsilon(each.rho), up=True),
        )
        for each in releases
    )
    together = cost([(each.path, each.rho) for each in releases if each.rho is not None])
    return Releases(
        releases=rows, epsilon=rounded(state.epsilon(together), up=True), delta=state.policy.delta, bounding={}
    )


def released(folder: Path) -> Releases:
    """Return what a step released."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Releases)


def _moment(job: Job, as_of: int | None) -> Sourced[int] | None:
    if as_of is None:
        return None
    return fixed(as_of) if job.options.as_of is None else job.options.stated(as_of)
