"""A raw figure about people escapes: into a text, a file, a comparison, a computation or a copy."""

import copy
import dataclasses
import json
import logging
import math
import operator
import pickle
import pprint
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun_server.statistics.raw import Raw

SECRET = 7919
REFUSED = (MisuseError, TypeError)


@dataclasses.dataclass
class Holder:
    users: object


@pytest.mark.parametrize(
    "show", [repr, ascii, pprint.pformat, lambda raw: f"{raw!r}", lambda raw: repr([raw, Holder(raw)])]
)
def test_a_log_shows_it(show: Callable[[object], str]) -> None:
    assert "hidden" in show(Raw(SECRET))
    assert str(SECRET) not in show(Raw(SECRET))


@pytest.mark.parametrize(
    "write", [str, "{}".format, lambda raw: f"{raw}", lambda raw: f"{raw:,}", lambda raw: "-".join(map(str, [raw]))]
)
def test_a_text_is_made_of_it(write: Callable[[object], str]) -> None:
    with pytest.raises(MisuseError, match="raw figure"):
        write(Raw(SECRET))


@pytest.mark.parametrize("operation", [operator.add, operator.mul, operator.truediv, operator.sub, operator.pow])
@pytest.mark.parametrize("other", [1, 0.5, np.float64(2.0), np.arange(3), True])
def test_something_is_computed_from_it(operation: Callable[[Any, Any], Any], other: object) -> None:
    for pair in ((Raw(SECRET), other), (other, Raw(SECRET)), (Raw(SECRET), Raw(SECRET))):
        with pytest.raises(REFUSED):
            operation(*pair)


@pytest.mark.parametrize("compare", [operator.lt, operator.ge, operator.eq, operator.ne])
def test_a_threshold_is_set_on_it(compare: Callable[[Any, Any], bool]) -> None:
    for pair in ((Raw(SECRET), 10), (10, Raw(SECRET)), (Raw(SECRET), Raw(SECRET))):
        with pytest.raises(MisuseError, match="raw figure"):
            compare(*pair)


@pytest.mark.parametrize(
    "read",
    [bool, int, float, complex, round, abs, len, list, max, range, hex, math.floor, math.isfinite, np.zeros, np.asarray,
     operator.neg, operator.not_, operator.index, bytes, sum],
)  # fmt: skip
def test_it_is_read_by_conversion(read: Callable[[Any], object]) -> None:
    with pytest.raises(REFUSED):
        read(Raw(SECRET))


@pytest.mark.parametrize(
    "encode",
    [
        msgspec.json.encode,
        msgspec.to_builtins,
        msgspec.msgpack.encode,
        json.dumps,
        lambda raw: json.dumps(raw, default=str),
        lambda raw: json.dumps(raw, default=vars),
        lambda raw: msgspec.json.encode(raw, enc_hook=str),
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        vars,
    ],
)
def test_it_is_encoded(encode: Callable[[object], object]) -> None:
    for value in (Raw(SECRET), Raw({"users": SECRET})):
        with pytest.raises(REFUSED):
            encode(value)
        if encode is not vars:
            with pytest.raises(REFUSED):
                encode(value if encode is copy.copy else [value])


def test_it_is_flattened_with_its_holder() -> None:
    with pytest.raises(MisuseError, match="raw figure"):
        dataclasses.asdict(Holder(Raw(SECRET)))


def test_an_error_or_a_log_record_tells_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("users: %r", Raw(SECRET))
    assert str(SECRET) not in caplog.text
    with pytest.raises(MisuseError) as caught:
        int(Raw(SECRET))  # type: ignore[call-overload]
    assert str(SECRET) not in str(caught.value)


def test_the_operator_is_shown_something_else() -> None:
    assert Raw(SECRET).for_the_operator() == SECRET
