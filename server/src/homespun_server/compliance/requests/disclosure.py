"""What cannot be erased is disclosed: released statistics and models in which a person's data may be.

Of each: round or task, ε, δ, whose loss that is, and what bounds what can be told of anybody from it, with what that
rests on. A model without a guarantee is not called anonymous: it is made again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec
from sqlalchemy import select

from homespun_server.privacy.ledger import BudgetLedger
from homespun_server.privacy.spend import COLLECTED
from homespun_server.publishing.registry import Registry, Version
from homespun_server.store import SqlLog, Store
from homespun_server.store.moments import Now, text_of
from homespun_server.store.schema import bundles

T = TypeVar("T", "_Card", "_Lineage")

TRUST = {
    "user": (
        "It rests on the operator, who saw the table and drew the noise with this software, on the noise having been "
        "drawn by a sound generator of randomness, and on the budget ledger being whole."
    ),
    "installation": (
        "It rests on leader and helper not working together against people, on one of them adding its noise as agreed, "
        "and on the devices' software; k installations of one person lose k times ρ."
    ),
}
"""What the argument rests on, by whose loss is counted."""


class ReleasedAggregate(msgspec.Struct, frozen=True, kw_only=True):
    """A released statistic.

    Attributes:
        data_set: Of whose data.
        round: The charge's number in the budget ledger.
        task: The collected task; None: it was counted in a table.
        statistic: What was counted.
        time: When, ISO 8601, UTC.
        epsilon: ε of this release.
        delta: δ.
        unit: Whose loss it is.
        released: SHA-256 of the released values; None: they were never drawn.
        argument: What bounds what can be told of anybody from it, and what that rests on.
    """

    data_set: str
    round: int
    task: str | None
    statistic: str
    time: str
    epsilon: str
    delta: str
    unit: Literal["user", "installation"]
    released: str | None
    argument: str


class ReleasedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle.

    Attributes:
        bundle: Its identity.
        name: Its name.
        version: Which version of the name.
        stage: Where it is.
        made: When, ISO 8601, UTC.
        privacy: What its privacy rests on.
        unit: Whose loss it is, as its card states it; None unless it is differentially private.
        statistics: The released statistics that it was made from, as its card names them.
        rounds: Those releases' charges in the budget ledgers, as ``data set/round``, where the lineage tells them.
        epsilon: ε of all that it was made from; None unless it is differentially private.
        delta: δ.
        argument: What bounds what can be told of anybody from it; or that nothing does, and what is done.
    """

    bundle: str
    name: str
    version: int
    stage: str
    made: str
    privacy: str
    unit: str | None
    statistics: tuple[str, ...]
    rounds: tuple[str, ...]
    epsilon: str | None
    delta: str | None
    argument: str


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """What a person's data may be in, and stays.

    Attributes:
        schema: Version of the document.
        made: When, ISO 8601, UTC.
        aggregates: Released statistics.
        models: Bundles.
    """

    schema: int = 1
    made: str
    aggregates: tuple[ReleasedAggregate, ...]
    models: tuple[ReleasedModel, ...]


def disclose(store: Store, registry: Registry, now: Now) -> Disclosure:
    """Return everything that was released of people's data.

    Raises:
        LedgerError: A budget ledger is damaged, so that nobody can say what was released.
    """
    log = SqlLog(store)
    aggregates = tuple(each for name in log.data_sets() for each in _aggregates(log, name, now))
    rounds = {each.released: f"{each.data_set}/{each.round}" for each in aggregates if each.released}
    made_from = _made_from(store)
    models = tuple(_model(each, *made_from[each.id], rounds) for each in registry.versions() if each.id in made_from)
    return Disclosure(made=text_of(now()), aggregates=aggregates, models=models)


