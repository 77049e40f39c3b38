"""Mechanisms, the budget ledger and releases: the only way from a sum over users to a number that may be used."""
