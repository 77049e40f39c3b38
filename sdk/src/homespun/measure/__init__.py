"""Experiments on this device: which variant its person meets, and what is counted of what comes of it.

Rules:

- Nothing is assigned, counted or kept without ``Purpose.MEASUREMENT`` and storage, in a private session, or while the
  person paused, restricted or objected (the part ``EXPERIMENTS`` of the register). Withdrawing clears all of it.
- The variant follows from the device's secret and the definition; it is not drawn, and nobody is told.
- A person meets a variant when a list was really made by it. What comes before counts nothing.
- What is kept are counts by day, capped, and the items of the latest lists, by which an event is known to be about one
  of them. All of it stays in the profile. What leaves is one bounded vector a task, by ``homespun.contribute``.

No experiment is analysed here, and nothing is fetched.
"""