def _aggregates(log: SqlLog, data_set: str, now: Now) -> tuple[ReleasedAggregate, ...]:
    state = BudgetLedger(log, data_set, lambda: now().timestamp()).state()
    found = []
    for each in state.spends:
        collected = each.spend.mechanism == COLLECTED
        unit: Literal["user", "installation"] = "installation" if collected else "user"
        epsilon = state.epsilon(each.spend.rho, tasks=int(collected))
        found.append(
            ReleasedAggregate(
                data_set=data_set,
                round=each.charge,
                task=each.task,
                statistic=each.spend.statistic,
                time=text_of(datetime.fromtimestamp(each.time, UTC)),
                epsilon=f"{epsilon:.4g}",
                delta=f"{state.policy.delta:g}",
                unit=unit,
                released=each.released,
                argument=_argument(unit, epsilon, state.policy.delta),
            )
        )
    return tuple(found)


def _argument(unit: Literal["user", "installation"], epsilon: float, delta: float) -> str:
    return (
        f"Noise was added to the sum: the chance of any set of results with one {unit}'s data is at most "
        f"e^{epsilon:.4g} times the chance without them, plus {delta:g}, and the other way round. So, but for that "
        f"{delta:g}, a result changes the odds that the data were in it by at most the factor e^{epsilon:.4g}. That "
        f"bounds what can be told from it, and does not say that nothing can. {TRUST[unit]}"
    )


class _Named(msgspec.Struct, frozen=True):
    statistic: str


class _Stated(msgspec.Struct, frozen=True):
    unit: str | None = None
    releases: tuple[_Named, ...] = ()


class _Card(msgspec.Struct, frozen=True):
    privacy: _Stated = _Stated()


class _Released(msgspec.Struct, frozen=True):
    sha256: str


class _Lineage(msgspec.Struct, frozen=True):
    releases: tuple[_Released, ...] = ()


def _made_from(store: Store) -> dict[str, tuple[_Stated, _Lineage]]:
    """Return what the cards and the lineages of all bundles say of it, by bundle."""
    with store.reading() as connection:
        found = connection.execute(select(bundles.c.id, bundles.c.card, bundles.c.lineage)).all()
    return {row.id: (_said(row.card, _Card()).privacy, _said(row.lineage, _Lineage())) for row in found}


def _said(text: str, unsaid: T) -> T:
    """Read a card or a lineage; one of another form, which the registry takes too, says nothing of it."""
    try:
        return msgspec.json.decode(text, type=type(unsaid))
    except msgspec.ValidationError:
        return unsaid


def _model(version: Version, stated: _Stated, lineage: _Lineage, rounds: Mapping[str, str]) -> ReleasedModel:
    private = version.privacy == "differential_privacy"
    trust = _TRUST_BY_UNIT.get(stated.unit or "", _UNIT_UNKNOWN)
    return ReleasedModel(
        bundle=version.id,
        name=version.name,
        version=version.version,
        stage=version.stage,
        made=version.created,
        privacy=version.privacy,
        unit=stated.unit if private else None,
        statistics=tuple(each.statistic for each in stated.releases),
        rounds=tuple(rounds[each.sha256] for each in lineage.releases if each.sha256 in rounds),
        epsilon=version.epsilon,
        delta=version.delta,
        argument=_MODELS[version.privacy].format(epsilon=version.epsilon, delta=version.delta, trust=trust),
    )


_TRUST_BY_UNIT = {"user": TRUST["user"], "installation per task": TRUST["installation"]}
"""What the argument of a model rests on, by the unit that its card states."""

_UNIT_UNKNOWN = "Its card does not say whose loss that is, so it cannot be said what that rests on."

_MODELS = {
    "differential_privacy": (
        "It was made from released statistics alone, with ε = {epsilon} and δ = {delta} in all; what is made from a "
        "release tells no more than the release. {trust}"
    ),
    "no_personal_data": "It was made from the catalogue alone: nobody's data are in it.",
    "non_private": (
        "It was made from exact sums. Nothing bounds what it tells of a person, so it is not called anonymous: it is "
        "made again without the person."
    ),
}
