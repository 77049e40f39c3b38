"""A host that has its own ideas about how SQLite reads and writes files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from homespun.profile import connections
from homespun.profile.connections import VFS
from tests.sdk.profile.support import EVENTS, created, opened, record, traces

WORDS = [EVENTS[0].item, "watched-wholly", "kitchen-tv"]


class HostsLayer(apsw.VFS):
    """Made the default; beneath it is the encryption, as it would be beneath any layer of a host's."""

    def __init__(self) -> None:
        super().__init__("the host's", VFS, makedefault=True)
        self.opened: list[str] = []

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - apsw's name
        self.opened.append(str(name.filename() if isinstance(name, apsw.URIFilename) else name))
        return apsw.VFSFile(VFS, name, flags)


@pytest.fixture
def layer() -> Iterator[HostsLayer]:
    before = apsw.vfs_names()[0]
    hosts = HostsLayer()
    yield hosts
    hosts.unregister()
    apsw.set_default_vfs(before)


def test_a_hosts_file_layer_has_the_log_written_in_the_clear(tmp_path: Path, layer: HostsLayer) -> None:
    folder = tmp_path / "profile"
    with created(folder) as store:
        record(store, *EVENTS)
        assert traces(folder, WORDS) == []
        assert store.events() == EVENTS
    with opened(folder) as store:
        assert store.events() == EVENTS
    assert layer.opened == []
    # The host's own connections use it all the same.
    apsw.Connection(str(tmp_path / "host.db")).close()
    assert [Path(name).name for name in layer.opened] == ["host.db"]


def test_where_the_encryption_has_another_name_no_connection_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever sets the key says then what is wrong.
    monkeypatch.setattr(connections, "VFS", "multipleciphers-nowhere")
    with created(tmp_path / "profile") as store:
        record(store, *EVENTS)
        assert store.events() == EVENTS
