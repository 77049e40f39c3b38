"""What homespun is compared with: models of others, tuned on the same validation cases, asked the same cases.

``split`` writes what both sides see, ``running`` starts a peer in its own environment and reads its lists, ``runner``
is what runs there; ``als`` is a peer that lives beside homespun, for what is timed.
"""
