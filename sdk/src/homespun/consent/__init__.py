"""Purposes, notices, consent records and the ledger that decides what is allowed."""

from homespun.consent.ledger import ConsentLedger, PurposeStatus
from homespun.consent.merging import joining, with_vetoes
from homespun.consent.notice import Notice
from homespun.consent.purposes import Purpose

__all__ = ["ConsentLedger", "Notice", "Purpose", "PurposeStatus", "joining", "with_vetoes"]
