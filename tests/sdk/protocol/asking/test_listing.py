"""The list of requests: nobody but the device finds what is for it, and lists tell nothing else."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import AskingError, MisuseError
from homespun.protocol.asking.listing import (
    ENTRY_BYTES,
    LEAST_ENTRIES,
    MAX_LIFE_SECONDS,
    SLOTS,
    TAG_BYTES,
    Asked,
    encode_list,
    found_in,
    parse_list,
)
from tests.sdk.protocol.asking.support import DAY, DEVICE, NOW, SECRET, drawn, listed, request

HEAD = 68


def test_a_device_misses_what_is_for_it_among_thousands() -> None:
    names = drawn("devices")
    others = [Asked(names(16), names(32), request(f"r-{number}")) for number in range(200)]
    raw = listed([*others, Asked(DEVICE, SECRET, request("mine"))])
    assert [each.request for each in found_in(parse_list(raw), DEVICE, SECRET, NOW)] == ["mine"]
    assert len(parse_list(raw).entries) == 256


@given(st.integers(0, SLOTS))
def test_one_of_several_requests_to_a_device_is_lost(count: int) -> None:
    asked = [Asked(DEVICE, SECRET, request(f"r-{number}")) for number in range(count)]
    found = found_in(parse_list(listed(asked)), DEVICE, SECRET, NOW)
    assert [each.request for each in found] == [f"r-{number}" for number in range(count)]


def test_the_id_without_the_secret_finds_something() -> None:
    raw = listed([Asked(DEVICE, SECRET, request())])
    assert found_in(parse_list(raw), DEVICE, b"x" * 32, NOW) == ()
    assert found_in(parse_list(raw), b"x" * 16, SECRET, NOW) == ()


def test_a_list_in_which_somebody_is_asked_has_another_form() -> None:
    # With the same draws, everything that can be seen without the secret: size, order and the nonce.
    empty, asking = listed(), listed([Asked(DEVICE, SECRET, request())])
    assert len(empty) == len(asking) == HEAD + LEAST_ENTRIES * ENTRY_BYTES
    assert empty[:HEAD] == asking[:HEAD]
    for raw in (empty, asking):
        tags = [tag for tag, _ in parse_list(raw).entries]
        assert tags == sorted(tags)


def test_bytes_of_real_entries_are_not_those_of_random_ones() -> None:
    """Pearson's χ² of byte values over 512 lists: the number of entries that are real makes no difference to it."""
    names = drawn("many")
    real = [Asked(names(16), names(32), request(f"r-{number}", text="a" * 300)) for number in range(512)]
    for raw in (listed(real, seed="real"), listed((), seed="random", least=512)):
        body = raw[HEAD:]
        assert _surprise(body) < 5
        # Every place of an entry on its own, tags left out of account as they are sorted.
        for place in range(TAG_BYTES, ENTRY_BYTES, 97):
            assert _surprise(body[place::ENTRY_BYTES]) < 6


def _surprise(values: bytes) -> float:
    """Return by how many standard deviations χ² of the bytes is away from its mean (255, variance 510)."""
    expected = len(values) / 256
    counted = Counter(values)
    squared = sum((counted.get(value, 0) - expected) ** 2 / expected for value in range(256))
    return abs(squared - 255) / math.sqrt(510)


def test_two_lists_with_the_same_requests_have_something_in_common() -> None:
    asked = [Asked(DEVICE, SECRET, request())]
    first, second = parse_list(listed(asked, seed="1")), parse_list(listed(asked, seed="2"))
    assert {tag for tag, _ in first.entries}.isdisjoint(tag for tag, _ in second.entries)
    blocks = [
        {sealed[at : at + 16] for _, sealed in each.entries for at in range(0, 1000, 16)} for each in (first, second)
    ]
    assert blocks[0].isdisjoint(blocks[1])


def test_an_entry_moves_to_another_list() -> None:
    """Somebody who publishes puts an old entry under a new head: the tag is not one that the device looks for."""
    old = listed([Asked(DEVICE, SECRET, request())], seed="old")
    new = listed(seed="new", made=NOW + DAY)
    forged = new[:HEAD] + old[HEAD:]
    assert found_in(parse_list(forged), DEVICE, SECRET, NOW + DAY) == ()


def test_an_entry_is_changed_under_its_tag() -> None:
    raw = listed([Asked(DEVICE, SECRET, request())], least=1)
    with pytest.raises(AskingError, match="not sealed for it"):
        found_in(parse_list(raw[:-1] + bytes([raw[-1] ^ 1])), DEVICE, SECRET, NOW)


def test_the_head_is_changed_to_let_a_list_live_on() -> None:
    raw = bytearray(listed([Asked(DEVICE, SECRET, request())], least=1))
    raw[HEAD - 1] ^= 1
    with pytest.raises(AskingError, match="not sealed for it"):
        found_in(parse_list(bytes(raw)), DEVICE, SECRET, NOW)


def test_a_list_that_is_over_is_believed() -> None:
    found = parse_list(listed([Asked(DEVICE, SECRET, request())]))
    assert found_in(found, DEVICE, SECRET, NOW + 2 * DAY - 1)
    with pytest.raises(AskingError, match="holds back a newer one"):
        found_in(found, DEVICE, SECRET, NOW + 2 * DAY)


def test_more_is_asked_of_a_device_than_it_would_find() -> None:
    with pytest.raises(MisuseError, match="at once"):
        listed([Asked(DEVICE, SECRET, request(f"r-{number}")) for number in range(SLOTS + 1)])


def test_a_request_that_does_not_fit_is_cut_off() -> None:
    with pytest.raises(MisuseError, match="shorten its text"):
        listed([Asked(DEVICE, SECRET, request(text="😀" * 320))])


@pytest.mark.parametrize("least", [0, 3, 65])
def test_a_list_has_another_number_of_entries_than_a_power_of_two(least: int) -> None:
    with pytest.raises(MisuseError, match="power of two"):
        listed(least=least)


def test_a_list_holds_for_ever() -> None:
    with pytest.raises(MisuseError, match="30 days"):
        encode_list((), made=NOW, expires=NOW + MAX_LIFE_SECONDS + 1, entropy=drawn("x"))


def test_entries_in_another_order_than_that_of_their_tags() -> None:
    raw = listed(least=2)
    swapped = raw[:HEAD] + raw[HEAD + ENTRY_BYTES :] + raw[HEAD : HEAD + ENTRY_BYTES]
    with pytest.raises(AskingError, match="one order"):
        parse_list(swapped)
