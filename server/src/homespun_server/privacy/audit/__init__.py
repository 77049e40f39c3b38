"""Attacks on the releases of this very build: what they can show of people must stay under what is claimed.

``bound`` and ``design`` are the mathematics of the one-run audit, ``canaries`` its synthetic people, ``run`` the
audit itself; ``membership`` is the mathematics of membership inference. Nothing here is needed to make a release.
"""
