"""Whatever a task, an index or a list of items hold, reading them ends well or in a documented error."""

import contextlib
import json
import random
from pathlib import Path

from homespun.errors import CollectionError
from homespun.protocol.collection.task import encode_task, encode_universe, parse_index, parse_task, parse_universe
from tests.conftest import Runs
from tests.fuzz.test_bundle_fuzz import mutated
from tests.sdk.protocol.collection.support import IDS, counts

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "1" / "task.json").read_bytes())
TASKS = [case["json"].encode() for case in VECTOR["tasks"]]


def test_a_damaged_task_does_something_else_than_being_refused(runs: Runs) -> None:
    for number in runs("damaged tasks", 3000):
        draw = random.Random(number)
        raw = mutated(draw, draw.choice(TASKS), draw.choice(TASKS))
        with contextlib.suppress(CollectionError):
            # What is read has one spelling: its own.
            assert encode_task(parse_task(raw)) == raw


def test_a_damaged_index_does_something_else_than_being_refused(runs: Runs) -> None:
    for number in runs("damaged indexes", 1000):
        with contextlib.suppress(CollectionError):
            parse_index(mutated(random.Random(number), VECTOR["index"].encode(), TASKS[0]))


def test_damaged_items_are_counted(runs: Runs) -> None:
    right = encode_universe(IDS)
    for number in runs("damaged items", 1000):
        raw = mutated(random.Random(number), right, TASKS[0])
        with contextlib.suppress(CollectionError):
            assert parse_universe(raw, counts()) == IDS
