"""Cohorts are disjoint, complete and chosen without looking; nobody is in more windows than they should be."""

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun_server.statistics.cohort import Cohort, Membership, Window
from tests.server.statistics.people import Deed, people_in, population_of, secret_of
from tests.server.support import catalogue, share_of_hash

ITEMS = catalogue(5)
USERS = [f"üser {number}" for number in range(400)]
DEEDS = [Deed(user, ITEMS.ids[n % 5], float(n % 100)) for n, user in enumerate(USERS * 2)]


def secrets(folder: Path, *cohorts: Cohort, deeds: list[Deed] = DEEDS) -> list[set[bytes]]:
    with population_of(folder, deeds, ITEMS) as population:
        return [set(people_in(population.histories(cohort))) for cohort in cohorts]


def windows(count: int, *, at_most: int | None = None, period: str = "2026-11") -> list[Window]:
    """Divide the first hundred seconds."""
    edges = [100 * number // count for number in range(count + 1)]
    return [Window(period, n, count, edges[n], edges[n + 1], at_most) for n in range(count)]


def test_somebody_is_in_both_sides_of_a_split_or_in_none(tmp_path: Path) -> None:
    sides = (Cohort.training(0.25), Cohort.held_out(0.25), Cohort.everybody(), Cohort.training(0))
    training, held_out, everybody, all_of_them = secrets(tmp_path, *sides)
    assert held_out == {secret_of(user) for user in USERS if share_of_hash("homespun-split-1:" + user) < 0.25}
    assert not training & held_out
    assert training | held_out == everybody == all_of_them == set(map(secret_of, USERS))
    assert 60 < len(held_out) < 140


def test_a_hash_at_the_border_is_on_both_sides_or_the_wrong_one() -> None:
    hashes, secrets_of_them = np.array([0, (1 << 30) - 1, 1 << 30, (1 << 32) - 1]), [bytes(32)] * 4
    assert Cohort.held_out(0.25).includes(hashes, secrets_of_them).tolist() == [True, True, False, False]
    assert Cohort.training(0.25).includes(hashes, secrets_of_them).tolist() == [False, False, True, True]


def test_a_cohort_claims_another_place_than_it_has() -> None:
    whole = Cohort.everybody()
    (first, second) = windows(2)
    assert whole.path == Cohort.training(0).path == ()
    assert Cohort.training(0.5).path == (Membership("split:2147483648", "training", 1),)
    assert Cohort.held_out(0.5).path == (Membership("split:2147483648", "held-out", 1),)
    assert whole.within(second).path == (Membership("windows:2026-11/2", "1", 2),)
    chosen = windows(5, at_most=2)[3]
    assert Cohort.training(0.5).within(chosen).path == (
        Membership("split:2147483648", "training", 1),
        Membership("windows:2026-11/5", "3", 2),
    )
    assert first.membership.group == second.membership.group


def test_two_splits_or_two_divisions_of_a_period_count_as_one_group() -> None:
    groups = {Cohort.training(share).path[0].group for share in (0.1, 0.2, 0.1000001)}
    assert len(groups) == 3
    assert len({windows(count)[0].membership.group for count in (2, 3)}) == 2


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0, float("nan")])
def test_a_share_keeps_everybody_or_less_than_nobody_aside(share: float) -> None:
    for side in (Cohort.training, Cohort.held_out):
        with pytest.raises(MisuseError, match="must lie in"):
            side(share)


@pytest.mark.parametrize("share", [0.0, 1e-12])
def test_nobody_is_held_out_and_summed(share: float) -> None:
    with pytest.raises(MisuseError, match="nobody aside"):
        Cohort.held_out(share)


def test_an_event_outside_the_window_is_seen(tmp_path: Path) -> None:
    times = [None, 9.99, 10.0, 10.5, 19.0, 19.999, 20.0, 1e9]
    deeds = [Deed("u", "item-1", time) for time in times] + [Deed("v", "item-1", 5.0), Deed("w", "item-1", None)]
    with population_of(tmp_path, deeds, ITEMS) as population:
        (histories,) = population.histories(Cohort.everybody().within(Window("p", 0, 1, 10, 20)))
    assert list(histories.secrets) == [secret_of("u")]
    assert histories.times.tolist() == [10, 10, 19, 19]


