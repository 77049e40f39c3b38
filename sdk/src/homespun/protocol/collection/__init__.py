"""Collection: devices contribute sums that nobody can take apart.

The words are those of the IETF's DAP: a *task* says what is summed and under which promise (``task``); a *report* is
what one installation adds, split into two shares, one for the *leader* and one for the *helper*; each adds up what
it has, adds its own noise, and hands its sum to the *collector*, who adds both.

Pure, as all of the protocol. Whether a device takes part is decided elsewhere (``homespun.contribute``).
"""
