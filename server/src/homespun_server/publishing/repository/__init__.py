"""The signed repository: bundles and channels as static files that devices verify without trusting who serves them."""

from homespun_server.passphrase import KeyCosts
from homespun_server.publishing.repository.ceremony import Ceremony, KeyUse, Rotation, sign_root
from homespun_server.publishing.repository.key_file import KeyFile
from homespun_server.publishing.repository.keys import Keys, KeyStore
from homespun_server.publishing.repository.publisher import Refreshed
from homespun_server.publishing.repository.removing import Pruned
from homespun_server.publishing.repository.roles import Lifetimes
from homespun_server.publishing.repository.rollout import Entry
from homespun_server.publishing.repository.signed import GRACE, KEEP, PRODUCTION, SignedRepository

__all__ = [
    "GRACE",
    "KEEP",
    "PRODUCTION",
    "Ceremony",
    "Entry",
    "KeyCosts",
    "KeyFile",
    "KeyStore",
    "KeyUse",
    "Keys",
    "Lifetimes",
    "Pruned",
    "Refreshed",
    "Rotation",
    "SignedRepository",
    "sign_root",
]
