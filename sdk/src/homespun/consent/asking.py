"""What a person still has to be asked: the difference between what is wanted and what they have answered.

Rules: nobody is asked again with words that they said no to. A signal has answered already, and what is declared
strictly necessary is not asked at all. Other words, a term that ended or is about to, and purposes that are new
are asked.
"""

from homespun.consent.history import ConsentHistory
from homespun.consent.purposes import Purpose
from homespun.protocol.consent import ConsentRecord, ShownNotice, kind_of, same_words


def asks(history: ConsentHistory, purpose: Purpose, shown: ShownNotice, now: float, window: float) -> bool:
    """Return whether ``purpose`` is to be asked about with the notice ``shown``.

    Args:
        history: What the person has answered.
        purpose: What is wanted.
        shown: What would be shown.
        now: Seconds since 1970-01-01 UTC.
        window: Seconds before the end of a term from which on its renewal is asked.
    """
    status = history.status_of(purpose, now)
    record = status.decided_by
    if record is None:
        return True
    match kind_of(record):
        case "signal" | "declare":
            return False
        case "refuse" | "withdraw":
            return not _answered(history, purpose, shown)
        case "grant":
            return not status.granted or not same_words(record.notice, shown) or _ends_soon(record, now, window)
        case _:
            return True


def _answered(history: ConsentHistory, purpose: Purpose, shown: ShownNotice) -> bool:
    """Return whether a no was said to these words; one that was said to no words at all is said to any."""
    seen = [record.notice for record in history.records if record.purpose == purpose and record.notice is not None]
    return not seen or any(same_words(notice, shown) for notice in seen)


def _ends_soon(grant: ConsentRecord, now: float, window: float) -> bool:
    if grant.valid_until is None:
        return False
    # A short term would otherwise be asked about from its first day on.
    return now >= grant.valid_until - min(window, (grant.valid_until - grant.time) / 4)
