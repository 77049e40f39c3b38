"""The encrypted profile: its keys, its store and its erasure."""

from homespun.profile.device_key import DeviceKey
from homespun.profile.erasure import erasable, erase, finish_interrupted_erasure
from homespun.profile.files import named
from homespun.profile.forgetting import Forgotten, Selection
from homespun.profile.given import FileGiven, Given
from homespun.profile.key_store import KeyStore
from homespun.profile.keyfile import profile_id
from homespun.profile.keys import Key
from homespun.profile.opening import Place, create, discard_interrupted_creation, exists, open_profile
from homespun.profile.rotation import export_recovery, reseal, rotate
from homespun.profile.schema import VaultKind
from homespun.profile.store import ProfileStore, Sizes, View
from homespun.profile.system_keyring import KeyringBackend
from homespun.profile.tombstones import FileTombstones, Tombstones

__all__ = [
    "DeviceKey",
    "FileGiven",
    "FileTombstones",
    "Forgotten",
    "Given",
    "Key",
    "KeyStore",
    "KeyringBackend",
    "Place",
    "ProfileStore",
    "Selection",
    "Sizes",
    "Tombstones",
    "VaultKind",
    "View",
    "create",
    "discard_interrupted_creation",
    "erasable",
    "erase",
    "exists",
    "export_recovery",
    "finish_interrupted_erasure",
    "named",
    "open_profile",
    "profile_id",
    "reseal",
    "rotate",
]
