from pathlib import Path

import apsw
import pytest

from homespun.errors import ProfileBusyError
from homespun.profile import Key, Place, create, erase, open_profile
from homespun.profile import lock as lock_module
from homespun.profile.keyfile import KeyFile, KeyFile1
from homespun.profile.lock import FolderLock
from homespun.profile.secret import Secret
from tests.sdk.profile.support import EVENTS, NOW, QUICK, RAW, raw_key


def test_many_share_and_one_excludes(tmp_path: Path) -> None:
    with FolderLock.shared(tmp_path, 0), FolderLock.shared(tmp_path, 0), pytest.raises(ProfileBusyError):
        FolderLock.exclusive(tmp_path, 0)
    with FolderLock.exclusive(tmp_path, 0):
        for other in (FolderLock.shared, FolderLock.exclusive):
            with pytest.raises(ProfileBusyError):
                other(tmp_path, 0)
    FolderLock.exclusive(tmp_path, 0).release()


def test_the_lock_writes_nothing_and_leaves_nothing_when_removed(tmp_path: Path) -> None:
    lock = FolderLock.exclusive(tmp_path, 0)
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [("profile.lock", 0)]
    lock.release(remove=True)
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_an_erasure_removed_excludes_somebody_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = lock_module._locked
    removed: list[Path] = []

    def lose_the_first(path: Path, wait_ms: int, statement: str) -> apsw.Connection:
        connection = locked(path, wait_ms, statement)
        if not removed:
            try:
                path.unlink()
            except PermissionError:
                connection.close()
                pytest.skip("open files cannot be removed here, so this cannot happen")
            removed.append(path)
        return connection

    monkeypatch.setattr(lock_module, "_locked", lose_the_first)
    with FolderLock.exclusive(tmp_path, 0), pytest.raises(ProfileBusyError):
        FolderLock.exclusive(tmp_path, 0)


def test_a_lock_file_that_keeps_disappearing_ends_in_an_error_and_not_in_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "_was_removed", lambda connection: True)
    with pytest.raises(ProfileBusyError):
        FolderLock.shared(tmp_path, 0)


def test_a_profile_that_was_replaced_while_its_key_was_derived_is_not_called_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    place = Place(folder, raw_key(), QUICK)

    class Overtaken(Key):
        def unseal(self, file: KeyFile | KeyFile1) -> Secret:
            erase(folder, None)
            create(place, NOW).close()
            return super().unseal(file)

    with create(place, NOW) as store:
        store.add_events_if(lambda _: True, EVENTS, NOW)
    with pytest.raises(ProfileBusyError, match="try again"):
        open_profile(Place(folder, Overtaken.bytes(RAW), QUICK), NOW)
    with open_profile(place, NOW) as store:
        assert store.events() == []
