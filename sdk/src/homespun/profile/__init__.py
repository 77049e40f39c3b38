"""The encrypted profile: its keys, its store and its erasure."""

from homespun.profile.erasure import erase, finish_interrupted_erasure
from homespun.profile.keyfile import profile_id
from homespun.profile.keys import Key
from homespun.profile.store import ProfileStore, Sizes
from homespun.profile.system_keyring import KeyringBackend

__all__ = [
    "Key",
    "KeyringBackend",
    "ProfileStore",
    "Sizes",
    "erase",
    "finish_interrupted_erasure",
    "profile_id",
]
