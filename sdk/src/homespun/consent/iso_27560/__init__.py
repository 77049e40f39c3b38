"""The ledger's records as ISO/IEC TS 27560 in the DPV profile, for other programs and for auditors.

Rules: one record a purpose, with all that happened to it: grants, refusals, withdrawals, expiries, and the signals
and declarations that concern it. What decides is the ledger; this is a rendering of it, which is not read back.
"""

from homespun.consent.iso_27560.controller import Controller
from homespun.consent.iso_27560.document import to_27560

__all__ = ["Controller", "to_27560"]
