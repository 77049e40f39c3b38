"""The most memory that this process ever had resident."""

import sys


def peak_memory() -> int:
    """Return it in bytes."""
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415 - elsewhere the system tells

        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415 - not on Windows

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
