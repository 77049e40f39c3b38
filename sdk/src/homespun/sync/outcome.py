"""What an update did, as values: nothing raises into the application.

``str`` of each is a sentence for people.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDate:
    """Nothing newer is to be taken, and that was verified now.

    Attributes:
        release: Number of the release that is installed; None: none of this channel's.
        note: Why no newer one is taken although there is one; empty where there is none.
    """

    release: int | None = None
    note: str = ""

    def __str__(self) -> str:
        """Return the outcome as a sentence."""
        held = "nothing is installed" if self.release is None else f"release {self.release} is installed"
        return f"Up to date: {held}{'; ' if self.note else ''}{self.note}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """Another bundle is installed and in use.

    Attributes:
        release: Its release's number.
        bundle: Its identity.
        previous: Number of the release that was installed before; None: none.
        downloaded: Bytes of its files that were downloaded in this run.
    """

    release: int
    bundle: str
    previous: int | None = None
    downloaded: int = 0

    def __str__(self) -> str:
        """Return the outcome as a sentence."""
        return f"Updated to release {self.release}; {self.downloaded} bytes of its files were downloaded."


@dataclass(frozen=True, slots=True)
class Deferred:
    """Nothing was done, or not all of it, for a reason on this device; it is taken up again.

    Attributes:
        reason: Why, in plain words.
        until: When it is due again, seconds since 1970; None: when the reason is gone.
    """

    reason: str
    until: float | None = None

    def __str__(self) -> str:
        """Return the outcome as a sentence."""
        return f"Deferred: {self.reason}."


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was offered failed a check and is not used; what was installed stays.

    Attributes:
        reason: Which check, in plain words.
        bundle: Identity of the bundle that failed; None: it did not come so far.
    """

    reason: str
    bundle: str | None = None

    def __str__(self) -> str:
        """Return the outcome as a sentence."""
        return f"Rejected: {self.reason}"


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nobody answered, or the answer broke off; what was installed stays.

    Attributes:
        reason: Why, in plain words.
    """

    reason: str

    def __str__(self) -> str:
        """Return the outcome as a sentence."""
        return f"Unreachable: {self.reason}"


Outcome = UpToDate | Updated | Deferred | Rejected | Unreachable
"""What one run did."""
