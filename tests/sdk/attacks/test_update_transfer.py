"""Somebody on the way changes, cuts, prolongs, delays, packs or redirects what a device asked for."""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from homespun.errors import LedgerError
from homespun.protocol.channel import role_name
from homespun.sync import Deferred, Rejected, Unreachable, UpToDate
from homespun.testing import Loopback, faults
from homespun.testing.answers import Answer, Fault
from homespun.testing.repository import CHANNEL
from tests.sdk.updating import DAY, Device, World

METADATA = {
    "timestamp": "metadata/timestamp.json",
    "snapshot": "metadata/*.snapshot.json",
    "channel": f"metadata/*.{role_name(CHANNEL)}.json",
}
TARGETS = {
    "document": "targets/*/*.channel.json",
    "manifest": "targets/*/*.manifest.json",
    "weights": "targets/*/*.weights.bin",
    "catalogue": "targets/*/*.catalogue.sqlite",
}
PLACES = [*METADATA.values(), *TARGETS.values()]
NAMES = [*METADATA, *TARGETS]
FEW = [("memory", place) for place in PLACES]
FEW += [("loopback", place) for place in (METADATA["timestamp"], TARGETS["weights"])]
FEW_IDS = [f"memory-{name}" for name in NAMES]
FEW_IDS += ["loopback-timestamp", "loopback-weights"]
MOST = 20_000_000
"""Bytes that a device may read of a body that never ends: the largest ceiling of any metadata, and some."""


@pytest.fixture
def attacked(published: World, device: Device) -> Device:
    """A device that has release 1, and for which release 2 is on the way."""
    published.repository.release(published.bundle("two", seed=2))
    return device


def befalls(world: World, place: str, fault: Fault) -> None:
    world.faults.clear()
    world.faults[place] = fault


def ends(world: World, device: Device) -> None:
    """Nobody interferes any more, and the device gets on."""
    world.faults.clear()
    assert device.takes() == 2


def flipped(right: Answer) -> Answer:
    content = bytearray(b"".join(right.body))
    content[len(content) // 2] ^= 1
    return replace(right, body=[bytes(content)])


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_changed_bytes_are_used(published: World, attacked: Device, place: str) -> None:
    befalls(published, place, flipped)
    attacked.refuses("hash|signed|sign|malformed|not what|deserial")
    ends(published, attacked)


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_appended_bytes_are_used(published: World, attacked: Device, place: str) -> None:
    befalls(published, place, faults.appended(b"x"))
    attacked.refuses("long|deserial")
    ends(published, attacked)


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_an_answer_that_breaks_off_is_used(published: World, attacked: Device, place: str) -> None:
    befalls(published, place, faults.short(10))
    attacked.refuses("", Unreachable)
    ends(published, attacked)


@pytest.mark.parametrize(("world", "place"), FEW, indirect=["world"], ids=FEW_IDS)
def test_a_shorter_file_is_used(published: World, attacked: Device, place: str) -> None:
    befalls(published, place, faults.replaced(b"{}"))
    attacked.refuses("deserial|length|hash|broke off", Rejected, Unreachable)
    ends(published, attacked)


@pytest.mark.parametrize("length", [5, 10**12])
@pytest.mark.parametrize(("world", "place"), FEW, indirect=["world"], ids=FEW_IDS)
def test_a_wrong_length_is_believed(published: World, attacked: Device, place: str, length: int) -> None:
    befalls(published, place, faults.wrong_length(length))
    attacked.refuses("", Rejected, Unreachable)
    ends(published, attacked)


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_data_without_end_fills_the_device(published: World, attacked: Device, place: str) -> None:
    sent = 0

    def counted() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += len(faults.ENDLESS_PIECE)
            assert sent < MOST, "the device reads on for ever"
            yield faults.ENDLESS_PIECE

    def endless(right: Answer) -> Answer:
        headers = {name: value for name, value in right.headers.items() if name != "content-length"}
        return replace(right, headers=headers, body=counted())

    befalls(published, place, endless)
    attacked.refuses("long|length|bytes|more")
    assert 0 < sent < MOST
    kept = sum(path.stat().st_size for path in attacked.folder.rglob("*") if path.is_file())
    assert kept < 2_000_000
    ends(published, attacked)


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_a_trickle_holds_the_device_up(published: World, attacked: Device, place: str) -> None:
    began = published.clock()
    befalls(published, place, faults.slow(published.lockstep))
    attacked.refuses("only [0-9]+ bytes came in [0-9]+ seconds", Unreachable)
    assert published.clock() - began < 600
    published.faults.clear()
    assert attacked.takes() == 2


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", lambda content: b"\x28\xb5\x2f\xfd" + content),
        ("br", bytes),
        ("identity, gzip", gzip.compress),
    ],
)
@pytest.mark.parametrize("place", [METADATA["timestamp"], TARGETS["weights"]], ids=["timestamp", "weights"])
def test_a_packed_answer_is_unpacked(
    published: World, attacked: Device, place: str, coding: str, encode: Callable[[bytes], bytes]
) -> None:
    befalls(published, place, faults.encoded(coding, encode))
    attacked.refuses("encoding .* not asked for", Unreachable)
    assert {request.headers.get("accept-encoding") for request in published.requests} == {"identity"}
    ends(published, attacked)


