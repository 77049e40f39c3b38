"""Checks of the chain: consent record, list, model, what it was trained from, and what that cost of the budget."""

from fractions import Fraction

from homespun.errors import ProofError
from homespun.protocol.bundle import CARD_DATA
from homespun.protocol.records import ExplanationRecord, parse_record
from homespun_server.compliance.audit import checks_consents
from homespun_server.compliance.audit.contents import (
    EXPLANATIONS,
    CardInShort,
    LineageInShort,
    Registered,
    decoded,
    lines,
)
from homespun_server.compliance.audit.evidence import Evidence


def chain(evidence: Evidence) -> tuple[int, str]:
    """Follow every explained list: to the consent that it names, and by the model's hash to the registry."""
    known = {each.bundle for each in evidence.registered}
    logged = {str(said["bundle"]) for said in evidence.said_of("bundle")}
    streams = checks_consents.streams(evidence)
    count = consented = rested = 0
    for record in _records(evidence):
        if record.bundle not in known & logged:
            raise ProofError(f"a list was made with the bundle {record.bundle[:12]}, which nobody registered.")
        if record.personalized and not record.consents:
            raise ProofError("a list was made from personal data, and names no consent record.")
        count += 1
        consented += bool(record.consents)
        rested += bool(record.consents) and checks_consents.rests_on(record, streams)
    told = f"{rested} of these to events that the log commits to" if streams else "the events are not included"
    return count, f"lists lead to a registered bundle, {consented} of them to the numbers of consent records; {told}"


def training(evidence: Evidence) -> tuple[int, str]:
    """Follow every private bundle: by its lineage to the releases that it was made from, and to their charges."""
    explained = {record.bundle for record in _records(evidence)}
    traced, ends, bundles = 0, list[str](), 0
    for each in evidence.registered:
        card = decoded(evidence.bundle_file(each.bundle, CARD_DATA), CardInShort, "a card")
        if card.privacy.kind != "differential_privacy":
            continue
        lineage = decoded(each.lineage, LineageInShort, "a lineage")
        if lineage.bundle is None:
            ends.append(each.bundle)
            continue
        _check_lineage(evidence, each, card, lineage)
        traced, bundles = traced + len(lineage.releases) + len(lineage.measured), bundles + 1
    behind = len(explained.intersection(ends))
    untraced = f"; the chain ends at {len(ends)} registered by hand, without a lineage, {behind} of them behind lists"
    told = f"releases behind {bundles} private bundles lead to their charges in the ledgers"
    return traced, told + (untraced if ends else "")


def _check_lineage(evidence: Evidence, each: Registered, card: CardInShort, lineage: LineageInShort) -> None:
    name = each.bundle[:12]
    if lineage.bundle != each.bundle:
        raise ProofError(f"the lineage of {name} is that of another bundle.")
    if lineage.budget is None or not lineage.releases:
        raise ProofError(f"the lineage of {name} names no release or no budget, and its card says that it is private.")
    budget = lineage.budget
    ledger = next((found for found in evidence.ledgers if found.name == budget.data_set), None)
    if ledger is None or budget.head not in ledger.hashes[budget.events - 1 : budget.events]:
        raise ProofError(
            f"the lineage of {name} was made at a state of the ledger of {budget.data_set} that it never had."
        )
    charges = {spend.released: spend.spend for spend in ledger.book.state(0).spends if spend.released is not None}
    for released in (*lineage.releases, *lineage.measured):
        charge = charges.get(released.sha256)
        if charge is None or (charge.statistic, charge.rho) != (released.statistic, Fraction(released.rho)):
            raise ProofError(
                f"the release {released.sha256[:12]} of {released.statistic}, which the lineage of {name} names, is no "
                f"charge of the ledger of {budget.data_set}."
            )
    told = sorted(entry.statistic for entry in card.privacy.releases)
    if told != sorted(found.statistic for found in (*lineage.releases, *lineage.measured)):
        raise ProofError(f"the card of {name} tells of other releases than its lineage names.")


def _records(evidence: Evidence) -> list[ExplanationRecord]:
    return [parse_record(line) for _, raw in evidence.below(EXPLANATIONS) for line in lines(raw)]
