"""Purposes, notices, consent records and the ledger that decides what is allowed."""

from homespun.consent.history import ConsentHistory, PurposeStatus
from homespun.consent.iso_27560 import Controller, to_27560
from homespun.consent.ledger import ConsentLedger
from homespun.consent.merging import joining, with_vetoes
from homespun.consent.notice import Notice
from homespun.consent.purposes import Purpose
from homespun.consent.remembering import from_remembered, remembered
from homespun.consent.signals import FORBIDS

__all__ = [
    "FORBIDS",
    "ConsentHistory",
    "ConsentLedger",
    "Controller",
    "Notice",
    "Purpose",
    "PurposeStatus",
    "from_remembered",
    "joining",
    "remembered",
    "to_27560",
    "with_vetoes",
]
