"""What asks devices, opened in a working directory."""

from homespun_server.compliance.consent.subjects import Subjects
from homespun_server.compliance.keys import ComplianceKeys
from homespun_server.compliance.requests.asking.asking import Asking, OpenRequests
from homespun_server.compliance.requests.asking.devices import Devices, Log
from homespun_server.store import Store
from homespun_server.store.moments import Now, utc_now


def open_asking(store: Store, keys: ComplianceKeys, requests: OpenRequests, log: Log, now: Now = utc_now) -> Asking:
    """Return what asks devices.

    Args:
        store: The store, which stays the caller's to close.
        keys: The compliance keys.
        requests: Knows what is open.
        log: The transparency log of the same store.
        now: Returns the time.
    """
    return Asking(store, Devices(store, keys, Subjects(store, keys), log, now), requests, now)
