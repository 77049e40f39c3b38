"""What applications test their updates with behaves otherwise than a server of a signed repository."""

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from tuf.api.metadata import Metadata, Root, Snapshot, Timestamp

import homespun.testing
from homespun.errors import ChannelError, MisuseError, TransportError
from homespun.protocol.channel import MAX_RELEASES, SHARES, document_path, encode_channel, file_path, parse_channel
from homespun.testing import FakeClock, Loopback, MemoryHttp, MemoryRepository, faults
from homespun.testing.answers import PIECE, Fault, Request
from homespun.testing.repository import CHANNEL

FILES = {"metadata/timestamp.json": b"{}", "targets/a/b.bin": bytes(range(256)) * 100, "empty": b""}
Get = Callable[..., tuple[int, dict[str, str], bytes]]


class Held:
    """Files alone."""

    files = FILES


class Server:
    """Either kind, asked the same way."""

    def __init__(self, url: str, get: Get, faults: dict[str, Fault], requests: list[Request]) -> None:
        self.url = url
        self.get = get
        self.faults = faults
        self.requests = requests


@contextmanager
def memory() -> Iterator[Server]:
    http = MemoryHttp(Held())

    def get(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        reply = http.get(http.url + path, {name.replace("_", "-"): value for name, value in headers.items()})
        try:
            return reply.status, dict(reply.headers), b"".join(reply.chunks())
        finally:
            reply.close()

    yield Server(http.url, get, http.faults, http.requests)
    http.close()


@contextmanager
def loopback() -> Iterator[Server]:
    with Loopback(FILES) as server, urllib3.PoolManager(retries=False) as pool:

        def get(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            try:
                with pool.request(
                    "GET", server.url + path, headers=fields, preload_content=False, redirect=False
                ) as reply:
                    content = b"".join(reply.stream(decode_content=False))
                    return reply.status, {name.lower(): value for name, value in reply.headers.items()}, content
            except urllib3.exceptions.HTTPError as error:
                raise TransportError(str(error)) from error

        yield Server(server.url, get, server.faults, server.requests)


@pytest.fixture(params=[memory, loopback], ids=["memory", "loopback"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param() as found:
        yield found


def test_a_file_arrives_otherwise_than_it_is(server: Server) -> None:
    for path, content in FILES.items():
        status, headers, body = server.get(path)
        assert (status, body) == (200, content)
        assert int(headers["content-length"]) == len(content)
    assert server.get("nothing")[0] == 404
    assert [request.path for request in server.requests] == [*FILES, "nothing"]


def test_a_file_that_did_not_change_is_sent_again(server: Server) -> None:
    _, headers, _ = server.get("targets/a/b.bin")
    assert server.get("targets/a/b.bin", If_None_Match=headers["etag"])[::2] == (304, b"")
    assert server.get("metadata/timestamp.json", If_None_Match=headers["etag"])[0] == 200
    assert server.requests[1].headers["if-none-match"] == headers["etag"]


def test_a_part_is_another_one(server: Server) -> None:
    content = FILES["targets/a/b.bin"]
    status, headers, body = server.get("targets/a/b.bin", Range=f"bytes={PIECE + 3}-")
    assert (status, body) == (206, content[PIECE + 3 :])
    assert headers["content-range"] == f"bytes {PIECE + 3}-{len(content) - 1}/{len(content)}"
    assert server.get("targets/a/b.bin", Range=f"bytes={len(content)}-")[0] == 416
    assert server.get("targets/a/b.bin", Range="bytes=5-", If_Range='"another"')[0] == 200
    assert server.get("targets/a/b.bin", Range="bytes=5-", If_Range=headers["etag"])[0] == 206
    assert server.get("targets/a/b.bin", Range="bytes=1-2")[0] == 200


def test_a_fault_befalls_other_files_or_none(server: Server) -> None:
    server.faults["targets/*"] = faults.status(500)
    assert server.get("targets/a/b.bin")[0] == 500
    assert server.get("metadata/timestamp.json")[0] == 200


def test_a_body_that_breaks_off_passes_for_a_whole_one(server: Server) -> None:
    for fault in (faults.short(100), faults.wrong_length(10**9), faults.dropped()):
        server.faults["targets/*"] = fault
        with pytest.raises(TransportError):
            server.get("targets/a/b.bin")
    server.faults["targets/*"] = faults.wrong_length(100)
    assert len(server.get("targets/a/b.bin")[2]) == 100


def test_other_bytes_are_sent_than_asked_for(server: Server) -> None:
    server.faults["*"] = faults.replaced(b"other")
    assert server.get("targets/a/b.bin", Range="bytes=5-")[::2] == (200, b"other")
    server.faults["*"] = faults.appended(b"more")
    assert server.get("metadata/timestamp.json")[2] == b"{}more"
    server.faults["*"] = faults.encoded("gzip")
    _, headers, body = server.get("metadata/timestamp.json")
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == b"{}"
    server.faults["*"] = faults.redirect("https://elsewhere.example/")
    status, headers, _ = server.get("metadata/timestamp.json")
    assert (status, headers["location"]) == (302, "https://elsewhere.example/")


def test_a_slow_body_comes_at_once(server: Server) -> None:
    ticks: list[int] = []
    server.faults["*"] = faults.slow(lambda: ticks.append(1), size=100)
    assert server.get("targets/a/b.bin")[2] == FILES["targets/a/b.bin"]
    assert len(ticks) == sum(-(-len(FILES["targets/a/b.bin"][at : at + PIECE]) // 100) for at in (0, PIECE))


def test_an_endless_body_keeps_the_server_for_ever() -> None:
    with Loopback(FILES, faults={"*": faults.endless()}) as server, urllib3.PoolManager(retries=False) as pool:
        reply = pool.request("GET", server.url + "empty", preload_content=False)
        assert len(reply.read(1 << 20)) == 1 << 20
    # The block is left while the server still sends: it hangs up.
    reply.close()
    with pytest.raises(RuntimeError, match="not running"):
        assert server.url
    http = MemoryHttp(Held(), faults={"*": faults.endless(b"x" * 10)})
    chunks = http.get(http.url + "empty", {}).chunks()
    assert [len(next(chunks)) for _ in range(100)] == [10] * 100


def test_a_request_elsewhere_or_without_a_connection_is_answered() -> None:
    http = MemoryHttp(Held())
    with pytest.raises(TransportError) as elsewhere:
        http.get("https://elsewhere.example/x", {})
    http.online = False
    with pytest.raises(TransportError) as offline:
        http.get(http.url + "empty", {"A": "b"})
    assert not elsewhere.value.may_have_left
    assert not offline.value.may_have_left
    assert http.requests == [Request("https://elsewhere.example/x", {}), Request("empty", {"a": "b"})]


def test_a_closed_answer_is_read_on() -> None:
    http = MemoryHttp(Held())
    reply = http.get(http.url + "empty", {})
    reply.close()
    reply.close()
    assert reply.closed
    assert list(reply.chunks()) == []


# The repository


def made(seed: int = 0) -> MemoryRepository:
    return MemoryRepository(now=FakeClock(), entropy=random.Random(seed).randbytes)


def test_the_same_entropy_and_time_make_another_repository(bundle_folder: Path) -> None:
    found = []
    for seed in (0, 0, 1):
        repository = made(seed)
        repository.release(bundle_folder, share=5)
        repository.rotate_root()
        found.append(repository.files)
    assert found[0] == found[1]
    assert found[0]["metadata/1.root.json"] != found[2]["metadata/1.root.json"]


def test_a_release_is_not_where_devices_look_for_it(bundle_folder: Path) -> None:
    repository = made()
    release = repository.release(bundle_folder, note="first")
    targets = repository.targets()
    assert parse_channel(targets[document_path(CHANNEL)], CHANNEL).releases == (release,)
    assert targets[document_path(CHANNEL)] == encode_channel(repository.document())
    manifest = (bundle_folder / "manifest.json").read_bytes()
    assert targets[file_path(CHANNEL, release.bundle, "manifest.json")] == manifest
    for name, entry in json.loads(manifest)["files"].items():
        assert len(targets[file_path(CHANNEL, entry["sha256"], name)]) == entry["size"]
        path = f"targets/{CHANNEL}/{entry['sha256']}/{entry['sha256']}.{name}"
        assert repository.files[path] == (bundle_folder / name).read_bytes()
    assert release.size == sum(path.stat().st_size for path in bundle_folder.iterdir())


def test_metadata_is_not_signed_by_who_should(bundle_folder: Path) -> None:
    repository = made()
    repository.release(bundle_folder)
    root = Metadata[Root].from_bytes(repository.root)
    root.verify_delegate("root", root)
    timestamp = Metadata[Timestamp].from_bytes(repository.files["metadata/timestamp.json"])
    root.verify_delegate("timestamp", timestamp)
    version = timestamp.signed.snapshot_meta.version
    raw = repository.files[f"metadata/{version}.snapshot.json"]
    timestamp.signed.snapshot_meta.verify_length_and_hashes(raw)
    meta = Metadata[Snapshot].from_bytes(raw).signed.meta
    assert set(meta) == {"targets.json", "films.production.json"}
    for name, entry in meta.items():
        entry.verify_length_and_hashes(repository.files[f"metadata/{entry.version}.{name}"])


def test_a_rollout_is_steered_otherwise_than_told(bundle_folder: Path) -> None:
    repository = made()
    first = repository.release(bundle_folder)
    second = repository.release(bundle_folder, share=100, minimum_client="1.2")
    repository.pause(2)
    assert [release.paused for release in repository.document().releases] == [False, True]
    repository.resume(2)
    repository.set_share(2, SHARES)
    assert repository.document().releases[1].share == SHARES
    third = repository.rollback(1, note="worse")
    assert (third.number, third.bundle, third.returns_to) == (3, first.bundle, 1)
    assert second.salt != first.salt
    repository.off("incident 12")
    assert repository.document().off == "incident 12"
    repository.on()
    assert repository.document().off is None
    for wrong in (0, 4):
        with pytest.raises(MisuseError, match="no release"):
            repository.pause(wrong)
    with pytest.raises(MisuseError, match="no channel"):
        repository.off("x", channel="films/canary")
    with pytest.raises(ChannelError):
        repository.release(bundle_folder, channel="canary")


def test_a_long_history_makes_a_document_that_devices_refuse(bundle_folder: Path) -> None:
    repository = made()
    for _ in range(MAX_RELEASES + 2):
        repository.release(bundle_folder)
    encode_channel(repository.document())
    assert [release.number for release in repository.document().releases] == list(range(3, MAX_RELEASES + 3))


def test_testing_loads_what_signs_before_it_is_used() -> None:
    program = "import json, sys\nimport homespun.testing\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert not {"tuf", "securesystemslib", "http.server"} & set(json.loads(done.stdout))
    assert all(getattr(homespun.testing, name).__doc__ for name in homespun.testing.__all__)
    with pytest.raises(AttributeError, match="MemoryRepositry"):
        homespun.testing.MemoryRepositry  # noqa: B018 - a slip of the pen
