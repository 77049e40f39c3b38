"""What an audit bundle holds of single consents where that is asked for: personal data, under pseudonyms."""

from homespun.protocol.canonical import canonical
from homespun_server.compliance.audit.contents import CONSENT_EVENTS, Opened, plain
from homespun_server.compliance.log import TransparencyLog
from homespun_server.compliance.log.log import MAX_ENTRIES


def events(log: TransparencyLog, size: int) -> dict[str, bytes]:
    """Return what opens the entries of all consent events that were not erased.

    Args:
        log: The log.
        size: The size of the signed checkpoint.
    """
    found, after = bytearray(), -1
    while entries := log.entries(after=after, limit=min(MAX_ENTRIES, size - after - 1)):
        after = entries[-1].index
        for each in entries:
            opening = each.opening
            if each.kind == "consent" and opening is not None and opening.subject is not None:
                shown = Opened(index=each.index, salt=opening.salt.hex(), content=opening.content.decode())
                found += canonical(plain(shown)) + b"\n"
    return {CONSENT_EVENTS: bytes(found)}
