"""Validation sees what it must not see, or something that it made passes for private."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homespun.errors import MisuseError
from homespun.protocol.bundle import MODEL_FILES
from homespun_server import FitOptions, Interactions, fit
from homespun_server.errors import PrivacyParameterError, TrainingError
from homespun_server.evaluation.cases import Case
from homespun_server.evaluation.protocols import (
    ColdItems,
    EvaluationProtocol,
    GlobalTemporal,
    LeaveLastOut,
    StrongGeneralization,
)
from homespun_server.learning import Learned, Validation, trained, validation, write
from homespun_server.learning.data import FitData
from homespun_server.learning.validation import Tuned, beyond, tune
from homespun_server.privacy.ledger import one_off_budget
from homespun_server.privacy.provenance import non_private
from homespun_server.results import BLEND_FILE
from homespun_server.statistics.raw import Raw
from homespun_server.training.blend import STANDARD_BLEND, Blend
from homespun_server.tuning import questions
from tests.server.learning.support import ITEMS, NOON, START, learned_from, silent, table_of, walkers
from tests.server.publishing.support import contents
from tests.server.support import Row, catalogue, share_of_hash, write_table

SHARE = 0.3
OPTIONS = FitOptions(test_share=SHARE, dimensions=8)
BEGIN = START + 15 * 86_400.0
PROTOCOLS: dict[str, EvaluationProtocol] = {
    "strong": StrongGeneralization(0.3),
    "last": LeaveLastOut(),
    "last of some": LeaveLastOut(test_share=0.4),
    "temporal": GlobalTemporal(begin=BEGIN),
}

USERS = [f"user-{number}" for number in range(150)]
ASIDE = {user for user in USERS if share_of_hash(f"homespun-split-1:{user}") < SHARE}


@pytest.fixture(scope="module")
def people() -> list[Row]:
    return walkers(len(USERS))


@pytest.fixture(scope="module")
def tables(people: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interactions]:
    with table_of(tmp_path_factory.mktemp("walkers"), people) as interactions:
        yield interactions


class Seen:
    """What validation trained from and asked about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[tuple[str, str, float]] = []
        self.cases: list[Case] = []
        train, ask = trained.train, questions.ask

        def watched_train(data: FitData, *arguments: Any) -> Any:
            found = data.interactions.connection.execute(
                "SELECT user, item_id, time FROM interactions JOIN item_ids USING (item)"
            )
            self.rows = found.fetchall()
            return train(data, *arguments)

        def watched_ask(cases: Sequence[Case], *arguments: Any, **named: Any) -> Any:
            self.cases = list(cases)
            return ask(cases, *arguments, **named)

        monkeypatch.setattr(validation, "train", watched_train)
        monkeypatch.setattr(validation, "ask", watched_ask)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_validation_sees_its_targets_or_people_kept_aside(
    name: str, tables: Interactions, people: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(monkeypatch)
    tuned = tune(tables, OPTIONS, Validation(PROTOCOLS[name], depth=5), silent, NOON)
    assert 0 < tuned.cases <= len(seen.cases)
    asked = {case.user for case in seen.cases}
    assert asked
    assert not asked & ASIDE
    known = {(user, item, time) for user, item, time in seen.rows}
    whole = {(row.user, row.item, row.time) for row in people}
    assert known < whole
    for case in seen.cases:
        if name == "strong":
            assert case.user not in {user for user, _, _ in known}
        else:
            targets = {(case.user, item, case.now) for item in case.relevant}
            assert not targets & known
        if name == "temporal":
            assert case.now is not None
            assert case.now >= BEGIN > max(time for _, _, time in known)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_people_kept_aside_change_the_blend(name: str, tables: Interactions, people: list[Row], tmp_path: Path) -> None:
    others = walkers(len(USERS), steps=5, seed=9)
    changed = [row for row in people if row.user not in ASIDE] + [row for row in others if row.user in ASIDE]
    settings = Validation(PROTOCOLS[name], depth=5)
    expected = tune(tables, OPTIONS, settings, silent, NOON)
    with table_of(tmp_path, changed) as other:
        assert tune(other, OPTIONS, settings, silent, NOON) == expected


def test_a_share_for_validation_is_one_of_the_people_kept_aside() -> None:
    """Both are counted by one hash: a share that is as large would be the very same people."""
    assert beyond(StrongGeneralization(0.1), 0.1) == StrongGeneralization(pytest.approx(0.19))  # type: ignore[arg-type]
    assert beyond(ColdItems(0.5), 0.2).kept_aside == pytest.approx(0.6)
    assert beyond(LeaveLastOut(test_share=0.5), 0.5) == LeaveLastOut(test_share=0.75)
    for unchanged in (LeaveLastOut(), GlobalTemporal(begin=BEGIN)):
        assert beyond(unchanged, 0.2) == unchanged
    for protocol in PROTOCOLS.values():
        assert beyond(protocol, 0.0) == protocol


def test_nobody_may_be_asked_and_a_blend_is_learned(tmp_path: Path) -> None:
    """Everybody but those who are kept aside comes before the time of the test."""
    rows = [row for row in walkers(len(USERS)) if row.user in ASIDE or (row.time or 0) < BEGIN]
    assert any((row.time or 0) >= BEGIN for row in rows)
    with (
        table_of(tmp_path, rows) as interactions,
        pytest.raises(TrainingError, match="no blend can be learned"),
    ):
        tune(interactions, OPTIONS, Validation(PROTOCOLS["temporal"]), silent, NOON)


def test_a_private_fit_validates(people: list[Row], tmp_path: Path) -> None:
    with pytest.raises(PrivacyParameterError, match="would not be private"):
        fit(
            tmp_path / "not-there.csv",
            items=catalogue(ITEMS),
            out=tmp_path / "out",
            epsilon=1.0,
            options=OPTIONS,
            validation=Validation(LeaveLastOut()),
        )
    assert not (tmp_path / "out").exists()


def test_a_blend_that_was_given_is_learned_as_well(tmp_path: Path) -> None:
    options = replace(OPTIONS, blend=STANDARD_BLEND)
    with pytest.raises(MisuseError, match="not both"):
        fit(
            tmp_path / "not-there.csv",
            out=tmp_path,
            non_private=True,
            options=options,
            validation=Validation(LeaveLastOut()),
        )


def written(learned: Learned, interactions: Interactions, folder: Path, options: FitOptions, **more: Any) -> Any:
    data = FitData(interactions, options, more.get("budget"))
    return write(learned.model, data, folder, options=options, now=NOON, **{"budget": None, **more})


def test_a_learned_blend_is_forgotten_where_releases_are_private(tables: Interactions, tmp_path: Path) -> None:
    """Every release has noise, and still the bundle is not private: the blend was learned from exact data."""
    options = replace(OPTIONS, test_share=0.0)
    budget = one_off_budget(8.0, 1e-6)
    learned = learned_from(tables, options, budget=budget, validation=Validation(LeaveLastOut()))
    assert all(release.private for release in learned.model.releases)
    assert learned.model.kind == "non_private"
    assert learned.model.exact == ("the blend and the size that validation chose",)
    statement = written(learned, tables, tmp_path / "bundle", options, budget=budget)
    assert statement.kind == "non_private"
    assert "the blend and the size that validation chose" in statement.statement
    budget = one_off_budget(8.0, 1e-6)
    standard = learned_from(tables, options, budget=budget)
    assert standard.model.kind == "released"


def test_a_blend_of_unknown_origin_is_private(tables: Interactions, tmp_path: Path) -> None:
    blend = non_private(Raw(STANDARD_BLEND), "somebody's blend")
    options = replace(OPTIONS, test_share=0.0, blend=blend.value, chosen_by=(blend,))
    budget = one_off_budget(8.0, 1e-6)
    statement = written(
        learned_from(tables, options, budget=budget), tables, tmp_path / "bundle", options, budget=budget
    )
    assert statement.kind == "non_private"
    assert "somebody's blend" in statement.statement


@pytest.fixture(scope="module")
def validated(people: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit that learned its blend."""
    folder = tmp_path_factory.mktemp("validated")
    table = write_table(folder / "table.csv", people)
    for name in ("one", "other"):
        fit(
            table,
            items=catalogue(ITEMS),
            out=folder / name,
            non_private=True,
            options=OPTIONS,
            validation=Validation(LeaveLastOut(), depth=5),
            clock=lambda: NOON,
        )
    return folder


def test_two_fits_that_learn_their_blend_differ(validated: Path) -> None:
    assert contents(validated / "one" / "bundle") == contents(validated / "other" / "bundle")
    assert (validated / "one" / BLEND_FILE).read_bytes() == (validated / "other" / BLEND_FILE).read_bytes()


def test_a_blend_that_was_written_weighs_otherwise_when_it_is_read(validated: Path, tmp_path: Path) -> None:
    blend = Blend.from_json((validated / "one" / BLEND_FILE).read_bytes())
    assert blend.to_json() == (validated / "one" / BLEND_FILE).read_bytes()
    assert {"collaborative", "sequential", "session", "content", "popularity"} <= set(blend.weights)
    learned = fit(
        validated / "table.csv",
        items=catalogue(ITEMS),
        out=tmp_path / "out",
        non_private=True,
        options=replace(OPTIONS, blend=blend),
        clock=lambda: NOON,
    )
    with Interactions.read(validated / "table.csv", items=catalogue(ITEMS)) as interactions:
        own = learned_from(interactions, OPTIONS, validation=Validation(LeaveLastOut(), depth=5))
        again = learned_from(interactions, replace(OPTIONS, blend=blend, scorer=own.weighing.value.scorer))
    assert own.weighing.value.blend == again.weighing.value.blend == blend
    for one, other in zip(own.model.value.components, again.model.value.components, strict=True):
        assert (one.name, one.kernel, one.weights) == (other.name, other.kernel, other.weights)
    assert [prior.weights for prior in own.model.value.priors] == [prior.weights for prior in again.model.value.priors]
    assert not (tmp_path / "out" / BLEND_FILE).exists()
    assert learned.report.sizes == ()


def test_an_earlier_blend_stays_beside_a_bundle_without_it(people: list[Row], tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv", people)

    def again(how: Validation | None) -> set[str]:
        fit(
            table,
            items=catalogue(ITEMS),
            out=tmp_path / "out",
            non_private=True,
            options=OPTIONS,
            validation=how,
        )
        return {path.name for path in (tmp_path / "out").iterdir()}

    assert again(Validation(LeaveLastOut())) == {"bundle", "report.json", BLEND_FILE}
    assert again(None) == {"bundle", "report.json"}


def test_sizes_are_not_told_or_the_chosen_one_is_another(people: list[Row], tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv", people)
    fitted = fit(
        table,
        items=catalogue(ITEMS),
        out=tmp_path / "out",
        non_private=True,
        options=OPTIONS,
        validation=Validation(LeaveLastOut()),
    )
    (chosen,) = [size for size in fitted.report.sizes if size.chosen]
    fitting = [size for size in fitted.report.sizes if size.table_bytes <= OPTIONS.model_bytes]
    assert chosen.ndcg == max(size.ndcg for size in fitting)
    assert chosen.table_bytes < sum((fitted.bundle / name).stat().st_size for name in MODEL_FILES)


def fads(users: int = 400) -> list[Row]:
    """Rows of people who choose what is new that day, and something else."""
    draw = np.random.default_rng(3)
    rows = []
    for user in range(users):
        day = int(draw.integers(0, 25))
        for step in (0, 1):
            now, fad = START + (day + step) * 86_400 + float(draw.integers(0, 80_000)), (day + step) % ITEMS
            item = fad if draw.random() < 0.8 else int(draw.integers(0, ITEMS))
            rows.append(Row(f"user-{user}", f"item-{item}", now))
    return rows


def test_trends_are_judged_as_if_they_were_never_refreshed(tmp_path: Path) -> None:
    options = FitOptions(test_share=0.0, parts=("collaborative", "trend"), half_lives=(43_200,))
    protocol = GlobalTemporal(begin=BEGIN, repeats=True)
    told: dict[int | None, Tuned] = {}
    with table_of(tmp_path, fads()) as interactions:
        for refresh in (None, 3600):
            how = Validation(protocol, scorers=(), refresh=refresh)
            told[refresh] = tune(interactions, replace(options, learns_blend=True), how, silent, NOON)
    assert told[3600].learned > 1.3 * told[None].learned
    assert max(told[3600].blend.weight("trend-12h")) > 0


def test_trends_of_the_future_are_known_in_a_validation(tmp_path: Path) -> None:
    """Only the last hour tells: with a refresh a year nothing does."""
    options = FitOptions(test_share=0.0, parts=("collaborative", "trend"), half_lives=(43_200,), learns_blend=True)
    with table_of(tmp_path, fads()) as interactions:
        how = Validation(GlobalTemporal(begin=BEGIN, repeats=True), scorers=(), refresh=366 * 86_400)
        yearly = tune(interactions, options, how, silent, NOON)
        hourly = tune(interactions, options, replace(how, refresh=3600), silent, NOON)
    assert yearly.learned < 0.7 * hourly.learned


def test_a_refresh_never_comes() -> None:
    with pytest.raises(MisuseError, match="seconds between refreshes"):
        Validation(LeaveLastOut(), refresh=0)
