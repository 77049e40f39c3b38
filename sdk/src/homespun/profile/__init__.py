"""The encrypted profile: its keys, its store and its erasure."""

from homespun.profile.erasure import erasable, erase, finish_interrupted_erasure
from homespun.profile.files import named
from homespun.profile.keyfile import profile_id
from homespun.profile.keys import Key
from homespun.profile.store import ProfileStore, Sizes
from homespun.profile.system_keyring import KeyringBackend

__all__ = [
    "Key",
    "KeyringBackend",
    "ProfileStore",
    "Sizes",
    "erasable",
    "erase",
    "finish_interrupted_erasure",
    "named",
    "profile_id",
]
