"""What of the disk could be read that is no file of the repository, and what a cache could be told that is not so."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import pytest

from homespun_server.api.cache import FileCache
from homespun_server.api.layout import repository_file
from homespun_server.api.repository import RepositoryFiles
from homespun_server.settings import ServerSettings
from tests.server.api.support import Running, running

TIMESTAMP = "/repository/metadata/timestamp.json"

TRAVERSALS = (
    "../homespun.toml",
    "../keys/root.json",
    "metadata/../../homespun.toml",
    "metadata/..%2f..%2fhomespun.toml",
    "%2e%2e/homespun.toml",
    "..%5chomespun.toml",
    "metadata/1.root.json/../../../homespun.toml",
    "metadata/%00.json",
    "metadata/timestamp.json%00.txt",
    "metadata/timestamp.json%0a",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "C:/Windows/win.ini",
    "metadata/C:timestamp.json",
    "metadata",
    "metadata/",
    "targets/films",
    "targets/films/canary/..%2fchannel.json",
    "targets/../metadata/timestamp.json",
    "targets/..%2f..%2fx/" + "a" * 64 + ".channel.json",
    "metadata/root.json",
    "metadata/0.root.json",
    "metadata/1.secret.json",
    "metadata/.1.root.json.partial",
    "metadata/１.root.json",
)


@pytest.fixture(scope="module")
def large() -> bytes:
    return os.urandom(3_000_000)


def files(settings: ServerSettings) -> Iterator[str]:
    for path in settings.repository.rglob("*"):
        if path.is_file():
            yield path.relative_to(settings.repository).as_posix()


def placed(settings: ServerSettings, content: bytes, name: str = "weights.bin") -> str:
    digest = hashlib.sha256(content).hexdigest()
    path = f"targets/films/canary/{digest}/{digest}.{name}"
    (settings.repository / path).parent.mkdir(parents=True, exist_ok=True)
    (settings.repository / path).write_bytes(content)
    return f"/repository/{path}"


def raw(settings: ServerSettings, path: str) -> tuple[int, bytes]:
    """Ask for a path as it is; a client would tidy it up first."""
    files = RepositoryFiles(FileCache(settings.repository, 1_000_000))
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        await files({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)  # type: ignore[arg-type]

    anyio.run(ask)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_a_path_leads_out_of_the_repository(directory: ServerSettings, path: str) -> None:
    for asked in (path, f"/{path}/", unquote(path), f"/{unquote(unquote(path))}/"):
        status, body = raw(directory, asked)
        assert status == 404
        assert b"films" not in body
    assert raw(directory, "/metadata/timestamp.json/")[0] == 200


@pytest.mark.parametrize("path", TRAVERSALS)
def test_a_path_that_reaches_the_layout_undecoded_or_decoded_twice_is_a_file(path: str) -> None:
    assert repository_file(path) is None
    assert repository_file(unquote(path)) is None
    assert repository_file(unquote(unquote(path))) is None


def test_what_lies_in_the_folder_and_is_no_file_of_a_repository_is_served(service: Running) -> None:
    folder = service.settings.repository
    for name in (
        "notes.txt",
        "metadata/notes.json",
        "metadata/1.root.json.bak",
        "targets/films/canary/secret.key.json",
    ):
        (folder / name).write_text("secret", encoding="utf-8")
        assert service.get(f"/repository/{name}").status_code == 404


def test_a_file_of_the_repository_is_not_served(service: Running) -> None:
    served = 0
    for path in files(service.settings):
        answer = service.get(f"/repository/{path}")
        content = (service.settings.repository / path).read_bytes()
        assert answer.status_code == 200, path
        assert answer.content == content
        assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
        assert int(answer.headers["content-length"]) == len(content)
        expected = "no-cache" if path.endswith("timestamp.json") else "public, max-age=31536000, immutable"
        assert answer.headers["cache-control"] == expected
        served += 1
    assert served > 15


def test_a_timestamp_that_was_replaced_is_served_from_memory_for_long(published: ServerSettings) -> None:
    with running(published) as service:
        before = service.get(TIMESTAMP)
        path = published.repository / "metadata" / "timestamp.json"
        # Of the same length, and put in place by renaming, as publishers do.
        changed = before.content.replace(b'"version": 3', b'"version": 4') or before.content
        (path.with_suffix(".new")).write_bytes(bytes(reversed(changed)))
        path.with_suffix(".new").replace(path)
        limit = 20_000
        while service.get(TIMESTAMP).content == before.content and limit:
            limit -= 1
        after = service.get(TIMESTAMP)
    assert after.content == bytes(reversed(changed))
    assert after.headers["etag"] != before.headers["etag"]


def test_a_file_that_was_removed_is_served_from_memory_for_long(service: Running) -> None:
    url = placed(service.settings, b"for a moment")
    assert service.get(url).status_code == 200
    (service.settings.repository / url.removeprefix("/repository/")).unlink()
    limit = 20_000
    while service.get(url).status_code == 200 and limit:
        limit -= 1
    assert service.get(url).status_code == 404


def test_who_has_the_file_gets_it_again(service: Running) -> None:
    etag = service.get(TIMESTAMP).headers["etag"]
    for held in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = service.get(TIMESTAMP, If_None_Match=held)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["cache-control"] == "no-cache"
    assert service.get(TIMESTAMP, If_None_Match='"other"').status_code == 200


def test_head_has_a_body_or_another_header_than_get(service: Running, large: bytes) -> None:
    for url in (TIMESTAMP, placed(service.settings, large)):
        whole, head = service.get(url), service.client.head(url, headers={"Range": "bytes=0-9"})
        assert (head.status_code, head.content) == (200, b"")
        for name in ("etag", "content-length", "cache-control", "content-type", "accept-ranges"):
            assert head.headers[name] == whole.headers[name]
    assert service.client.head("/repository/metadata/9.root.json").status_code == 404


@pytest.mark.parametrize("size", [10_000, 3_000_000])
def test_a_download_cannot_be_resumed(service: Running, large: bytes, size: int) -> None:
    content = large[:size]
    url = placed(service.settings, content)
    for asked, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        (f"bytes={size - 5}-", size - 5, size),
        (f"bytes=0-{size * 2}", 0, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=-{size * 2}", 0, size),
        ("bytes=1-300000", 1, min(size, 300_001)),
    ):
        answer = service.get(url, Range=asked)
        assert answer.status_code == 206, asked
        assert answer.content == content[start:stop]
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert int(answer.headers["content-length"]) == stop - start


def test_a_range_beyond_the_end_is_answered_with_something(service: Running) -> None:
    url = placed(service.settings, b"0123456789")
    for asked in ("bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999-"):
        answer = service.get(url, Range=asked)
        assert (answer.status_code, answer.content) == (416, b""), asked
        assert answer.headers["content-range"] == "bytes */10"
        assert "immutable" not in answer.headers["cache-control"]


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b", "0-1"])
def test_a_range_that_is_malformed_or_many_is_served_in_part(service: Running, asked: str) -> None:
    url = placed(service.settings, b"0123456789")
    answer = service.get(url, Range=asked)
    assert (answer.status_code, answer.content) == (200, b"0123456789")


def test_a_download_is_resumed_with_the_rest_of_another_file(service: Running) -> None:
    url = placed(service.settings, b"0123456789")
    etag = service.get(url).headers["etag"]
    assert service.get(url, Range="bytes=5-", If_Range=etag).content == b"56789"
    for other in ('"other"', f"W/{etag}", "Sat, 01 Mar 2025 12:00:00 GMT"):
        answer = service.get(url, Range="bytes=5-", If_Range=other)
        assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert service.get(url, If_Match='"other"').status_code == 412
    assert service.get(url, If_Match=etag).status_code == 200


def test_a_large_file_is_kept_in_memory_or_comes_incomplete(published: ServerSettings, large: bytes) -> None:
    url = placed(published, large)
    with running(published, cache_bytes=100_000) as service:
        assert service.get(url).content == large
        assert service.get(TIMESTAMP).status_code == 200


def sent_of(settings: ServerSettings, path: str, interrupt: Any) -> list[Any]:
    """Ask for a file, and do something after the first piece was sent."""
    files = RepositoryFiles(FileCache(settings.repository, 1_000_000))
    sent: list[Any] = []
    gone = anyio.Event()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:
            interrupt(gone)
        await anyio.lowlevel.checkpoint()

    async def ask() -> None:
        await files({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)  # type: ignore[arg-type]

    try:
        anyio.run(ask)
    except OSError as error:
        sent.append(error)
    return sent


def test_a_file_that_was_cut_short_ends_as_a_whole_one(directory: ServerSettings, large: bytes) -> None:
    url = placed(directory, large).removeprefix("/repository")
    path = directory.repository / url.lstrip("/")
    *messages, last = sent_of(directory, url, lambda _: path.write_bytes(large[:100_000]))
    assert isinstance(last, OSError)
    assert all(message.get("more_body", True) for message in messages)


def test_the_disk_is_read_to_the_end_for_nobody(directory: ServerSettings, large: bytes) -> None:
    url = placed(directory, large).removeprefix("/repository")
    whole = sent_of(directory, url, lambda _: None)
    assert b"".join(message.get("body", b"") for message in whole) == large
    messages = sent_of(directory, url, lambda gone: gone.set())
    assert len(messages) < len(whole) / 2
    assert all(message.get("more_body", True) for message in messages)


def test_more_than_the_limit_is_kept_in_memory(published: ServerSettings) -> None:
    urls = [placed(published, bytes([number]) * 30_000) for number in range(10)]
    cache = FileCache(published.repository, 100_000, clock=lambda: 0.0)

    async def read() -> None:
        for url in urls * 2:
            file = repository_file(url.removeprefix("/repository/"))
            assert file is not None
            content = await cache.get(file)
            assert content is not None
            assert content.size == 30_000
            assert sum(len(kept.content.data or b"") for kept in cache._kept.values()) <= 100_000

    anyio.run(read)


def test_the_repository_is_written_to_over_http(service: Running) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = service.client.request(method, TIMESTAMP, content=b"x")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"


def test_a_file_that_cannot_be_read_tells_where_it_is(service: Running, tmp_path: Path) -> None:
    target = service.settings.repository / "metadata" / "7.root.json"
    target.mkdir()
    answer = service.get("/repository/metadata/7.root.json")
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert "7.root" not in answer.text
