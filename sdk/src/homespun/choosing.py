"""Recording grants and declarations, the first of which creates the profile."""

import contextlib
from collections.abc import Callable

from homespun.consent import ConsentLedger, Notice, Purpose
from homespun.custody import Choose, Custody, Records, StorageWithdrawnError
from homespun.errors import ProfileError
from homespun.profile import ProfileStore

Created = Callable[[ProfileStore], None]
"""Told of a profile that was created, before anything but consent is in it."""


def choose_grant(
    ledger: ConsentLedger,
    *,
    purposes: tuple[Purpose, ...],
    notice: Notice,
    now: float,
    surface: str,
    method: str,
    valid_days: float | None,
    exception: str | None,
) -> Records:
    """Return the records of granting purposes."""
    return ledger.grant(
        *purposes,
        notice=notice,
        now=now,
        surface=surface,
        method=method,
        valid_days=valid_days,
        exception=exception,
    )


def granted(custody: Custody, choose: Choose, created: Created) -> bool:
    """Grant; return False if another process withdrew storage in the meantime, and it is to be tried again.

    Raises:
        ProfileError: Nothing was granted.
    """
    custody.look()
    custody.flush()
    custody.look()
    ledger = custody.ledger()
    records = choose(ledger)
    if not ledger.extended(records).may_store:
        custody.unstored += records
        return True
    _finish_due(custody)
    store, is_new = custody.open_or_create()
    try:
        custody.write(store, choose, grants=True)
        if is_new:
            created(store)
    except StorageWithdrawnError:
        return False
    except BaseException:
        if is_new:
            # Nobody agreed to it yet.
            with contextlib.suppress(ProfileError):
                custody.erase()
        raise
    custody.past = ()
    return True


def store_choice(custody: Custody, choose: Choose, created: Created) -> None:
    """Record what the application declares, and create the profile if that allows it.

    Raises:
        ProfileError: It is not recorded.
    """
    while not granted(custody, choose, created):
        continue


def _finish_due(custody: Custody) -> None:
    if custody.due is None:
        return
    try:
        custody.erase()
    except ProfileError as error:
        raise type(error)(
            f"Nothing was granted: storage was withdrawn before, and that profile is not erased yet. {error}"
        ) from error
