"""A step is taken from the cache although something that decides about it has changed, or made anew if not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homespun_server.running.keys import key_of
from homespun_server.running.overrides import Override
from homespun_server.running.steps.step import STEPS
from tests.server.running.support import Films, content, job_of

ORDER = tuple(step.name for step in STEPS)


def keys(films: Films, folder: Path, **tables: dict[str, Any]) -> dict[str, str]:
    return job_of(content(films, **tables), folder).keys


@pytest.mark.parametrize(
    ("table", "changes", "first"),
    [
        ("inputs", {"skip_bad_rows": True}, "ingest"),
        ("fit", {"max_items": 50}, "statistics"),
        ("fit", {"min_weight": 7.0}, "statistics"),
        ("fit", {"parts": ["collaborative"]}, "statistics"),
        ("fit", {"as_of": 1_400_000_000}, "statistics"),
        ("fit", {"epsilon": 4.0}, "release"),
        ("fit", {"delta": 1e-7}, "release"),
        ("ledger", {"data_set": "films", "store": "ledger.sqlite"}, "release"),
        ("fit", {"dimensions": 4}, "train"),
        ("fit", {"users": 500}, "train"),
        ("fit", {"kinds": ["view"]}, "train"),
        ("fit", {"metrics_epsilon": 1.0}, "evaluate"),
        ("evaluation", {"k": [10]}, "evaluate"),
        ("gates", {"max_epsilon": 9.0}, "gates"),
        ("card", {"contact": "us"}, "bundle"),
    ],
)
def test_a_change_reaches_too_few_steps_or_too_many(
    table: str, changes: dict[str, Any], first: str, films: Films, tmp_path: Path
) -> None:
    before, after = keys(films, tmp_path), keys(films, tmp_path, **{table: changes})
    changed = [name for name in ORDER if before[name] != after[name]]
    # The catalogue stands beside the releases in training, and the draft beside the figures in gates.
    assert changed == list(ORDER[ORDER.index(first) :])


def test_publishing_otherwise_makes_something_anew(films: Films, tmp_path: Path) -> None:
    plain = content(films)
    del plain["gates"]
    assert job_of(plain, tmp_path).keys == job_of({**plain, "gates": {}}, tmp_path).keys


def test_another_table_is_taken_for_the_same(films: Films, tmp_path: Path) -> None:
    copied = Films(tmp_path / "other.csv", films.items)
    copied.interactions.write_bytes(films.interactions.read_bytes())
    assert keys(films, tmp_path) == keys(copied, tmp_path)
    with copied.interactions.open("a", encoding="utf-8") as file:
        file.write("somebody,0468569,8,1370000000\n")
    other = keys(copied, tmp_path)
    assert not set(other.values()) & set(keys(films, tmp_path).values())


def test_an_update_of_a_library_costs_people_privacy(films: Films, tmp_path: Path) -> None:
    job = job_of(content(films), tmp_path)
    asked = replace(job.asked, code={**job.asked.code, "numpy": "99"})
    after: dict[str, str] = {}
    for step in STEPS:
        after[step.name] = step.key(asked, after)
    changed = [name for name in ORDER if after[name] != job.keys[name]]
    assert changed == ["train", "evaluate", "gates", "bundle"]


def test_an_override_lets_an_old_judgement_stand(films: Films, tmp_path: Path) -> None:
    before = job_of(content(films), tmp_path).keys
    after = job_of(content(films), tmp_path, overrides=[Override("latency-p50", "an old machine")]).keys
    assert [name for name in ORDER if before[name] != after[name]] == ["gates", "bundle"]


def test_two_questions_have_one_key() -> None:
    plain: dict[str, Any] = {"revision": 1, "code": {}, "parameters": {"a": 0.1}, "inputs": {"b": "c"}}
    others = (
        {**plain, "revision": 2},
        {**plain, "code": {"numpy": "1"}},
        {**plain, "parameters": {"a": 0.10000000000000002}},
        {**plain, "parameters": {"a": "0.1"}} | {"revision": 3},
        {**plain, "parameters": {"a": [0.1]}},
        {**plain, "inputs": {"b": "d"}},
    )
    found = {key_of("train", **plain), key_of("gates", **plain), *(key_of("train", **other) for other in others)}
    assert len(found) == len(others) + 2
    assert all(len(key) == 64 for key in found)
