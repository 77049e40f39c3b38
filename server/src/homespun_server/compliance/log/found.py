"""What the store knows of that belongs into the log: releases, ledgers, bundles, overridden gates, counts of consents.

A release is named together with what it was charged as and the digest of its values, so that a ledger which was
written anew shows as another entry and never as the same. Of every ledger its head is appended too: it fixes all of
its events, those included that are about no release. Drafts that were deleted are named, so that no other bundle can
go missing; and once a day is over, what it brought of consents is fixed by numbers, none of them of a person.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import func, select

from homespun_server.compliance.log.entries import Kind
from homespun_server.privacy.ledger import BudgetLedger, BudgetState
from homespun_server.privacy.ledger.events import ratio
from homespun_server.privacy.ledger.state import RecordedSpend
from homespun_server.store import SqlLog, Store
from homespun_server.store.schema import audit, bundles
from homespun_server.store.schema_consent import consent_counts


@dataclass(frozen=True)
class Found:
    """Something that belongs into the log.

    Attributes:
        kind: What it is.
        content: What is committed to.
        reference: Names it.
    """

    kind: Kind
    content: Mapping[str, object]
    reference: str


class OverriddenGate(msgspec.Struct, frozen=True):
    """A gate that was let pass, as the registry keeps it."""

    gate: str
    reason: str


class Gates(msgspec.Struct, frozen=True):
    """What the registry keeps of a bundle's gates, as far as it is read here."""

    overrides: tuple[OverriddenGate, ...] = ()


def everything(store: Store, day: str) -> tuple[Found, ...]:
    """Return everything that belongs into the log, in an order that does not change.

    Args:
        store: The store.
        day: Consents of earlier days than this are counted; nothing is still being written that came then.

    Raises:
        LedgerError: A budget ledger is damaged.
        StoreError: The store cannot be read.
    """
    return (*_released(store), *_deleted(store), *_registered(store), *_counted(store, day))


def release_content(data_set: str, spend: RecordedSpend) -> dict[str, object]:
    """Return what the log commits to of a release.

    Args:
        data_set: Whose ledger it was charged to.
        spend: Its charge.
    """
    charged = spend.spend
    return {
        "what": "release",
        "data_set": data_set,
        "charge": spend.charge,
        "statistic": charged.statistic,
        "mechanism": charged.mechanism,
        "l2_bound": charged.l2_bound,
        "sigma": charged.sigma,
        "rho": ratio(charged.rho),
        "declaration": charged.declaration,
        "released": spend.released,
    }


def ledger_content(state: BudgetState) -> dict[str, object]:
    """Return what the log commits to of a ledger as it stands."""
    return {"what": "ledger", "data_set": state.data_set, "events": state.sequence, "head": state.head}


def bundle_content(row: Mapping[str, str]) -> dict[str, object]:
    """Return what the log commits to of a registered bundle.

    Args:
        row: Its identity, and the texts of its card, lineage and gates as the registry keeps them.
    """
    texts = {f"{name}_sha256": hashlib.sha256(row[name].encode()).hexdigest() for name in ("card", "lineage", "gates")}
    return {"what": "bundle", "bundle": row["id"], **texts}


def override_contents(bundle: str, gates: str) -> tuple[dict[str, object], ...]:
    """Return what the log commits to of the gates of a bundle that somebody let pass.

    Args:
        bundle: Its identity.
        gates: What the registry keeps of its gates, as JSON.
    """
    found = msgspec.json.decode(gates, type=Gates)
    return tuple(
        {"what": "override", "bundle": bundle, "gate": each.gate, "reason": each.reason} for each in found.overrides
    )


def _released(store: Store) -> Iterator[Found]:
    log = SqlLog(store)
    for name in log.data_sets():
        state = BudgetLedger(log, name).state()
        for spend in state.spends:
            if spend.released is not None:
                reference = f"{name}/{spend.charge}/{spend.released}"
                yield Found("release", release_content(name, spend), reference)
        yield Found("release", ledger_content(state), f"{name}@{state.head}")


def _registered(store: Store) -> Iterator[Found]:
    query = select(bundles.c.id, bundles.c.added, bundles.c.card, bundles.c.lineage, bundles.c.gates).order_by(
        bundles.c.added, bundles.c.id
    )
    with store.reading() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    for row in rows:
        # A draft that was deleted can be registered again, and is then another entry after that of its deletion.
        yield Found("bundle", bundle_content(row), f"{row['id']} added {row['added']}")
        for content in override_contents(row["id"], row["gates"]):
            yield Found("override", content, f"{row['id']}/{content['gate']}")


def _deleted(store: Store) -> Iterator[Found]:
    query = select(audit.c.sequence, audit.c.subject).where(audit.c.action == "delete-bundle")
    with store.reading() as connection:
        rows = connection.execute(query.order_by(audit.c.sequence)).all()
    for row in rows:
        yield Found("bundle", {"what": "draft deleted", "bundle": row.subject}, f"{row.subject} deleted {row.sequence}")


def counts_by_day(store: Store, before: str | None = None) -> dict[str, list[dict[str, object]]]:
    """Return how many consent events each day brought, by purpose, notice and action.

    Args:
        store: The store.
        before: Only days before this one; None: all.
    """
    columns = [consent_counts.c[name] for name in ("day", "purpose", "notice", "action")]
    query = select(*columns, func.sum(consent_counts.c.number).label("number")).group_by(*columns).order_by(*columns)
    if before is not None:
        query = query.where(consent_counts.c.day < before)
    found: dict[str, list[dict[str, object]]] = {}
    with store.reading() as connection:
        for row in connection.execute(query):
            rest = {"purpose": row.purpose, "notice": row.notice, "action": row.action, "number": int(row.number)}
            found.setdefault(row.day, []).append(rest)
    return found


def _counted(store: Store, day: str) -> Iterator[Found]:
    for each, counts in counts_by_day(store, day).items():
        yield Found("consent", {"what": "consents of a day", "day": each, "counts": counts}, f"consents of {each}")
