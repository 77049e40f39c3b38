"""Learns a blend from people's requests: exact, so whatever is learned here is marked non-private."""
