"""Verifying an audit bundle: every check, each by itself, with no network and no database."""

from collections.abc import Callable

import msgspec

from homespun.errors import HomespunError, ProofError
from homespun_server.compliance.audit import (
    checks_budget,
    checks_bundles,
    checks_chain,
    checks_consents,
    checks_documents,
    checks_explanations,
    checks_log,
    checks_people,
)
from homespun_server.compliance.audit.container import unpack
from homespun_server.compliance.audit.evidence import Evidence
from homespun_server.compliance.audit.pins import UNPINNED, Pins
from homespun_server.compliance.checks import Check, checked

Run = Callable[[Evidence], tuple[int, str]]

CHECKS: dict[str, Run] = {
    "container": checks_log.container,
    "members": checks_log.members,
    "signature": checks_log.signature,
    "checkpoints": checks_log.checkpoints,
    "log root": checks_log.root,
    "predecessors": checks_log.predecessors,
    "consistency": checks_log.consistency,
    "cosignatures": checks_log.cosignatures,
    "openings": checks_log.openings,
    "budget chain": checks_budget.chain,
    "budget arithmetic": checks_budget.arithmetic,
    "budget in the log": checks_budget.logged,
    "registry in the log": checks_bundles.registry,
    "overrides": checks_bundles.overrides,
    "cards": checks_bundles.cards,
    "signed repository": checks_bundles.signed,
    "requests": checks_people.requests,
    "deadlines": checks_people.deadlines,
    "receipts": checks_people.receipts,
    "consents": checks_people.consents,
    "consent events": checks_consents.events,
    "consent receipts": checks_consents.receipts,
    "documents": checks_documents.documents,
    "explanations": checks_explanations.explanations,
    "chain": checks_chain.chain,
    "training": checks_chain.training,
}
"""The checks by name, in the order in which they are told."""

_NOT_LOOKED_AT = "not looked at: the file cannot be read"

_PINNED_BY = {"signature": "log", "checkpoints": "log", "signed repository": "root", "consent receipts": "receipts"}


def verify(raw: bytes, pins: Pins) -> tuple[Check, ...]:
    """Return what every check finds.

    Args:
        raw: The audit bundle.
        pins: What the auditor knows from elsewhere.
    """
    try:
        evidence = Evidence(raw, unpack(raw), pins)
    except ProofError as error:
        return _unread(str(error))
    return tuple(_checked(name, run, evidence) for name, run in CHECKS.items())


def _unread(why: str) -> tuple[Check, ...]:
    """Return what is found of a file that cannot be read: all other checks have nothing to look at."""
    broken = Check(name="container", outcome="fail", figure="0 accepted", wrong=why)
    others = (name for name in CHECKS if name != broken.name)
    return (broken, *(Check(name=name, outcome="nothing", figure=_NOT_LOOKED_AT) for name in others))


def _checked(name: str, run: Run, evidence: Evidence) -> Check:
    found = checked(name, lambda: _explained(run, evidence))
    pin = _PINNED_BY.get(name)
    if found.outcome == "pass" and pin is not None and getattr(evidence.pins, pin) is None:
        return msgspec.structs.replace(found, figure=f"{found.figure} ({UNPINNED})")
    return found


def _explained(run: Run, evidence: Evidence) -> tuple[int, str]:
    """Run a check on what may be anything; whatever it trips over is a finding and no crash."""
    try:
        return run(evidence)
    except HomespunError:
        raise
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, IndexError, ArithmeticError, OSError) as error:
        raise ProofError(f"it is malformed: {type(error).__name__}: {error}.") from error
