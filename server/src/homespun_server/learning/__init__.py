"""From people's interactions to a bundle: releases, terms trained from them, a blend, and a model of both.

Options are plain values, which the operator fixed before data was seen. Options that were chosen by something name it
in ``FitOptions.chosen_by``, and the bundle then comes from that too.
"""

from homespun_server.learning.data import FitData
from homespun_server.learning.fitting import Learned, learn, make_bundle
from homespun_server.learning.options import FitOptions
from homespun_server.learning.validation import Validation
from homespun_server.learning.writing import release_metrics, write, write_whole

__all__ = [
    "FitData",
    "FitOptions",
    "Learned",
    "Validation",
    "learn",
    "make_bundle",
    "release_metrics",
    "write",
    "write_whole",
]
