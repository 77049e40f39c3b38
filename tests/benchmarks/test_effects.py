"""What would make the benchmark of effects tell the future, or compare lists of different people."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.models.datasets import RETAIL, DataSet
from benchmarks.ranking.effect_cases import KNOWN, CutPeople, chosen_people, cut, first_events, spread_cases
from benchmarks.ranking.effect_data import FEWEST, tagged_products
from benchmarks.ranking.effect_policies import DIAL, PLAIN, policy_of, stages_on
from homespun.protocol.events import Event
from homespun.protocol.policy import encode_policy, parse_policy
from homespun.protocol.policy.stages import Caps, Learning
from homespun_server.evaluation.held_out import Person
from homespun_server.evaluation.protocols import Liked
from homespun_server.statistics.columns import InteractionColumns, ItemColumns


def person(user: str, items: int, *, hated: int = -1) -> Person:
    events = tuple(Event(f"i{place}", "rate", float(place), 1.0 if place == hated else 5.0) for place in range(items))
    return Person(user, events, tuple(place != hated for place in range(items)))


def test_a_case_knows_what_it_is_to_predict() -> None:
    case = cut(person("ada", 30, hated=13), 12, CutPeople(Liked(4.0), ahead=3))
    assert case is not None
    assert [event.item for event in case.events] == [f"i{place}" for place in range(12)]
    assert case.relevant == {"i12", "i14", "i15"}
    assert case.now == 12.0


def test_what_was_seen_counts_though_it_may_not_be_listed() -> None:
    events = (Event("tea", time=0.0), Event("jam", time=1.0), Event("tea", time=2.0))
    again = Person("ada", events, (True, True, True))
    assert cut(again, 2, CutPeople()) is None
    repeated = cut(again, 2, CutPeople(repeats=True))
    assert repeated is not None
    assert repeated.relevant == {"tea"}


def test_a_number_of_first_events_is_measured_on_other_people() -> None:
    people = [person("ada", 80), person("bob", 51), person("cyd", 50)]
    found = list(first_events(people, CutPeople()))
    assert [{case.user for case in cases} for cases in found] == [{"ada"}, {"bob"}]
    assert [[len(case.events) for case in cases] for cases in found] == [list(KNOWN)] * 2


def test_defaults_are_chosen_on_who_is_reported() -> None:
    people = [person(f"user-{number}", 20) for number in range(400)]
    sides = [{each.user for each in chosen_people(people, CutPeople(), reported=side)} for side in (True, False)]
    assert not sides[0] & sides[1]
    assert min(len(side) for side in sides) > 20
    assert len({case.user for case in spread_cases(people, CutPeople(), 2)}) == len(people)


def test_policies_that_no_application_could_give_are_measured() -> None:
    ways = stages_on("Drama", "released")
    assert next(iter(ways)) == PLAIN
    assert DIAL.format(0.5) in ways
    for way in ways.values():
        assert parse_policy(encode_policy(way.policy)) == way.policy
    order = [type(stage).__name__ for stage in policy_of(Caps(each=3), Learning()).surfaces["home"].stages]
    assert order == ["Candidates", "Seen", "Rules", "Learning", "Caps"]


def test_words_that_few_products_share_are_tags(tmp_path: Path) -> None:
    titles = [f"BAG {number}" for number in range(FEWEST)] + ["rare bag", "of"]
    parquet.write_table(pa.table({"item": np.arange(len(titles)), "title": titles}), tmp_path / "items.parquet")
    data = DataSet(RETAIL, "Shop", tmp_path / "none", tmp_path / "items.parquet", InteractionColumns(), ItemColumns())
    tags = tagged_products(data, tmp_path / "made").items().tags
    assert set(tags[:-1]) == {("BAG",)}
    assert tags[-1] == ()
