"""What was not released cannot reach a universe, a model, a card or a bundle: the type checker refuses it.

What the type checker can be talked out of is refused at run time: see the tests of provenance and raw figures.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SNIPPET = """\
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np

from homespun_server.learning import FitOptions
from homespun_server.privacy.provenance import Sourced, derive, fixed, non_private, public, released, together
from homespun_server.privacy.release import Release
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.publishing.figures import Figure, Quality, number_of_users, released_quality, released_users
from homespun_server.publishing.statement import privacy_statement
from homespun_server.statistics.items import Items
from homespun_server.statistics.likes import Likes
from homespun_server.statistics.raw import Raw
from homespun_server.statistics.sums import UserSum
from homespun_server.training.advice import advice
from homespun_server.training.collaborative import Trained, collaborative_model, train_collaborative
from homespun_server.training.model import Model
from homespun_server.training.popularity import Universe, choose_universe


def right(counts: Release, pairs: Release, items: Sourced[Items], now: datetime, metrics: Release) -> None:
    universe = choose_universe(counts, items, fixed(100))
    model = collaborative_model(train_collaborative(pairs, universe, fixed(8)), universe)
    quality = released_quality(metrics, model)
    parameters = {"dimensions": derive(lambda found: str(found.items.size), model)}
    users = derive(number_of_users, public(300, "the annual report"))
    description = Description("films", now, fixed(None), 1e-6, parameters, None, users, quality)
    write_bundle(model, items, description, Path("bundle"))


def marked(likes: Likes) -> Sourced[Figure]:
    return derive(number_of_users, non_private(likes.training_users(), "the number of users"))


def chosen(measured: tuple[Release, ...]) -> FitOptions:
    best = derive(lambda found: int(found[0].reals.argmax()), together(*map(released, measured)))
    return FitOptions(dimensions=best.value, chosen_by=(best,))


def a_sum_chooses(counts: UserSum, items: Sourced[Items]) -> Sourced[Universe]:
    return choose_universe(counts, items, fixed(2))  # refused


def an_array_chooses(items: Sourced[Items]) -> Sourced[Universe]:
    return choose_universe(np.zeros(2, np.int64), items, fixed(2))  # refused


def a_catalogue_of_unknown_origin(counts: Release, items: Items) -> Sourced[Universe]:
    return choose_universe(counts, items, fixed(2))  # refused


def a_sum_trains(pairs: UserSum, universe: Sourced[Universe]) -> Sourced[Trained]:
    return train_collaborative(pairs, universe, fixed(8))  # refused


def an_array_trains(universe: Sourced[Universe]) -> Sourced[Trained]:
    return train_collaborative(np.zeros(1, np.int64), universe, fixed(8))  # refused


def a_universe_of_unknown_origin(pairs: Release) -> Sourced[Trained]:
    return train_collaborative(pairs, Universe(np.arange(3), np.ones(3)), fixed(8))  # refused


def a_bare_setting(pairs: Release, universe: Sourced[Universe]) -> Sourced[Trained]:
    return train_collaborative(pairs, universe, 8)  # refused


def a_raw_setting(pairs: Release, universe: Sourced[Universe], likes: Likes) -> Sourced[Trained]:
    return train_collaborative(pairs, universe, likes.training_users())  # refused


def a_raw_setting_is_called_fixed(likes: Likes) -> Sourced[object]:
    return fixed(likes.training_users())  # refused


def an_array_is_called_fixed(likes: Likes) -> Sourced[object]:
    return fixed(np.zeros(3))  # refused


def a_raw_option(likes: Likes) -> FitOptions:
    return FitOptions(dimensions=likes.training_users())  # refused


def a_raw_number_is_declared(likes: Likes) -> FitOptions:
    return FitOptions(users=likes.training_users())  # refused


def a_model_of_an_array(items: Sourced[Items], description: Description) -> None:
    model = Model(np.arange(3), 3, (), ())
    write_bundle(model, items, description, Path("bundle"))  # refused


def a_raw_model(model: Raw[Model], items: Sourced[Items], description: Description) -> None:
    write_bundle(model, items, description, Path("bundle"))  # refused


def a_bundle_of_unknown_items(model: Sourced[Model], items: Items, description: Description) -> None:
    write_bundle(model, items, description, Path("bundle"))  # refused


def a_raw_number_of_users(now: datetime, likes: Likes) -> Description:
    return Description("films", now, fixed(None), None, {}, people=likes.training_users())  # refused


def a_public_raw_number_of_users(now: datetime, likes: Likes) -> Sourced[Figure]:
    return derive(number_of_users, public(likes.training_users(), "me"))  # refused


