"""Helpers for the tests of applications that embed homespun. Nothing here is used by homespun itself.

A repository in memory (``MemoryRepository``), a transport that reads it (``MemoryHttp``), the same over loopback HTTP
(``Loopback``), and what may go wrong on the way (``homespun.testing.faults``) show what an application does when a
bundle is updated, refused or out of reach.
"""

from typing import TYPE_CHECKING, Any

from homespun.testing.clock import FakeClock

if TYPE_CHECKING:
    from homespun.testing.http import MemoryHttp
    from homespun.testing.loopback import Loopback
    from homespun.testing.repository import MemoryRepository

__all__ = ["FakeClock", "Loopback", "MemoryHttp", "MemoryRepository"]


def __getattr__(name: str) -> Any:
    """Import what makes repositories only where it is used: signing takes longer to import than all else."""
    if name == "MemoryRepository":
        from homespun.testing.repository import MemoryRepository  # noqa: PLC0415

        return MemoryRepository
    if name == "MemoryHttp":
        from homespun.testing.http import MemoryHttp  # noqa: PLC0415

        return MemoryHttp
    if name == "Loopback":
        from homespun.testing.loopback import Loopback  # noqa: PLC0415

        return Loopback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