def test_windows_together_miss_an_event_or_see_one_twice(tmp_path: Path) -> None:
    draw = random.Random("windows")
    deeds = [Deed(draw.choice(USERS[:30]), draw.choice(ITEMS.ids), draw.random() * 99.9) for _ in range(500)]
    with population_of(tmp_path, deeds, ITEMS) as population:
        seen = [
            sum(batch.items.size for batch in population.histories(Cohort.everybody().within(window)))
            for window in windows(7)
        ]
    assert sum(seen) == 500
    assert all(seen)


@pytest.mark.parametrize(("count", "most"), [(4, 1), (5, 2), (3, 3)])
def test_somebody_takes_part_in_more_windows_than_their_share(count: int, most: int, tmp_path: Path) -> None:
    # Everybody has an event in each window.
    deeds = [Deed(user, "item-1", float(time)) for user in USERS[:150] for time in range(0, 100, 5)]
    chosen = [Cohort.everybody().within(window) for window in windows(count, at_most=most)]
    found = secrets(tmp_path, *chosen, deeds=deeds)
    for user in USERS[:150]:
        assert sum(secret_of(user) in people for people in found) == most
    assert all(150 * most / count / 2 < len(people) < 150 * most / count * 2 or most == count for people in found)


def test_the_windows_of_a_person_are_others_than_published() -> None:
    for number in range(50):
        secret = secret_of(f"u{number}")
        order = sorted(
            range(6),
            key=lambda n: hashlib.blake2b(f"homespun-window-1:q.3:6:{n}".encode(), key=secret, digest_size=16).digest(),
        )
        chosen = [n for n, window in enumerate(windows(6, at_most=2, period="q.3")) if window.includes(secret)]
        assert chosen == sorted(order[:2])


def test_what_somebody_did_decides_in_which_windows_they_are(tmp_path: Path) -> None:
    cohort = Cohort.everybody().within(windows(2, at_most=1)[0])
    few = [Deed(user, "item-1", 1.0) for user in USERS[:100]]
    many = few + [Deed(user, item, time) for user in USERS[:100] for item in ITEMS.ids for time in (2.0, 60.0, None)]
    assert secrets(tmp_path, cohort, deeds=few) == secrets(tmp_path, cohort, deeds=many)


def test_everybody_chooses_the_same_windows_or_the_same_ones_in_every_period() -> None:
    def chosen(period: str) -> list[bool]:
        window = windows(2, at_most=1, period=period)[0]
        return [window.includes(secret_of(user)) for user in USERS]

    one, other = np.array(chosen("2026-11")), np.array(chosen("2026-12"))
    assert 150 < one.sum() < 250
    assert 150 < (one == other).sum() < 250


@pytest.mark.parametrize(
    "arguments",
    [
        ("", 0, 1, 0, 1),
        ("a/b", 0, 1, 0, 1),
        ("a:b", 0, 1, 0, 1),
        ("p\n", 0, 1, 0, 1),
        ("p" * 65, 0, 1, 0, 1),
        ("p", 1, 1, 0, 1),
        ("p", -1, 1, 0, 1),
        ("p", 0, 1, 1, 1),
        ("p", 0, 1, -1, 1),
        ("p", 0, 1, 0, 253_402_300_801),
        ("p", 0, 2, 0, 1, 0),
        ("p", 0, 2, 0, 1, 3),
    ],
)
def test_a_window_holds_no_time_or_belongs_to_no_period(arguments: tuple) -> None:
    with pytest.raises(MisuseError):
        Window(*arguments)


def test_windows_nest() -> None:
    window = Window("p", 0, 1, 0, 1)
    with pytest.raises(MisuseError, match="within a window already"):
        Cohort.everybody().within(window).within(window)
