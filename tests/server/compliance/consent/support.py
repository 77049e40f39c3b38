"""Reports of made-up people, a ledger over a fresh store, and a clock that is set by hand."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from homespun.protocol.asking.registration import voucher_of
from homespun.protocol.consent import ConsentRecord, ShownNotice
from homespun.protocol.consent_report import ConsentReport, report_of
from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.log import TransparencyLog
from homespun_server.store import Store

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
TEXT = "May we remember what you like?"
NOTICE = ShownNotice(TEXT, "en", "7", hashlib.sha256(TEXT.encode()).hexdigest())
PHONE, TABLET = "a" * 32, "b" * 32
ADA = "account-ada-5f1c"
KEYS = ComplianceKeys.drawn(lambda size: bytes(range(size)))

VOUCHER = voucher_of(KEYS.vouching, ADA, 4_000_000_000)
"""What her account is vouched for with."""

both = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
"""On both databases."""


class Hands:
    """A clock that shows what it is set to."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **spans: float) -> None:
        self.now += timedelta(**spans)


def record(sequence: int, purpose: str = "personalization", action: str = "grant", **fields: Any) -> ConsentRecord:
    """Return a record of a device, whose clock is ahead of everybody's."""
    given = {"notice": NOTICE, "surface": "settings page", "method": "explicit", "time": 4e9 + sequence}
    return ConsentRecord(sequence=sequence, purpose=purpose, action=action, **{**given, **fields})


def gpc(sequence: int, *, on: bool = True, **fields: Any) -> ConsentRecord:
    outcome = ("contribution", "measurement") if on else ()
    said = {"notice": None, "signal": "gpc", "signal_value": on, "outcome": outcome}
    return record(sequence, "", "signal", **{**said, **fields})


def report(made: ConsentRecord, *, source: str = PHONE, subject: str = ADA) -> ConsentReport:
    return report_of(made, subject=subject, known_as="account", source=source, sdk="1.2.3")


def ledger_of(store: Store, clock: Hands, *, logged: bool = True) -> ConsentLedger:
    log = TransparencyLog(store, KEYS, clock) if logged else None
    return ConsentLedger(store, KEYS, log, clock)


def subject_of(ledger: ConsentLedger, identifier: str = ADA) -> str:
    found = ledger.subjects.pseudonym(identifier)
    assert found is not None
    return found


def granted(ledger: ConsentLedger, at: datetime | None = None) -> set[str]:
    found = ledger.status_as_of(subject_of(ledger), at)
    return {purpose for purpose, status in found.items() if status.granted}


def changed(given: ConsentReport, **fields: Any) -> ConsentReport:
    """Return the report with another choice in its place."""
    return msgspec.structs.replace(given, choice=msgspec.structs.replace(given.choice, **fields))
