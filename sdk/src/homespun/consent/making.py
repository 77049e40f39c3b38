"""Records in the making: numbered after those that there are, one for each purpose."""

from collections.abc import Iterable
from typing import Any

from homespun.consent.notice import Notice
from homespun.errors import MisuseError
from homespun.protocol.consent import Action, ConsentRecord, ShownNotice


def records_of(  # noqa: D417 - fields are the record's own
    action: Action, purposes: Iterable[str], first: int, surface: str, method: str, now: float, **fields: Any
) -> tuple[ConsentRecord, ...]:
    """Return one record for each purpose; repetitions count once.

    Args:
        action: What they do.
        purposes: What they are about.
        first: The first one's sequence number.
        surface: Where it was done.
        method: How it was done.
        now: Seconds since 1970-01-01 UTC.
    """
    return tuple(
        ConsentRecord(
            sequence=sequence,
            purpose=str(purpose),
            action=action,
            notice=fields.get("notice"),
            surface=surface,
            method=method,
            time=float(now),
            **{name: value for name, value in fields.items() if name != "notice"},
        )
        for sequence, purpose in enumerate(dict.fromkeys(purposes), start=first)
    )


def shown(notice: Notice) -> ShownNotice:
    """Return a notice as records keep it.

    Raises:
        MisuseError: It is no notice.
    """
    if not isinstance(notice, Notice):
        raise MisuseError("consent needs the notice that the person saw: notice=Notice('...').")
    return notice.shown()
