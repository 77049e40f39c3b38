"""Asking devices: how the operator answers a person's request for what lies on that person's devices alone.

A device *registers* for an account, with the person's agreement (``registration``). Open requests go to all devices as
one encrypted *list* (``listing``), in which a device finds what is meant for it by tags that it alone can compute. What
was done comes back as a *device receipt*, signed with the key that was registered (``receipt``).

Pure, as all of the protocol: what is drawn by chance, and the time, are given by whoever calls.
"""
