"""A crash reporter that prints local variables must not print what opens the profile."""

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from homespun.errors import HomespunError, MisuseError
from homespun.profile import Key, ProfileStore
from homespun.profile.keyfile import read_key_file
from homespun.profile.secret import Secret
from tests.sdk.profile.support import EVENTS, QUICK, RAW, FakeKeyring, contents

PHRASE = "hunter2-and-more-of-it"


def report(error: BaseException) -> str:
    """What a crash reporter sends, without the lines of this test, which knows the secrets of course."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown: list[str] = []
    cause: traceback.TracebackException | None = told
    while cause is not None:
        frames = [frame for frame in cause.stack if frame.filename != __file__]
        shown += [f"{frame.name}: {frame.locals}" for frame in frames] + list(cause.format_exception_only())
        cause = cause.__cause__ or cause.__context__
    return "\n".join(shown)


def raised(use: Callable[[], object]) -> HomespunError:
    with pytest.raises(HomespunError) as caught:
        use()
    return caught.value


def spellings(secret: bytes) -> list[str]:
    return [secret.hex(), repr(secret)[2:-1]]


def kinds() -> dict[str, Key]:
    backend = FakeKeyring()
    return {"passphrase": Key.passphrase(PHRASE), "bytes": Key.bytes(RAW), "keyring": Key.keyring("a", backend=backend)}


@pytest.mark.parametrize("kind", ["passphrase", "bytes", "keyring"])
def test_a_traceback_shows_the_keys_of_a_damaged_profile(tmp_path: Path, kind: str) -> None:
    folder, key = tmp_path / "profile", kinds()[kind]
    with ProfileStore.create(folder, key, settings=QUICK) as store:
        store.add_events(EVENTS)
    file = read_key_file(folder)
    assert key._source is not None
    secrets = [key.unseal(file).reveal(), key._source.wrapping_key(file).reveal(), PHRASE.encode(), RAW]
    damaged = bytearray(contents(folder)["profile.db"])
    damaged[5000] ^= 1
    (folder / "profile.db").write_bytes(damaged)
    shown = report(raised(lambda: ProfileStore.open(folder, key, settings=QUICK)))
    assert "Secret(...)" in shown
    assert [text for secret in secrets for text in spellings(secret) if text in shown] == []


def test_a_traceback_shows_a_wrong_passphrase_or_what_it_gives(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    ProfileStore.create(folder, Key.passphrase(PHRASE), settings=QUICK).close()
    typed = "hunter2-and-more-of-ti"
    wrong = Key.passphrase(typed)
    assert wrong._source is not None
    derived = wrong._source.wrapping_key(read_key_file(folder)).reveal()
    shown = report(raised(lambda: ProfileStore.open(folder, wrong, settings=QUICK)))
    assert "wrapping_key" in shown
    assert [text for text in (typed, *spellings(derived)) if text in shown] == []


def test_a_passphrase_that_cannot_be_encoded_travels_with_the_error() -> None:
    error = raised(lambda: Key.passphrase(PHRASE + "\ud800"))
    assert isinstance(error, MisuseError)
    assert (error.__cause__, error.__context__) == (None, None)
    assert PHRASE not in str(error)


def test_a_keyring_that_refuses_makes_the_secret_travel_with_the_error(tmp_path: Path) -> None:
    backend = FakeKeyring()
    backend.forgetful = True
    drawn: list[bytes] = []

    def entropy(size: int) -> bytes:
        drawn.append(bytes(range(40 + len(drawn), 40 + len(drawn) + size)))
        return drawn[-1]

    key = Key.keyring("app", backend=backend)
    shown = report(raised(lambda: ProfileStore.create(tmp_path / "profile", key, settings=QUICK, entropy=entropy)))
    keys = [secret for secret in drawn if len(secret) == 32]
    assert len(keys) == 2
    assert [text for secret in keys for text in spellings(secret) if text in shown] == []


def test_the_report_of_this_test_shows_nothing_at_all() -> None:
    def leak(secret: bytes) -> None:
        raise MisuseError(f"{len(secret)}")

    error = raised(lambda: exec("leak(RAW)", {"leak": leak, "RAW": RAW}))  # noqa: S102 - a frame of another file
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert any("RAW" in str(frame.locals) for frame in told.stack if frame.filename != __file__)
    assert repr(Secret(RAW)) == str(Secret(RAW)) == "Secret(...)"
