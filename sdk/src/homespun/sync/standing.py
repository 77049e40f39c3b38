"""Whether what is known of the repository is still good enough for personal lists. Pure."""

from dataclasses import dataclass

from homespun.sync.offline import OfflinePolicy
from homespun.sync.state import State

_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a device stands with its repository.

    Attributes:
        age_seconds: Seconds since it was last verified that nothing newer is to be taken; None: never.
        expired: Whether the metadata has expired since.
        personal: Whether lists may be personal. Otherwise they are the same for everybody, from the last bundle that
            was verified.
        why: Why they may not, or that the metadata has expired, in plain words; empty where there is nothing to say.
    """

    age_seconds: float | None
    expired: bool
    personal: bool
    why: str = ""


def standing(state: State, policy: OfflinePolicy, now: float) -> Standing:
    """Return how a device stands with its repository.

    Before anything was verified nothing can expire: what the application shipped is as old as the application.

    Args:
        state: What is remembered.
        policy: What follows from expired metadata.
        now: Seconds since 1970; a clock that was set back counts as the latest time at which metadata was valid.
    """
    now = max(now, state.latest)
    age = None if state.verified is None else max(0.0, now - state.verified)
    expired = state.expires is not None and (now >= state.expires or state.stale is not None)
    if state.off is not None:
        why = f"the publisher switched personal lists off: {state.off}"
        return Standing(age_seconds=age, expired=expired, personal=False, why=why)
    if state.expires is None or not expired:
        return Standing(age_seconds=age, expired=False, personal=True)
    personal = policy.kind == "keep" or (policy.kind == "keep_until" and now < state.expires + policy.days * _DAY)
    return Standing(age_seconds=age, expired=True, personal=personal, why=_expired(max(0.0, now - state.expires)))


def _expired(seconds: float) -> str:
    return (
        f"what is known of newer bundles expired {seconds / _DAY:.1f} days ago, and the repository has not been "
        "reached since, or had nothing that is valid"
    )
