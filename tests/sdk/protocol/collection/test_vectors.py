"""What this version released stays what it was: how a given vector is split, told of, and bound.

``tests/vectors/1/reports.json`` was made once with the fixed randomness of ``drawn``. Long texts stand there as their
SHA-256.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.protocol.collection.report import Report, binding_of, encode_report, parse_report, report_size, seal_info
from homespun.protocol.collection.shares import ShareForm, ShareVerifier, Split, add_vectors, centre, split
from homespun.protocol.collection.splitting import Entropy

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "1" / "reports.json").read_text(encoding="utf-8")
)
REPORTS = pytest.mark.parametrize("vector", VECTORS["reports"], ids=lambda vector: str(vector["form"]["size"]))


def drawn() -> Entropy:
    """Return bytes that count the draws: SHA-256 of 0, of 1, and so on, cut to length."""
    draws = iter(range(100))
    return lambda length: hashlib.sha256(bytes([next(draws)])).digest()[:length]


def told(raw: bytes) -> str:
    return raw.hex() if len(raw) <= 64 else hashlib.sha256(raw).hexdigest()


def given(vector: dict[str, Any]) -> tuple[ShareForm, bytes, bytes, bytes, Split]:
    """Return the form, task id, report id and binding of a vector, and the numbers of it as they are split."""
    form, numbers = ShareForm(**vector["form"]), np.zeros(vector["form"]["size"], np.int64)
    for place, value in vector["numbers"]:
        numbers[place] = value
    task_id, report_id = bytes.fromhex(vector["task"]), bytes.fromhex(vector["report"])
    bound_to = binding_of(task_id, report_id, vector["time"])
    return form, task_id, report_id, bound_to, split(form, numbers, bound_to, drawn())


@REPORTS
def test_shares_differ_from_the_released_version(vector: dict[str, Any]) -> None:
    form, task_id, report_id, _, sent = given(vector)
    assert (form.leader_bytes, form.helper_bytes, form.verifier_bytes) == tuple(vector["bytes"])
    assert [told(sent.public), told(sent.leader), told(sent.helper)] == vector["shares"]
    belongs = (task_id, report_id, vector["time"], sent.public)
    assert [told(seal_info("leader", *belongs)), told(seal_info("helper", *belongs))] == vector["infos"]


@REPORTS
def test_what_aggregators_tell_differs_from_the_released_version(vector: dict[str, Any]) -> None:
    form, _, _, bound_to, sent = given(vector)
    key = bytes.fromhex(VECTORS["key"])
    verifiers = ShareVerifier(form, "leader", key), ShareVerifier(form, "helper", key)
    both = [
        verifier.prepare([share], [sent.public], [bound_to])
        for verifier, share in zip(verifiers, (sent.leader, sent.helper), strict=True)
    ]
    messages = [made.messages[0] for made in both]
    assert [told(message or b"") for message in messages] == vector["messages"]
    sums = [np.zeros(form.size, np.uint64), np.zeros(form.size, np.uint64)]
    for made, total, other in zip(both, sums, reversed(messages), strict=True):
        made.add_accepted(made.accepted([other]), total)
    found = centre(add_vectors(*sums))
    assert [[place, int(found[place])] for place in np.flatnonzero(found).tolist()] == vector["numbers"]


@REPORTS
def test_a_report_differs_from_the_released_version(vector: dict[str, Any]) -> None:
    form, _, report_id, _, sent = given(vector)
    # Sealing is random; what is sealed stands here as it is, with as many bytes as sealing adds.
    report = Report(report_id, vector["time"], sent.public, sent.leader + bytes(48), sent.helper + bytes(48))
    raw = encode_report(report)
    assert [len(raw), told(raw)] == [report_size(form), vector["encoded"]]
    assert parse_report(raw, form) == report
