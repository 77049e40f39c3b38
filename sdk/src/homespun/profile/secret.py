"""Bytes that must not be shown.

A traceback with local variables, a debugger or a crash reporter prints what a frame holds. Keys cross frames
in this box, so that what is printed is the box. It cannot be pickled either: what is pickled is sent to another
process, cached or written to a disk. Non-goal: Python cannot wipe memory, and somebody who can read this
process's memory can read what is inside.
"""

from typing import NoReturn, Self


class Unpicklable:
    """What holds key material; a copy is the thing itself, and pickling it is refused."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"A {type(self).__name__} holds key material and is never pickled; make it where it is used.")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()


class Secret(Unpicklable):
    """Key material; ``reveal`` it in the very expression that uses it, never into a variable."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Hide ``value``."""
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes."""
        return self._value

    def redact(self, text: str) -> str:
        """Return ``text``, an error's for instance, without the usual spellings of the bytes."""
        for spelling in (self._value.hex(), self._value.hex().upper(), repr(self._value)[2:-1]):
            text = text.replace(spelling, "(key)") if spelling else text
        return text

    def __repr__(self) -> str:
        return "Secret(...)"
