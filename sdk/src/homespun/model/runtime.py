"""Imports onnxruntime without letting it report home.

Since its version 1.3x onnxruntime keeps a device id in the user's cache folder and sends usage events, from the
moment of its import, unless the environment variable below is set; its own switch in Python comes too late
for that. This is the one place where homespun touches the environment, and it only ever turns something off.
"""

import os
import sys
import warnings
from types import ModuleType

_SWITCH = "ORT_DISABLE_TELEMETRY"


def load_onnxruntime() -> ModuleType:
    """Return the module onnxruntime with its telemetry off, imported on first use because it takes longest.

    Warns:
        UserWarning: If something else imported onnxruntime first, without the switch: then it is too late.
    """
    if "onnxruntime" not in sys.modules:
        os.environ[_SWITCH] = "1"
    elif os.environ.get(_SWITCH) != "1":
        warnings.warn(
            "onnxruntime was imported before homespun could turn its telemetry off, so it may have written a device "
            f"id and may send usage events. Set {_SWITCH}=1 in the environment, or open a bundle before importing it.",
            stacklevel=2,
        )
    import onnxruntime as module  # noqa: PLC0415 - see the docstring

    module.disable_telemetry_events()
    imported: ModuleType = module
    return imported
