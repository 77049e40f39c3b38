"""Streams are apart from each other, uniform, and the same however they are drawn."""

import hashlib

import numpy as np
import pytest
from scipy.stats import chisquare

from homespun.protocol.collection import xof
from homespun.protocol.collection.constants import MODULUS


def test_parts_run_into_each_other() -> None:
    texts = {
        xof.framed("a", b"bc"),
        xof.framed("ab", b"c"),
        xof.framed("a", b"b", b"c"),
        xof.framed("a", b"bc", b""),
        xof.framed("a", b"", b"bc"),
    }
    assert len(texts) == 5


def test_a_longer_stream_begins_otherwise() -> None:
    few, many = xof.elements(10, "test", b"seed"), xof.elements(10_000, "test", b"seed")
    assert many[:10].tolist() == few.tolist()
    assert xof.elements(0, "test").size == 0


class Dropping:
    """A stream of words of which all but every seventh are no elements."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def digest(self, length: int) -> bytes:
        words = np.full(length // 4, (1 << 32) - 1, "<u4")
        words[::7] = np.arange(words[::7].size)
        return words.tobytes()


def test_a_word_that_is_no_element_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "shake_128", Dropping)
    assert xof.elements(500, "test").tolist() == list(range(500))


def test_elements_are_not_uniform() -> None:
    drawn = xof.elements(200_000, "uniform", b"seed")
    assert int(drawn.max()) < MODULUS
    counts = np.bincount((drawn // np.uint32(1 << 24)).astype(np.int64), minlength=256)
    assert chisquare(counts).pvalue > 1e-3
    low = np.bincount((drawn & np.uint32(255)).astype(np.int64), minlength=256)
    assert chisquare(low).pvalue > 1e-3