def test_a_small_answer_becomes_a_huge_one(published: World, attacked: Device) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    assert len(bomb) < 100_000
    befalls(published, METADATA["timestamp"], faults.encoded("gzip", lambda _: bomb))
    attacked.refuses("encoding .* not asked for", Unreachable)
    ends(published, attacked)


def test_a_packed_answer_that_says_it_is_not_is_unpacked(published: World, attacked: Device) -> None:
    befalls(published, TARGETS["weights"], lambda right: replace(right, body=[gzip.compress(b"".join(right.body))]))
    attacked.refuses("hash|long|length|broke off|closed", Rejected, Unreachable)
    ends(published, attacked)


@pytest.mark.parametrize("code", [301, 302, 308])
@pytest.mark.parametrize("place", [METADATA["timestamp"], TARGETS["weights"]], ids=["timestamp", "weights"])
def test_a_redirection_leads_to_another_host(published: World, attacked: Device, place: str, code: int) -> None:
    with Loopback(published.repository.files) as elsewhere:
        befalls(published, place, faults.redirect(f"{elsewhere.url}metadata/timestamp.json", code))
        attacked.refuses(str(code), Rejected, Unreachable)
        assert elsewhere.requests == []
    assert not any("://" in request.path for request in published.requests)
    ends(published, attacked)


@pytest.mark.parametrize(("world", "place"), FEW, indirect=["world"], ids=FEW_IDS)
@pytest.mark.parametrize(
    "fault", [faults.status(500), faults.status(429), faults.dropped()], ids=["500", "429", "dropped"]
)
def test_a_server_that_fails_stops_a_device(published: World, attacked: Device, place: str, fault: Fault) -> None:
    befalls(published, place, fault)
    attacked.refuses("", Unreachable)
    ends(published, attacked)


@pytest.mark.parametrize(("world", "place"), FEW, indirect=["world"], ids=FEW_IDS)
@pytest.mark.parametrize("code", [404, 403, 206, 304])
def test_an_answer_that_does_not_fit_is_used(published: World, attacked: Device, place: str, code: int) -> None:
    befalls(published, place, faults.status(code))
    if (code, place) == (304, METADATA["timestamp"]):
        # What the device asked for: nothing changed. Whoever says so for ever only freezes it until expiry.
        assert isinstance(attacked.sync(), UpToDate)
        published.clock.advance(8 * DAY)
        attacked.refuses("expired")
        published.repository.renew()
    else:
        attacked.refuses(str(code), Rejected, Unreachable)
    ends(published, attacked)


