"""Bytes that must not be shown.

A traceback with local variables, a debugger or a crash reporter prints what a frame holds. Keys cross frames
in this box, so that what is printed is the box. Non-goal: Python cannot wipe memory, and somebody who can
read this process's memory can read what is inside.
"""


class Secret:
    """Key material; ``reveal`` it in the very expression that uses it, never into a variable."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Hide ``value``."""
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"
