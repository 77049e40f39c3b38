"""What is claimed, or written down, that is not so."""

import time
from decimal import Decimal
from pathlib import Path

import pytest

from homespun import Key, Notice, Personalizer, Purpose, Settings
from homespun.errors import LostKeyError
from homespun.profile import erase
from tests.sdk.profile.support import FakeKeyring

SETTINGS = Settings(busy_timeout_ms=200, argon2_memory_kib=8 * 1024, argon2_iterations=1, argon2_lanes=1)
NOTICE = Notice("It is kept encrypted on this computer.")
ITEM = "tt1375666"


def opened(folder: Path | None, key: Key) -> Personalizer:
    me = Personalizer.open(folder, key=key, settings=SETTINGS)
    me.consent.grant(*Purpose, notice=NOTICE)
    assert me.record(ITEM, "rate", weight=9.0)
    return me


def queued(me: Personalizer) -> int:
    entry = me._home.egress.queue(
        "item-counts/1", b"sum", purpose="contribution", destination="https://a.example", epsilon=Decimal("0.5")
    )
    return entry.sequence


def test_an_erasure_without_the_index_claims_that_a_key_which_was_inside_once_is_destroyed(tmp_path: Path) -> None:
    ring, folder = FakeKeyring(), tmp_path / "profile"
    with opened(folder, Key.keyring("app", backend=ring)) as me:
        me.keys.export_recovery()
        me.keys.revoke_recovery()
    levels = {store.store: store.level for store in erase(folder, None, keyring=ring).stores}
    assert levels["events"] == levels["state"] == "logical"


def test_an_erasure_without_the_index_claims_less_of_a_key_that_was_never_inside(tmp_path: Path) -> None:
    ring, folder = FakeKeyring(), tmp_path / "profile"
    opened(folder, Key.keyring("app", backend=ring)).close()
    levels = {store.store: store.level for store in erase(folder, None, keyring=ring).stores}
    assert levels["events"] == levels["state"] == "key_destroyed"


def test_a_private_session_leaves_its_trace_in_the_ledger_and_drops_what_waits() -> None:
    with opened(None, Key.ephemeral()) as me:
        sequence, before = queued(me), me.ledger.entries()
        with me.controls.private_session():
            assert me._home.egress.send_pending().problem is not None
        assert me.ledger.entries() == before
        assert me.ledger.payload(sequence) == b"sum"


def test_what_waits_to_leave_outlives_the_events_that_it_was_made_from() -> None:
    with opened(None, Key.ephemeral()) as me:
        sequence = queued(me)
        me.erase(item=ITEM)
        assert me.ledger.payload(sequence) is None
        assert me.ledger.pending() == ()


def test_a_lost_key_keeps_the_person_from_erasing(tmp_path: Path) -> None:
    ring, folder = FakeKeyring(), tmp_path / "profile"
    opened(folder, Key.keyring("app", backend=ring)).close()
    for service, username in [*ring.entries]:
        if "/epoch-" in username:
            del ring.entries[service, username]
    later = time.time() + 7200
    with Personalizer.open(folder, key=Key.keyring("app", backend=ring), settings=SETTINGS, clock=lambda: later) as me:
        with pytest.raises(LostKeyError, match="recovery key"):
            me.events()
        assert me.consent.withdraw(Purpose.DEVICE_STORAGE).receipt is not None
    assert not folder.exists()
