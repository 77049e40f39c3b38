"""Numbers that tasks, shares and the proof of a report's norm have in common."""

import math
from typing import Final

MODULUS: Final = 4_294_967_291
"""p = 2³² − 5, the largest prime below 2³²: shares are vectors over the integers modulo p."""

LARGEST_SUM = (MODULUS - 1) // 2
"""Largest magnitude that a sum may reach: what is larger would wrap and be read as another number."""

COLUMN_SUBSETS = 112
"""Random halves of the columns of a report, laid out as a matrix, that its check looks at."""

ROW_SUBSETS = 4
"""Random halves of the rows that are looked at for each half of the columns."""

PROJECTIONS = COLUMN_SUBSETS * ROW_SUBSETS
"""Random projections of a report that are checked."""

TAIL = 8
"""A projection may be so many times the bound on a report's norm."""

NORM_PROOF_DELTA = 2 * PROJECTIONS * math.exp(-(TAIL**2) / 2)
"""δ of the check of a report's norm, 1.1·10⁻¹¹.

With at most this probability an honest report has a projection outside the range that is checked (Hoeffding: a sum of
the report's numbers with independent random signs exceeds t times its norm with a probability of at most 2e^{−t²/2}),
and the device draws anew.
"""

MAX_DELTA = 1e-3
"""Largest δ that a task may promise: so often the promise may fail altogether."""
