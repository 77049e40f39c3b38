"""Numbers that tasks, shares and the proof of a report's norm have in common."""

import math
from typing import Final

MODULUS: Final = 4_294_967_291
"""p = 2³² − 5, the largest prime below 2³²: shares are vectors over the integers modulo p."""

LARGEST_SUM = (MODULUS - 1) // 2
"""Largest magnitude that a sum may reach: what is larger would wrap and be read as another number."""

PROJECTIONS = 96
"""Random ±1 projections of a report that are checked."""

NORM_PROOF_DELTA = 2 * PROJECTIONS * math.exp(-32)
"""δ of the check of a report's norm, 2.4·10⁻¹².

With at most this probability an honest report has a projection outside the range that is checked (Hoeffding: one of
``PROJECTIONS`` exceeds eight times the bound with a probability of at most 2e⁻³²), and the device draws anew.
"""
