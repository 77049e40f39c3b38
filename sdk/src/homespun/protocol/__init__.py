"""What both sides speak: events, statistics, the bundle's manifest and model contract, records, receipts.

Pure: no input or output, no clock, no randomness. Every stored or sent artefact carries a schema
version. Reals in hashed JSON are decimal strings, so that no two writers can disagree about them.
"""
