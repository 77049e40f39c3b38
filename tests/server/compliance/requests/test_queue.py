"""A page of the queue leaves a request out, shows it twice, or reads all of them to show a few."""

from hashlib import sha256
from pathlib import Path

from sqlalchemy import insert, text

from homespun_server.compliance.requests import rows
from homespun_server.compliance.requests.course import State
from homespun_server.store import Store
from homespun_server.store.schema_requests import request_documents, requests
from tests.server.compliance.requests.support import Office, office

DEADLINES = ("2025-03-02T00:00:00+00:00", "2025-03-01T09:30:00+00:00", "2025-03-01T00:00:00+00:00")
"""Few, so that many requests have the same."""

COUNT = 60

STATES: tuple[State, ...] = ("completed", "closed")


def fill(store: Store, count: int) -> None:
    with store.writing() as connection:
        connection.execute(insert(request_documents).values(digest="0" * 64, content="{}"))
        connection.execute(insert(requests), [_row(number) for number in range(count)])


def _row(number: int) -> dict[str, object]:
    state, deadline = STATES[number % 2], DEADLINES[number % len(DEADLINES)]
    return {
        "id": sha256(b"%d" % number).hexdigest()[:32],
        "kind": "access",
        "regulation": "gdpr",
        "subject": None,
        "state": state,
        "received": DEADLINES[-1],
        # Not the next deadline: the queue of those that wait goes by that one, the queue of a state by this one.
        "due": DEADLINES[(number + 1) % len(DEADLINES)],
        "next": deadline if state == "completed" else None,
        "events": 1,
        "rules": "0" * 64,
        "data_map": "0" * 64,
    }


def paged(found: Office, state: State | None, size: int) -> list[str]:
    """Return the ids of all pages, one page after the other."""
    ids: list[str] = []
    page = found.desk.requests.queue(state=state, limit=size)
    while page and len(ids) <= COUNT:
        ids += [each.id for each in page]
        page = found.desk.requests.queue(state=state, limit=size, after=page[-1].place(state))
    return ids


def test_a_page_leaves_a_request_out_or_shows_it_again(place: str, tmp_path: Path) -> None:
    with office(tmp_path / "wd", place) as found:
        fill(found.store, COUNT)
        for state in (None, *STATES):
            whole = [each.id for each in found.desk.requests.queue(state=state)]
            assert len(whole) == COUNT / 2
            for size in (1, 7, 10, 30):
                assert paged(found, state, size) == whole, (state, size)


def test_a_page_reads_what_it_does_not_show(desk: Office) -> None:
    fill(desk.store, COUNT)
    for state, index in ((None, "homespun_requests_next"), ("closed", "homespun_requests_state")):
        plan: list[str] = []
        with desk.store.reading() as connection:
            last = rows.queue(connection, state=state, limit=5)[-1]  # type: ignore[arg-type]
            driver = connection.connection.driver_connection
            assert driver is not None
            said: list[str] = []
            driver.set_trace_callback(said.append)
            rows.queue(connection, state=state, limit=5, after=last.place(state))  # type: ignore[arg-type]
            driver.set_trace_callback(None)
            plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {said[-1]}"))]
        assert len(plan) == 1, plan
        assert f"SEARCH homespun_requests USING INDEX {index} (" in plan[0]
        assert ">(" in plan[0], plan


def test_the_last_page_asks_for_another_or_a_page_is_missing(tmp_path: Path) -> None:
    with office(tmp_path / "wd") as opened:
        fill(opened.store, COUNT)
        for state in (None, *STATES):
            seen: list[str] = []
            page = opened.desk.requests.page(state=state, limit=7)
            pages = 1
            seen += [each.id for each in page.requests]
            while page.after is not None and pages < COUNT:
                page = opened.desk.requests.page(state=state, limit=7, after=page.after)
                pages += 1
                seen += [each.id for each in page.requests]
            whole = opened.desk.requests.page(state=state)
            assert pages == -(-len(whole.requests) // 7)
            assert (seen, whole.after) == ([each.id for each in whole.requests], None)
        assert opened.desk.requests.page(state="refused").after is None
