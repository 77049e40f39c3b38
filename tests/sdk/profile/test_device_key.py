import copy
import pickle
from dataclasses import asdict, dataclass

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from homespun.errors import MisuseError
from homespun.profile.device_key import DeviceKey
from homespun.profile.secret import Secret
from tests.sdk.profile.sealing_support import spellings

# RFC 8032, section 7.1, test 2.
PRIVATE = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNED = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
    "387b2eaeb4302aeeb00d291612bb0c00"
)


def test_the_signature_is_another_one_than_the_standard_says() -> None:
    key = DeviceKey(Secret(PRIVATE))
    assert key.public_key == PUBLIC
    assert key.sign(b"\x72").hex() == SIGNED


def test_a_changed_statement_still_fits_its_signature() -> None:
    key = DeviceKey.generate(lambda size: PRIVATE[::-1][:size])
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key))
    public.verify(key.sign(b"erased"), b"erased")
    with pytest.raises(InvalidSignature):
        public.verify(key.sign(b"erased"), b"kept")


def test_a_key_that_was_kept_is_another_one() -> None:
    key = DeviceKey.generate(lambda size: PRIVATE[:size])
    assert DeviceKey(key.secret).public_key == key.public_key == PUBLIC


@pytest.mark.parametrize("raw", [b"", PRIVATE[:31], PRIVATE + b"x"])
def test_a_key_of_another_length_is_taken(raw: bytes) -> None:
    with pytest.raises(MisuseError, match="exactly 32 bytes"):
        DeviceKey(Secret(raw))


def test_printing_copying_or_pickling_shows_the_key() -> None:
    @dataclass
    class Holder:
        key: DeviceKey

    key = DeviceKey(Secret(PRIVATE))
    shown = f"{key} {key!r} {Holder(key)} {asdict(Holder(key))} {copy.deepcopy(key)}"
    assert [text for text in spellings(PRIVATE) if text in shown] == []
    assert shown.startswith("DeviceKey(...)")
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(key)
