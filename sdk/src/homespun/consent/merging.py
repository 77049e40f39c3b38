"""Choices that were made where the profile could not be reached, and how they join those that it keeps.

Rules: of two choices whose order nobody knows the more private one wins. So a withdrawal joins as the latest
choice, and counts even before it could be written; a grant does not overrule a withdrawal that the profile
keeps, and counts only once it is written.

Pure, like the ledger.
"""

from collections.abc import Iterable

import msgspec

from homespun.consent.ledger import ConsentLedger
from homespun.protocol.consent import ConsentRecord


def joining(stored: ConsentLedger, unstored: Iterable[ConsentRecord]) -> tuple[ConsentRecord, ...]:
    """Return the unstored records that join those of ``stored``, numbered after them.

    Args:
        stored: What the profile keeps.
        unstored: What it does not, in the order of choosing.
    """
    withdrawn = {purpose for purpose, record in stored.deciding.items() if record.action == "withdraw"}
    kept = [record for record in unstored if record.action == "withdraw" or record.purpose not in withdrawn]
    return tuple(
        msgspec.structs.replace(record, sequence=sequence)
        for sequence, record in enumerate(kept, start=stored.next_sequence)
    )


def with_vetoes(stored: ConsentLedger, unstored: Iterable[ConsentRecord]) -> ConsentLedger:
    """Return what is allowed while ``unstored`` could not be written: its withdrawals count, its grants do not."""
    deciding = ConsentLedger(unstored).deciding.values()
    return stored.extended(joining(stored, [record for record in deciding if record.action == "withdraw"]))
