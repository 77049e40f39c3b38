"""What computed an explanation, in words."""

import numpy as np

from homespun._version import __version__
from homespun.model.runtime import load_onnxruntime

PRECISION = "float32 rows, float64 sums; proposals by 8-bit products"


def runtime_name() -> str:
    """Return the programs that computed scores, with their versions."""
    return f"homespun {__version__}, onnxruntime {load_onnxruntime().__version__}, numpy {np.__version__}"
