"""The registration: nobody registers somebody else's key or account, and nobody on the way learns the secret."""

import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homespun.errors import AskingError, MisuseError
from homespun.protocol.asking.registration import (
    check_voucher,
    is_vouched,
    make_registration,
    opened_secret,
    parse_registration,
    voucher_of,
)
from homespun.protocol.canonical import canonical
from tests.sdk.protocol.asking.support import (
    ACCOUNT,
    ASKING,
    ASKING_KEY,
    DAY,
    DEVICE,
    NOW,
    RECEIPT_KEY,
    SECRET,
    VOUCHING,
    registration,
)


def test_the_operator_gets_another_secret() -> None:
    assert opened_secret(parse_registration(registration()), ASKING) == SECRET


def test_the_secret_or_the_private_key_leaves_in_the_clear() -> None:
    raw = registration()
    assert SECRET.hex().encode() not in raw
    assert b"r" * 32 not in raw
    assert (b"r" * 32).hex().encode() not in raw


def test_another_operators_key_opens_it() -> None:
    with pytest.raises(AskingError, match="this operator's asking key"):
        opened_secret(parse_registration(registration()), X25519PrivateKey.generate())


@pytest.mark.parametrize("member", ["account", "device", "key", "sealed", "sequence", "voucher"])
def test_something_is_changed_on_the_way(member: str) -> None:
    said = json.loads(registration())
    before = str(said[member])
    other = {"account": "eve@example.org", "sequence": 2, "voucher": f"1.{'0' * 64}"}
    said[member] = other.get(member, before[:-2] + ("00" if before[-2:] != "00" else "11"))
    with pytest.raises(AskingError):
        parse_registration(canonical(said))


def test_a_secret_is_moved_to_another_registration() -> None:
    """Eve takes the sealed secret of Ada's registration into one of her own, whose list entries she cannot read."""
    eve = Ed25519PrivateKey.from_private_bytes(b"e" * 32)
    stolen = json.loads(registration())["sealed"]
    own = json.loads(_made("eve@example.org", eve))
    own["sealed"], own["signature"] = stolen, ""
    del own["signature"]
    own["signature"] = eve.sign(b"homespun registration 1\n" + canonical(own)).hex()
    with pytest.raises(AskingError, match="not sealed"):
        opened_secret(parse_registration(canonical(own)), ASKING)


def _made(account: str, key: Ed25519PrivateKey) -> bytes:
    return make_registration(
        account,
        voucher_of(VOUCHING, account, NOW + DAY),
        device=DEVICE.hex(),
        sequence=1,
        secret=SECRET,
        asking_key=ASKING_KEY,
        key=key.public_key().public_bytes_raw().hex(),
        sign=key.sign,
    )


def test_a_voucher_of_another_account_is_taken() -> None:
    theirs = voucher_of(VOUCHING, "eve@example.org", NOW + DAY)
    found = parse_registration(registration(voucher=theirs))
    with pytest.raises(AskingError, match="log in again"):
        check_voucher(VOUCHING, found, NOW)


def test_a_name_that_installations_draw_is_vouched_for() -> None:
    with pytest.raises(MisuseError, match="account-"):
        voucher_of(bytes(32), "9f" * 16, 4_000_000_000)
    # Nor is one taken that another program made.
    message = b"homespun voucher 1\n" + canonical(["9f" * 16, 4_000_000_000])
    made = f"4000000000.{hmac.digest(bytes(32), message, 'sha256').hex()}"
    assert not is_vouched(bytes(32), "9f" * 16, made, 1.0)
    longer = voucher_of(bytes(32), "account-" + "9f" * 16, 4_000_000_000)
    assert is_vouched(bytes(32), "account-" + "9f" * 16, longer, 1.0)


def test_a_voucher_lives_longer_than_it_says() -> None:
    found = parse_registration(registration())
    check_voucher(VOUCHING, found, NOW + DAY - 1)
    with pytest.raises(AskingError, match="is over"):
        check_voucher(VOUCHING, found, NOW + DAY)


def test_something_that_is_no_account_is_registered() -> None:
    with pytest.raises(MisuseError, match="cannot be registered"):
        registration(account="line\nbreak")
    with pytest.raises(MisuseError, match="64 hexadecimal digits"):
        make_registration(
            ACCOUNT,
            voucher_of(VOUCHING, ACCOUNT, NOW),
            device=DEVICE.hex(),
            sequence=1,
            secret=SECRET,
            asking_key="none",
            key=RECEIPT_KEY,
            sign=lambda _: b"",
        )
