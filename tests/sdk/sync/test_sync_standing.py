"""What expired metadata and the publisher's switch make of personal lists."""

import pytest

from homespun.sync import OfflinePolicy, fallback, keep, keep_until
from homespun.sync.standing import standing
from homespun.sync.state import Stale, State

DAY = 86_400.0
NOW = 1_750_000_000.0
KNOWN = State(verified=NOW, latest=NOW, expires=NOW + 7 * DAY)


@pytest.mark.parametrize("policy", [keep(), keep_until(3), fallback()], ids=str)
def test_a_device_that_is_current_is_restricted(policy: OfflinePolicy) -> None:
    found = standing(KNOWN, policy, NOW + 6 * DAY)
    assert (found.age_seconds, found.expired, found.personal, found.why) == (6 * DAY, False, True, "")


@pytest.mark.parametrize("policy", [keep(), keep_until(3), fallback()], ids=str)
def test_a_device_that_never_reached_its_repository_is_restricted(policy: OfflinePolicy) -> None:
    found = standing(State(), policy, NOW)
    assert (found.age_seconds, found.expired, found.personal) == (None, False, True)


@pytest.mark.parametrize(
    ("policy", "days", "personal"),
    [
        (keep(), 7, True),
        (keep(), 3650, True),
        (keep_until(3), 9.9, True),
        (keep_until(3), 10, False),
        (fallback(), 7, False),
    ],
    ids=str,
)
def test_an_offline_policy_is_not_followed(policy: OfflinePolicy, days: float, personal: bool) -> None:  # noqa: FBT001
    found = standing(KNOWN, policy, NOW + days * DAY)
    assert found.expired
    assert found.personal is personal
    assert "expired" in found.why
    assert found.age_seconds == days * DAY


def test_a_clock_that_was_set_back_makes_a_device_current() -> None:
    late = KNOWN.with_changes(latest=NOW + 8 * DAY)
    assert standing(late, fallback(), NOW).expired
    seen = KNOWN.with_changes(stale=Stale(root=1, timestamp=1))
    found = standing(seen, fallback(), NOW)
    assert (found.expired, found.personal) == (True, False)
    assert "0.0 days" in found.why


@pytest.mark.parametrize("policy", [keep(), keep_until(3), fallback()], ids=str)
def test_a_device_does_not_obey_the_switch(policy: OfflinePolicy) -> None:
    found = standing(KNOWN.with_changes(off="a fault"), policy, NOW)
    assert not found.personal
    assert "a fault" in found.why