def a_bare_number_of_users(now: datetime) -> Description:
    return Description("films", now, fixed(None), None, {}, people=number_of_users(300))  # refused


def a_bare_metric(now: datetime, quality: Quality) -> Description:
    return Description("films", now, fixed(None), None, {}, quality=quality)  # refused


def a_float_for_a_metric(now: datetime) -> Description:
    return Description("films", now, fixed(None), None, {}, quality=0.43)  # refused


def an_exact_metric(now: datetime, quality: Raw[Quality]) -> Description:
    return Description("films", now, fixed(None), None, {}, quality=quality)  # refused


def a_sum_of_metrics(metrics: UserSum, model: Sourced[Model]) -> Sourced[Quality]:
    return released_quality(metrics, model)  # refused


def metrics_of_a_model_of_unknown_origin(metrics: Release, model: Model) -> Sourced[Quality]:
    return released_quality(metrics, model)  # refused


def a_sum_of_people(people: UserSum) -> Sourced[Figure]:
    return released_users(people)  # refused


def a_bare_parameter(now: datetime) -> Description:
    return Description("films", now, fixed(None), None, {"rank": "8"})  # refused


def a_bare_threshold(now: datetime) -> Description:
    return Description("films", now, 3.5, None, {})  # refused


def a_statement_of_a_model(model: Model) -> None:
    privacy_statement(model, 1e-6)  # refused


def an_exact_figure_is_not_marked(users: int) -> Sourced[int]:
    return non_private(users, "the number of users")  # refused


def a_sum_is_called_released(counts: UserSum) -> Sourced[Release]:
    return released(counts)  # refused


def a_bare_value_is_derived_from(function: Callable[[int], int], users: int) -> Sourced[int]:
    return derive(function, users)  # refused


def a_function_gets_another_value(function: Callable[[int], int], name: Sourced[str]) -> Sourced[int]:
    return derive(function, name)  # refused


def a_raw_number_is_advised_on(users: int) -> object:
    return advice(users=users, directions=fixed(3), epsilon=1.0, delta=1e-6)  # refused


def a_warning_leaves(warnings: Raw[tuple[str, ...]]) -> tuple[str, ...]:
    return warnings  # refused


def sum_of(users: Raw[int]) -> object:
    return users + 1  # refused


def share_of(users: Raw[int]) -> object:
    return 5 / users  # refused


def threshold_on(users: Raw[int]) -> bool:
    return users < 100  # refused


def equality_of(users: Raw[int]) -> bool:
    return users == 100  # refused


def truth_of(users: Raw[int]) -> int:
    return 1 if users else 0  # refused


def number_from(users: Raw[int]) -> int:
    return int(users)  # refused


def float_from(users: Raw[int]) -> float:
    return float(users)  # refused


def length_of(users: Raw[list[str]]) -> int:
    return len(users)  # refused
"""


@pytest.fixture(scope="module")
def found(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> tuple[Path, list[str]]:
    """The snippet's file and what mypy says of it."""
    file = tmp_path_factory.mktemp("types") / "snippet.py"
    file.write_text(SNIPPET, encoding="utf-8")
    cache = getattr(pytestconfig, "cache", None)
    kept = tmp_path_factory.mktemp("mypy") if cache is None else cache.mkdir("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", "--hide-error-context"]
    command += ["--config-file", str(repository / "pyproject.toml"), "--cache-dir", str(kept)]
    done = subprocess.run([*command, str(file)], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return file, done.stdout.splitlines()


def test_something_that_was_not_released_is_learned_from_or_published(found: tuple[Path, list[str]]) -> None:
    file, lines = found
    errors = [line for line in lines if ": error: " in line]
    assert all(file.name in line for line in errors), errors
    refused = [int(line.split(": error: ")[0].rsplit(":", 1)[1]) for line in errors]
    wrong = [number for number, line in enumerate(SNIPPET.splitlines(), 1) if line.endswith("# refused")]
    assert len(wrong) > 40
    assert sorted(set(refused)) == wrong, "\n".join(lines)


def test_a_snippet_is_refused_for_another_reason_than_its_origin(found: tuple[Path, list[str]]) -> None:
    _, lines = found
    codes = {line.rsplit("[", 1)[1].rstrip("]") for line in lines if ": error: " in line}
    expected = {"arg-type", "type-var", "operator", "comparison-overlap", "truthy-bool", "return-value", "dict-item"}
    assert codes <= {*expected, "call-overload", "no-any-return"}, "\n".join(lines)
