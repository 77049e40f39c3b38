"""A report has one length for each task, is read as it was written, and is bound to all that it belongs to."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homespun.errors import CollectionError
from homespun.protocol.collection.report import (
    HPKE_BYTES,
    Report,
    binding_of,
    encode_report,
    parse_report,
    report_size,
    seal_info,
)
from homespun.protocol.collection.shares import ShareForm
from tests.sdk.protocol.collection.reports import LARGE, SMALL

TASK, REPORT, PUBLIC = bytes(range(32)), bytes(range(16)), bytes(range(64))
FORMS = st.sampled_from([SMALL, LARGE])


def filled(draw: st.DataObject, length: int) -> bytes:
    return bytes([draw.draw(st.integers(0, 255))]) * length


@given(FORMS, st.integers(0, (1 << 64) - 1), st.data())
def test_a_report_is_read_otherwise_than_written(form: ShareForm, time: int, data: st.DataObject) -> None:
    report = Report(
        report_id=filled(data, 16),
        time=time,
        public=filled(data, 64),
        leader=filled(data, form.leader_bytes + HPKE_BYTES),
        helper=filled(data, form.helper_bytes + HPKE_BYTES),
    )
    raw = encode_report(report)
    assert len(raw) == report_size(form)
    assert parse_report(raw, form) == report


@pytest.mark.parametrize("length", [0, 1, report_size(SMALL) - 1, report_size(SMALL) + 1, report_size(LARGE)])
def test_a_report_of_another_length_is_read(length: int) -> None:
    with pytest.raises(CollectionError, match="every report of this task"):
        parse_report(b"\1" * length, SMALL)


def test_a_report_of_another_format_is_read() -> None:
    with pytest.raises(CollectionError, match="format"):
        parse_report(b"\2" * report_size(SMALL), SMALL)


def test_a_share_opens_where_it_does_not_belong() -> None:
    infos = {
        seal_info("leader", TASK, REPORT, 7, PUBLIC),
        seal_info("helper", TASK, REPORT, 7, PUBLIC),
        seal_info("leader", TASK[::-1], REPORT, 7, PUBLIC),
        seal_info("leader", TASK, REPORT[::-1], 7, PUBLIC),
        seal_info("leader", TASK, REPORT, 8, PUBLIC),
        seal_info("leader", TASK, REPORT, 7, PUBLIC[::-1]),
    }
    assert len(infos) == 6
    assert len({len(info) for info in infos}) == 1
    assert all(not one.startswith(other) for one, other in combinations(infos, 2))


def test_parts_of_another_length_are_bound() -> None:
    assert binding_of(TASK, REPORT, 7) == TASK + REPORT + bytes(7) + b"\7"
    for task_id, report_id, public in (
        (TASK[:-1], REPORT, PUBLIC),
        (TASK, REPORT + b"\0", PUBLIC),
        (TASK, REPORT, PUBLIC[:-1]),
    ):
        with pytest.raises(CollectionError, match="bytes"):
            seal_info("leader", task_id, report_id, 7, public)