def test_a_resumed_download_is_completed_with_other_bytes(published: World, attacked: Device) -> None:
    befalls(published, TARGETS["weights"], faults.short(1000))
    attacked.refuses("", Unreachable)

    def other_rest(right: Answer) -> Answer:
        return replace(right, body=[b"x" * len(piece) for piece in right.body])

    befalls(published, TARGETS["weights"], other_rest)
    attacked.refuses("hash|not what|bytes")
    ends(published, attacked)


def test_a_request_tells_more_than_what_it_asks_for(published: World, attacked: Device) -> None:
    ends(published, attacked)
    allowed = {"host", "user-agent", "accept", "accept-encoding", "connection", "if-none-match", "if-range", "range"}
    for request in published.requests:
        assert set(request.headers) <= allowed, request
        assert "9.9.9" not in str(request.headers)


def test_a_request_is_made_that_cannot_be_written_down(published: World, attacked: Device) -> None:
    attacked.requests.broken = LedgerError("the ledger is damaged")
    made = len(published.requests)
    attacked.refuses("ledger is damaged", Deferred)
    assert len(published.requests) == made
    attacked.requests.broken = None
    ends(published, attacked)


# Time that only a network has: these wait for a moment that the device is told to wait at most.


@pytest.fixture
def stopped() -> Iterator[threading.Event]:
    """Set at the end, so that a server which holds an answer back lets it go."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("world", ["loopback"], indirect=True)
@pytest.mark.parametrize("place", [METADATA["timestamp"], TARGETS["weights"]], ids=["timestamp", "weights"])
def test_an_answer_that_never_comes_is_waited_for(
    published: World, attacked: Device, place: str, stopped: threading.Event
) -> None:
    attacked.settings.update(answer_seconds=0.2, read_seconds=3600)

    def never(right: Answer) -> Answer:
        stopped.wait(60)
        return right

    befalls(published, place, never)
    attacked.refuses("no answer", Unreachable)
    stopped.set()
    attacked.settings.clear()
    ends(published, attacked)


@pytest.mark.parametrize("world", ["loopback"], indirect=True)
@pytest.mark.parametrize("place", [METADATA["timestamp"], TARGETS["weights"]], ids=["timestamp", "weights"])
def test_a_body_that_stops_in_the_middle_is_waited_for(
    published: World, attacked: Device, place: str, stopped: threading.Event
) -> None:
    attacked.settings.update(read_seconds=0.2, answer_seconds=3600)

    def half(right: Answer) -> Answer:
        def body() -> Iterator[bytes]:
            yield b"".join(right.body)[:100]
            stopped.wait(60)

        return replace(right, body=body())

    befalls(published, place, half)
    attacked.refuses("broke off", Unreachable)
    stopped.set()
    attacked.settings.clear()
    ends(published, attacked)


@pytest.mark.parametrize("world", ["loopback"], indirect=True)
def test_headers_without_end_are_read(published: World, attacked: Device) -> None:
    befalls(
        published, METADATA["timestamp"], lambda right: replace(right, headers={f"x-{n}": "y" for n in range(2000)})
    )
    attacked.refuses("no answer", Unreachable)
    befalls(published, METADATA["timestamp"], lambda right: replace(right, headers={"x": "y" * (1 << 20)}))
    attacked.refuses("no answer", Unreachable)
    ends(published, attacked)


@pytest.mark.parametrize("world", ["loopback"], indirect=True)
def test_a_connection_that_is_refused_counts_as_having_told_something(published: World, attacked: Device) -> None:
    with Loopback({}) as gone:
        attacked.settings["url"] = gone.url
    with attacked.updater() as updater:
        outcome = updater.sync(lambda _: pytest.fail("there was nothing to adopt"), force=True)
    assert isinstance(outcome, Unreachable)
    assert list(attacked.requests.ended.values())[-1] == "unsent"
    attacked.settings.clear()
    attacked.forget_requests()
    ends(published, attacked)
