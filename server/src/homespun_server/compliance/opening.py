"""What compliance works with, opened in one place for the console, the API and the commands."""

from dataclasses import dataclass

from homespun_server.compliance.consent import ConsentLedger
from homespun_server.compliance.keys import FILE, ComplianceKeys, open_compliance_keys
from homespun_server.compliance.log import TransparencyLog, open_log
from homespun_server.compliance.requests.asking import Asking
from homespun_server.compliance.requests.asking.opening import open_asking
from homespun_server.compliance.requests.opening import Desk, open_desk
from homespun_server.settings import ServerSettings
from homespun_server.store import Store
from homespun_server.store.moments import Now, utc_now


@dataclass(frozen=True, kw_only=True)
class Compliance:
    """What compliance works with.

    Attributes:
        keys: Its secrets.
        log: The transparency log.
        consents: The consent ledger.
        requests: What works on requests of people.
        asking: Asks devices.
    """

    keys: ComplianceKeys
    log: TransparencyLog
    consents: ConsentLedger
    requests: Desk
    asking: Asking


def open_compliance(settings: ServerSettings, store: Store, now: Now = utc_now) -> Compliance | None:
    """Open what compliance works with, in a working directory.

    Args:
        settings: The working directory's settings.
        store: Its store, which stays the caller's to close.
        now: Returns the time.

    Returns:
        None if there are no compliance keys, or nobody gave the passphrase that opens them.

    Raises:
        SettingsError: The keys' file is none.
        SigningKeyError: The passphrase is wrong, or the file was changed.
    """
    if settings.passphrase is None or not (settings.keys / FILE).exists():
        return None
    keys = open_compliance_keys(settings)
    log = open_log(settings, store, keys, now)
    desk = open_desk(settings, store, keys, log, now=now)
    return Compliance(
        keys=keys,
        log=log,
        consents=ConsentLedger(store, keys, log, now),
        requests=desk,
        asking=open_asking(store, keys, desk.requests, log, now),
    )
