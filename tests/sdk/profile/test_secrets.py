"""A crash reporter that prints local variables must not print what opens the profile."""

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import pytest

from homespun.errors import KeyringUnavailableError, MisuseError
from homespun.profile.device_key import DeviceKey
from homespun.profile.keys import Key
from homespun.profile.recovery import new_recovery
from homespun.profile.sealing import with_recovery
from homespun.profile.secret import Secret
from tests.sdk.profile.sealing_support import RAW, FakeKeyring, counting, raised, report, sealed, spellings

PHRASE = "hunter2-and-more-of-it"


def holders() -> dict[str, Any]:
    return {
        "secret": Secret(RAW),
        "passphrase": Key.passphrase(PHRASE),
        "bytes": Key.bytes(RAW),
        "recovery": Key.recovery(new_recovery(lambda size: RAW[:size])[0]),
        "keyring": Key.keyring("a", backend=FakeKeyring()),
        "ephemeral": Key.ephemeral(),
        "device": DeviceKey(Secret(RAW)),
    }


@pytest.mark.parametrize("holder", holders().values(), ids=holders())
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_holds_a_key_is_pickled(holder: Any, protocol: int) -> None:
    for value in (holder, [holder], {"key": (holder,)}):
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps(value, protocol)
    with pytest.raises(TypeError, match="never pickled"):
        holder.__getstate__()


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, msgspec.to_builtins, vars, dict, bytes])
@pytest.mark.parametrize("holder", holders().values(), ids=holders())
def test_what_holds_a_key_is_written_out(holder: Any, encode: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        encode(holder)


@pytest.mark.parametrize("holder", holders().values(), ids=holders())
def test_what_holds_a_key_is_shown_by_whoever_prints_what_holds_it(holder: Any) -> None:
    @dataclass
    class Configuration:
        key: Any

    mine = Configuration(holder)
    shown = f"{holder} {holder!r} {mine} {vars(mine)} {asdict(mine)} {[holder]} {copy.copy(holder)!r}"
    if isinstance(holder, Key):
        shown += repr(holder._source)
    assert [text for text in (*spellings(RAW), PHRASE) if text in shown] == []
    assert copy.deepcopy(mine).key is holder


def test_another_spelling_of_the_bytes_is_left_in_an_errors_text() -> None:
    secret = Secret(RAW)
    text = f"cannot keep {RAW.hex()}, {RAW.hex().upper()}, {RAW!r}"
    assert secret.redact(text) == "cannot keep (key), (key), b'(key)'"
    assert Secret(b"").redact(text) == text


@pytest.mark.parametrize("kind", ["passphrase", "bytes", "keyring", "recovery"])
def test_a_traceback_shows_a_wrong_key_or_what_it_gives(kind: str) -> None:
    wrong = holders()[kind]
    made = {"passphrase": Key.passphrase("x"), "bytes": Key.bytes(bytes(32))}
    if kind == "keyring":
        file = sealed(wrong)
        backend = wrong.keyring_backend
        backend.entries = dict.fromkeys(backend.entries, RAW.hex())
    elif kind == "recovery":
        file = with_recovery(sealed(Key.bytes(RAW)), Secret(bytes(32)), Secret(bytes(32)), entropy=counting())
    else:
        file = sealed(made[kind])
    slot = file.slot(wrong._source.kind)
    derived = wrong._source.wrapping_key(file, slot).reveal()
    shown = report(raised(lambda: wrong.unseal(file)), __file__)
    assert "wrapping_key" in shown
    assert "Secret(...)" in shown
    assert [text for text in (PHRASE, *spellings(derived), *spellings(RAW)) if text in shown] == []


@pytest.mark.parametrize("typed", [PHRASE + "\ud800", PHRASE.encode()])
def test_a_passphrase_that_is_refused_travels_with_the_error(typed: Any) -> None:
    error = raised(lambda: Key.passphrase(typed))
    assert isinstance(error, MisuseError)
    assert (error.__cause__, error.__context__) == (None, None)
    assert PHRASE not in report(error, __file__)


def test_bytes_that_are_refused_travel_with_the_error() -> None:
    shown = report(raised(lambda: Key.bytes(RAW + RAW)), __file__)
    assert "MisuseError" in shown
    assert [text for text in spellings(RAW) if text in shown] == []


@pytest.mark.parametrize("fault", ["refuse", "forgetful"])
def test_a_keyring_that_refuses_makes_the_secret_travel_with_the_error(fault: str) -> None:
    backend = FakeKeyring()
    setattr(backend, fault, True)
    drawn: list[bytes] = []

    def entropy(size: int) -> bytes:
        drawn.append(bytes(range(40 + len(drawn), 40 + len(drawn) + size)))
        return drawn[-1]

    error = raised(lambda: sealed(Key.keyring("app", backend=backend), entropy=entropy))
    assert isinstance(error, KeyringUnavailableError)
    shown = report(error, __file__)
    (key,) = [secret for secret in drawn if len(secret) == 32]
    assert [text for text in spellings(key) if text in shown] == []


def test_the_report_of_these_tests_shows_nothing_at_all() -> None:
    def leak(secret: bytes) -> None:
        raise MisuseError(f"{len(secret)}")

    error = raised(lambda: exec("leak(RAW)", {"leak": leak, "RAW": RAW}))  # noqa: S102 - a frame of another file
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert any("RAW" in str(frame.locals) for frame in told.stack if frame.filename != __file__)
    assert any(text in report(error, __file__) for text in spellings(RAW))
    assert repr(Secret(RAW)) == str(Secret(RAW)) == "Secret(...)"
