"""Choices that were made where the profile could not be reached, and how they join those that it keeps.

Rules: of two choices whose order nobody knows the more private one wins. So what denies (a withdrawal, a refusal,
an expiry, a signal that came on, anything unknown) joins as the latest, and counts even before it could be written.
What permits does not overrule what denies and is kept by the profile, and counts only once it is written.

Pure, like the ledger.
"""

from collections.abc import Iterable

import msgspec

from homespun.consent.ledger import ConsentLedger
from homespun.consent.signals import forbids
from homespun.protocol.consent import ConsentRecord, kind_of, permits


def joining(stored: ConsentLedger, unstored: Iterable[ConsentRecord]) -> tuple[ConsentRecord, ...]:
    """Return the unstored records that join those of ``stored``, numbered after them.

    Args:
        stored: What the profile keeps.
        unstored: What it does not, in the order of choosing.
    """
    kept = [record for record in unstored if not permits(record) or not _denied(stored, record)]
    return tuple(
        msgspec.structs.replace(record, sequence=sequence)
        for sequence, record in enumerate(kept, start=stored.next_sequence)
    )


def with_vetoes(stored: ConsentLedger, unstored: Iterable[ConsentRecord]) -> ConsentLedger:
    """Return what is allowed while ``unstored`` could not be written: what denies counts, what permits does not."""
    ledger = ConsentLedger(unstored)
    last = dict.fromkeys((*ledger.deciding.values(), *ledger.signals.values(), *filter(None, (ledger.declared,))))
    return stored.extended(joining(stored, [record for record in last if not permits(record)]))


def _denied(stored: ConsentLedger, record: ConsentRecord) -> bool:
    """Return whether the profile keeps something that a record which permits would overrule."""
    kind = kind_of(record)
    if kind == "declare":
        return _keeps(stored.declared)
    if kind == "signal":
        return _keeps(stored.signals.get(record.signal or ""))
    signal = None if record.exception is None else stored.signals.get(record.exception)
    return _keeps(stored.deciding.get(record.purpose)) or (signal is not None and forbids(signal, record.purpose))


def _keeps(denial: ConsentRecord | None) -> bool:
    return denial is not None and not permits(denial)
