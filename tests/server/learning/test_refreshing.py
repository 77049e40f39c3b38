"""A refresh pays again for what was paid for, leaves a loss out, or makes another model than it says."""

import json
import math
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from homespun.errors import MisuseError, PolicyError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import PrivacyStatement
from homespun.protocol.policy import Policy, parse_policy
from homespun_server import Account, BudgetPolicy, FitOptions, Fitted, Items, fit, open_ledger, refresh
from homespun_server.accounts import BUDGET_FILE, DATA_SET
from homespun_server.errors import (
    BudgetExceededError,
    DataError,
    LedgerError,
    OutputError,
    ReleaseFileError,
    TrainingError,
)
from homespun_server.learning import FitData
from homespun_server.learning.keeping import KeptFit, Paid, load
from homespun_server.learning.refreshing import REFRESHABLE, moment_of, relearn
from homespun_server.learning.writing import write
from homespun_server.privacy.provenance import fixed, public, released
from homespun_server.privacy.zcdp import epsilon_of
from homespun_server.statistics.columns import InteractionColumns
from homespun_server.training.blend import RECENT, Blend, steady
from tests.server.learning.support import EVERYTHING, ITEMS, NOON, in_contexts, silent, table_of, walkers
from tests.server.pipeline.support import account_beside, state_of
from tests.server.publishing.support import contents
from tests.server.support import Row, catalogue, write_table

BLEND = Blend(
    weights={
        **{name: steady(0.5) for name in ("collaborative", "content", "popularity", "sequential", "session")},
        **{name: steady(1.0) for name in ("trend-2d", "context:daytime", "archetypes", "repeats")},
    },
    kernels={"collaborative": RECENT},
)
OPTIONS = FitOptions(
    name="shop",
    parts=("collaborative", "content", "trend"),
    test_share=0.0,
    dimensions=8,
    half_lives=(2 * 86_400,),
    blend=BLEND,
    chosen_by=(public(None, "what another shop published"),),
)
LATER = NOON + timedelta(days=10)
EPSILON = 60.0

Refresh = Callable[..., Fitted]


@pytest.fixture
def rows() -> list[Row]:
    return walkers(150)


@pytest.fixture
def today(rows: list[Row], tmp_path: Path) -> Path:
    """The table ten days later: everybody chose the item that was the least popular one."""
    new = [Row(row.user, "item-29", LATER.timestamp() - 3600.0) for row in rows[::9]]
    return write_table(tmp_path / "today.csv", [*rows, *new])


@pytest.fixture
def fitted(rows: list[Row], tmp_path: Path) -> Fitted:
    table = write_table(tmp_path / "rows.csv", rows)
    return fit(
        table, items=catalogue(ITEMS), out=tmp_path / "one", epsilon=EPSILON, options=OPTIONS, clock=lambda: NOON
    )


@pytest.fixture
def again(fitted: Fitted, today: Path, tmp_path: Path) -> Refresh:
    """Refresh the fit ten days later."""

    def refreshed(**more: Any) -> Fitted:
        given = {"items": catalogue(ITEMS), "out": tmp_path / "two", "epsilon": 20.0, "clock": lambda: LATER, **more}
        return refresh(given.pop("previous", fitted.bundle.parent), today, **given)

    return refreshed


def beside(fitted: Fitted) -> Account:
    return account_beside(fitted.bundle.parent)


def names(statement: PrivacyStatement) -> list[str]:
    return sorted(entry.statistic for entry in statement.releases)


POLICY = {
    "schema": 1,
    "name": "Shop",
    "surfaces": {"home": {"stages": [{"stage": "rules"}]}},
    "rules": [{"name": "spring", "then": {"do": "filter"}, "items": {"tag": "x"}, "until": "2026-03-01T00:00:00Z"}],
}


def policy_of(fitted: Fitted) -> Policy | None:
    with closing(Bundle.open(fitted.bundle)) as bundle:
        return bundle.policy


def test_a_refresh_forgets_the_policy_or_keeps_the_old_one(rows: list[Row], again: Refresh, tmp_path: Path) -> None:
    first, second = parse_policy(POLICY), parse_policy(POLICY | {"name": "Later"})
    options = replace(OPTIONS, policy=first)
    table = write_table(tmp_path / "rows.csv", rows)
    fitted = fit(table, items=catalogue(ITEMS), out=tmp_path / "with", epsilon=EPSILON, options=options)
    assert policy_of(fitted) == first
    kept = again(previous=fitted.bundle.parent, out=tmp_path / "kept")
    assert policy_of(kept) == first
    replaced = again(previous=fitted.bundle.parent, out=tmp_path / "replaced", policy=second)
    assert policy_of(replaced) == second
    card = (replaced.bundle / "card.md").read_text(encoding="utf-8")
    assert "“Later” (public: what another shop published)" in card
    assert policy_of(again(previous=tmp_path / "replaced", out=tmp_path / "next")) == second


def test_a_policy_that_devices_would_refuse_is_paid_for(fitted: Fitted, again: Refresh) -> None:
    before = state_of(beside(fitted))
    with pytest.raises(PolicyError):
        again(policy=msgspec.structs.replace(parse_policy(POLICY), name="\x1b[2J"))
    assert state_of(beside(fitted)) == before


def weights(fitted: Fitted) -> bytes:
    return (fitted.bundle / "weights.bin").read_bytes()


def popular(fitted: Fitted) -> list[str]:
    with closing(Bundle.open(fitted.bundle)) as bundle:
        return [scored.item for scored in bundle.rank([], k=3)]


def test_the_card_forgets_what_the_kept_releases_cost(fitted: Fitted, again: Refresh) -> None:
    before = state_of(beside(fitted))
    refreshed = again()
    after = state_of(beside(fitted))
    assert after.held == ()
    (new,) = after.spends[len(before.spends) :]
    assert (new.spend.statistic, new.purpose) == ("item-trend", "refresh shop")
    assert math.isclose(epsilon_of(float(new.spend.rho), 1e-6), 20.0, rel_tol=1e-3)
    assert after.lifetime_spent == before.lifetime_spent + new.spend.rho
    statement = refreshed.report.privacy
    assert names(statement) == ["item-counts", "item-pairs", "item-trend"]
    kept = {each.spend.statistic: each.spend.rho for each in before.spends}
    total = kept["item-counts"] + kept["item-pairs"] + new.spend.rho
    assert statement.epsilon is not None
    assert math.isclose(float(statement.epsilon), epsilon_of(float(total), 1e-6), rel_tol=1e-3)
    assert Fraction(str(statement.rho)) >= total
    with closing(Bundle.open(refreshed.bundle)) as bundle:
        assert bundle.privacy == statement
    # What people lost in all is the ledger's to say: the trend of the fit is not in this bundle any more.
    assert refreshed.report.budget is not None
    assert f"ε = {after.epsilon(after.lifetime_spent):.4g}"[:8] in refreshed.report.budget.statement
    card = (refreshed.bundle / "card.md").read_text(encoding="utf-8")
    assert "what another shop published" in card


def test_a_refreshed_trend_changes_no_list(fitted: Fitted, again: Refresh) -> None:
    refreshed = again()
    assert popular(refreshed)[0] == "item-29"
    # Noise may have put it first before, too, but not everything in the same order.
    assert popular(refreshed) != popular(fitted)
    assert refreshed.report.universe_items == fitted.report.universe_items
    assert [each.statistic for each in refreshed.report.bounding] == ["item-trend"]


def rebuilt(previous: Path, table: Path, items: Items, out: Path) -> Fitted:
    """Make the bundle of a fit's releases again, with none released anew."""
    kept: KeptFit = load(previous / "releases")
    with (
        open_ledger(previous / BUDGET_FILE, DATA_SET) as ledger,
        ledger.reserve([((), Fraction(1, 100))], "nothing") as budget,
        table_of(table.parent, table, items) as interactions,
    ):
        paid: Paid = kept.paid(ledger)
        data = FitData(interactions, paid.options, budget)
        as_of = moment_of(kept, paid, (), None, LATER)
        learned = relearn(data, kept, paid, statistics=(), as_of=as_of, budget=budget, observer=silent)
        write(learned.model, data, out, budget=budget, options=paid.options, now=NOON)
        assert budget.spends == ()
    return Fitted(out, None)  # type: ignore[arg-type]


def test_the_same_releases_make_another_model(fitted: Fitted, today: Path, tmp_path: Path) -> None:
    again = rebuilt(fitted.bundle.parent, today, catalogue(ITEMS), tmp_path / "again")
    one, other = contents(fitted.bundle), contents(again.bundle)
    assert one == other


def test_the_order_of_the_catalogue_makes_another_model(fitted: Fitted, today: Path, tmp_path: Path) -> None:
    plain = catalogue(ITEMS)
    turned = Items(*(list(reversed(column)) for column in (plain.ids, plain.titles, plain.tags, plain.texts)))  # type: ignore[arg-type]
    again = rebuilt(fitted.bundle.parent, today, turned, tmp_path / "again")
    assert popular(again) == popular(fitted)
    with closing(Bundle.open(again.bundle)) as one, closing(Bundle.open(fitted.bundle)) as other:
        assert list(one.items) == list(other.items)


def test_a_second_refresh_does_not_find_what_the_first_kept(again: Refresh, fitted: Fitted, tmp_path: Path) -> None:
    again(epsilon=5.0)
    deep = tmp_path / "deep" / "three"
    third = again(previous=tmp_path / "two", out=deep, epsilon=5.0, statistics=("item-pairs",))
    state = state_of(beside(fitted))
    purposes = [(each.purpose, each.spend.statistic) for each in state.spends[3:]]
    assert purposes == [("refresh shop", "item-trend"), ("refresh shop", "item-pairs")]
    assert names(third.report.privacy) == ["item-counts", "item-pairs", "item-trend"]
    used = [state.spends[0], *state.spends[3:]]
    rho = sum((each.spend.rho for each in used), Fraction(0))
    assert third.report.privacy.epsilon is not None
    assert math.isclose(float(third.report.privacy.epsilon), epsilon_of(float(rho), 1e-6), rel_tol=1e-3)
    assert not (deep / BUDGET_FILE).exists()
    # In place, again and again.
    fourth = again(previous=deep, out=deep, epsilon=5.0)
    assert fourth.bundle == third.bundle
    assert len(state_of(beside(fitted)).spends) == 6
    # All together can be moved.
    shutil.move(tmp_path / "one", tmp_path / "moved" / "one")
    shutil.move(tmp_path / "deep", tmp_path / "moved" / "deep")
    again(previous=tmp_path / "moved" / "deep" / "three", out=tmp_path / "five")


def test_a_ledger_that_is_gone_is_replaced_by_an_empty_one(again: Refresh, fitted: Fitted, tmp_path: Path) -> None:
    again()
    elsewhere = tmp_path / "elsewhere.sqlite"
    shutil.move(fitted.bundle.parent / BUDGET_FILE, elsewhere)
    with pytest.raises(LedgerError, match=r"is not at .* --store PATH --data-set default"):
        again(previous=tmp_path / "two", out=tmp_path / "three")
    again(previous=tmp_path / "two", out=tmp_path / "three", account=Account(elsewhere, DATA_SET))
    with pytest.raises(MisuseError, match="charged to a ledger that the operator named"):
        again(previous=tmp_path / "three", out=tmp_path / "four")
    assert not (tmp_path / "four").exists()


def test_another_ledger_is_charged(again: Refresh, fitted: Fitted, tmp_path: Path) -> None:
    other = Account(tmp_path / "other.sqlite", "other")
    with open_ledger(other.store, other.data_set, create=True) as ledger:
        ledger.open(BudgetPolicy())
    with pytest.raises(ReleaseFileError, match="knows no release with the numbers"):
        again(account=other)
    assert state_of(other).spends == ()
    assert state_of(other).held == ()
    assert not (tmp_path / "two").exists()


def spoil_number(folder: Path) -> None:
    path = folder / "item-pairs.parquet"
    with pq.ParquetFile(path) as file:
        table = file.read()
    more = pa.table({"value": pc.add(table.column("value"), 1)}).replace_schema_metadata(table.schema.metadata)
    pq.write_table(more, path)


def spoil_name(folder: Path) -> None:
    shutil.copy(folder / "item-counts.parquet", folder / "item-trend.parquet")


def spoil_ids(folder: Path) -> None:
    ids = json.loads((folder / "catalogue.json").read_bytes())
    (folder / "catalogue.json").write_text(json.dumps([*ids[1:], ids[0]]), encoding="utf-8")


def spoil_options(folder: Path, **options: object) -> None:
    found = json.loads((folder / "fit.json").read_bytes())
    found["options"] |= options
    (folder / "fit.json").write_text(json.dumps(found), encoding="utf-8")


def spoil_schema(folder: Path) -> None:
    found = json.loads((folder / "fit.json").read_bytes()) | {"schema": 2}
    (folder / "fit.json").write_text(json.dumps(found), encoding="utf-8")


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a number": (spoil_number, "knows no release with the numbers"),
    "a file that is missing": (lambda folder: (folder / "item-pairs.parquet").unlink(), "is no kept release"),
    "a release under another name": (spoil_name, "item-trend.parquet in .* is about other items or people"),
    "the order of items": (spoil_ids, "item-counts.parquet in .* is about other items"),
    "the universe": (lambda folder: spoil_options(folder, max_items=12), "is about other items"),
    "the people": (lambda folder: spoil_options(folder, test_share=0.5), "is about other items or people"),
    "an option": (lambda folder: spoil_options(folder, max_items="many"), "is damaged"),
    "an option that there is not": (lambda folder: spoil_options(folder, speed=3), "is damaged .KeyError: 'speed'"),
    "the version": (spoil_schema, "of another version"),
    "a file that is no JSON": (lambda folder: (folder / "fit.json").write_bytes(b"\xff"), "is damaged"),
    "a list for an object": (lambda folder: (folder / "fit.json").write_bytes(b"[]"), "is damaged"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_file_that_was_changed_is_trained_from(what: str, again: Refresh, fitted: Fitted, tmp_path: Path) -> None:
    spoil, problem = SPOILT[what]
    spoil(fitted.bundle.parent / "releases")
    before = state_of(beside(fitted))
    with pytest.raises(ReleaseFileError, match=problem):
        again()
    after = state_of(beside(fitted))
    assert (after.spends, after.held) == (before.spends, ())
    assert not (tmp_path / "two").exists()


def grown(titles: dict[str, str]) -> Items:
    """Return the catalogue with items before and behind those of the fit."""
    plain = catalogue(ITEMS)
    ids = [*titles, *plain.ids]
    return Items(ids, [*titles.values(), *plain.titles], [()] * len(ids), [""] * len(ids))


def test_items_that_were_added_move_the_others_or_are_left_out(again: Refresh) -> None:
    refreshed = again(items=grown({"new-1": "Title 3", "new-2": "Title 4"}))
    assert popular(refreshed)[0] == "item-29"
    assert (refreshed.report.universe_items, refreshed.report.catalogue_items) == (ITEMS + 2, ITEMS + 2)
    with closing(Bundle.open(refreshed.bundle)) as bundle:
        assert sorted(bundle.items) == sorted([*catalogue(ITEMS).ids, "new-1", "new-2"])
        assert len(bundle.similar("new-1", k=3)) == 3


def test_the_next_refresh_takes_added_items_for_counted_ones(again: Refresh, tmp_path: Path) -> None:
    items = grown({"new-1": "Title 3"})
    again(items=items)
    # It was never counted, so it may go again.
    again(previous=tmp_path / "two", out=tmp_path / "three")
    ids = json.loads((tmp_path / "three" / "releases" / "catalogue.json").read_bytes())
    assert ids == catalogue(ITEMS).ids


def test_an_item_that_is_missing_goes_unnoticed(again: Refresh, fitted: Fitted, tmp_path: Path) -> None:
    before = state_of(beside(fitted)).head
    plain = catalogue(ITEMS)
    fewer = Items(*(column[:5] + column[7:] for column in (plain.ids, plain.titles, plain.tags, plain.texts)))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"no item 'item-5' any more: of the 30 items .* 2 are missing") as caught:
        again(items=fewer)
    assert caught.value.count == 2
    assert state_of(beside(fitted)).head == before
    assert not (tmp_path / "two").exists()


def test_a_refused_refresh_spoils_what_is_there(rows: list[Row], today: Path, tmp_path: Path) -> None:
    account = Account(tmp_path / "shop.sqlite", "shop")
    with open_ledger(account.store, account.data_set, create=True) as ledger:
        ledger.open(BudgetPolicy(epsilon=10.0, lifetime=10.0))
    given: dict[str, Any] = {"items": catalogue(ITEMS), "out": tmp_path / "one", "account": account}
    fit(write_table(tmp_path / "rows.csv", rows), **given, epsilon=9.0, options=OPTIONS, clock=lambda: NOON)
    before, head = contents(tmp_path / "one"), state_of(account).head
    missing = tmp_path / "not-there.csv"
    with pytest.raises(BudgetExceededError, match="Nothing was read or released"):
        refresh(tmp_path / "one", missing, **given, epsilon=9.0)
    assert contents(tmp_path / "one") == before
    assert state_of(account).head == head
    refresh(tmp_path / "one", today, **given, epsilon=0.5)
    assert len(state_of(account).spends) == 4
    assert not (tmp_path / "one" / BUDGET_FILE).exists()


def test_a_table_that_cannot_be_read_costs_something(again: Refresh, fitted: Fitted, today: Path) -> None:
    before, spends = contents(fitted.bundle.parent / "releases"), state_of(beside(fitted)).spends
    today.write_text("nonsense\n1\n", encoding="utf-8")
    with pytest.raises(DataError):
        again(out=fitted.bundle.parent)
    assert contents(fitted.bundle.parent / "releases") == before
    state = state_of(beside(fitted))
    assert (state.spends, state.held) == (spends, ())


def test_a_table_without_times_costs_something(again: Refresh, fitted: Fitted, today: Path) -> None:
    today.write_text("user,item\nuser-1,item-2\n", encoding="utf-8")
    spends = state_of(beside(fitted)).spends
    with pytest.raises(TrainingError, match="no times"):
        again()
    assert state_of(beside(fitted)).spends == spends


def test_a_fit_without_privacy_keeps_exact_sums(rows: list[Row], today: Path, tmp_path: Path) -> None:
    table, out = write_table(tmp_path / "rows.csv", rows), tmp_path / "one"
    given: dict[str, Any] = {"items": catalogue(ITEMS), "out": out}
    fit(table, **given, epsilon=1.0, options=OPTIONS)
    assert (out / "releases" / "fit.json").exists()
    fit(table, **given, non_private=True, options=OPTIONS)
    assert not (out / "releases").exists()
    for folder in (out, tmp_path / "nothing"):
        with pytest.raises(MisuseError, match="keeps no releases: it is no result of a private fit"):
            refresh(folder, today, items=catalogue(ITEMS), out=tmp_path / "two", epsilon=1.0)


def test_another_fit_leaves_releases_of_an_earlier_one(fitted: Fitted, today: Path) -> None:
    out = fitted.bundle.parent
    fit(today, items=catalogue(ITEMS), out=out, epsilon=1.0, options=replace(OPTIONS, parts=("content",)))
    assert {path.name for path in (out / "releases").iterdir()} == {
        "catalogue.json",
        "fit.json",
        "item-counts.parquet",
    }
    assert not list(out.glob(".releases-*"))


def test_something_else_is_overwritten_by_releases(again: Refresh, fitted: Fitted, tmp_path: Path) -> None:
    (tmp_path / "two" / "releases").mkdir(parents=True)
    (tmp_path / "two" / "releases" / "notes.txt").write_text("mine", encoding="utf-8")
    head = state_of(beside(fitted)).head
    with pytest.raises(OutputError, match="is no folder of kept releases"):
        again()
    with pytest.raises(OutputError, match="is no folder of kept releases"):
        fit(tmp_path / "rows.csv", items=catalogue(ITEMS), out=tmp_path / "two", non_private=True)
    assert state_of(beside(fitted)).head == head


@pytest.mark.parametrize(
    ("statistics", "problem"),
    [
        ((), "name at least one"),
        (("item-counts",), "cannot be released anew; choose from .* a new fit chooses a new one"),
        (("archetypes",), "cannot be released anew"),
        (("item-trend", "transitions"), "the fit released no transitions"),
        (("item-context",), "the fit released no item-context"),
    ],
)
def test_what_cannot_be_refreshed_is_charged(
    statistics: tuple[str, ...], problem: str, again: Refresh, fitted: Fitted
) -> None:
    head = state_of(beside(fitted)).head
    with pytest.raises(MisuseError, match=problem):
        again(statistics=statistics)
    assert state_of(beside(fitted)).head == head


def test_people_pay_for_what_weighs_nothing(rows: list[Row], today: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "rows.csv", rows)
    given: dict[str, Any] = {"items": catalogue(ITEMS), "out": tmp_path / "one", "epsilon": 5.0}
    fit(table, **given, options=replace(OPTIONS, blend=Blend({"collaborative": steady(0.3)})))
    with pytest.raises(MisuseError, match="item-trend weighs nothing in this model's blend"):
        refresh(tmp_path / "one", today, **given)
    refresh(tmp_path / "one", today, **given, statistics=("item-pairs",))


def test_trends_that_were_asked_for_by_name_weigh_nothing(rows: list[Row], today: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "rows.csv", rows)
    given: dict[str, Any] = {"items": catalogue(ITEMS), "out": tmp_path / "one", "epsilon": 5.0}
    fit(table, **given, options=replace(OPTIONS, blend=None))
    with closing(Bundle.open(tmp_path / "one" / "bundle")) as bundle:
        weights = {prior.name: prior.weights for prior in bundle.manifest.priors}
    lately = [weights[name] for name in weights if name.startswith("trend-")]
    assert len(lately) == len(OPTIONS.half_lives)
    for level, popularity in enumerate(weights["popularity"]):
        assert sum(float(trend[level]) for trend in lately) == pytest.approx(2 * float(popularity))
    refresh(tmp_path / "one", today, **given)


def test_tastes_outlive_the_pairs_that_they_came_from(tmp_path: Path) -> None:
    """A model of every part; each statistic can be released anew, and nothing old is left that begins with it."""
    table = in_contexts(tmp_path / "rows.csv", walkers(150))
    columns = InteractionColumns(context=("daytime",))
    given: dict[str, Any] = {"items": catalogue(ITEMS), "interaction_columns": columns}
    options = FitOptions(**EVERYTHING, blend=BLEND, half_lives=OPTIONS.half_lives)
    first = fit(table, **given, out=tmp_path / "one", epsilon=5000.0, options=options, clock=lambda: NOON)
    everything = names(first.report.privacy)
    assert {"archetypes", "item-context-0", "repeats"} <= set(everything)
    pairs = refresh(tmp_path / "one", table, **given, out=tmp_path / "two", epsilon=5000.0, statistics=("item-pairs",))
    assert names(pairs.report.privacy) == everything
    spends = state_of(beside(first)).spends
    assert [each.spend.statistic for each in spends[len(everything) :]] == ["item-pairs", "archetypes"]
    # Where no circumstances are counted, their column is not asked for.
    trend = refresh(tmp_path / "one", table, items=catalogue(ITEMS), out=tmp_path / "three", epsilon=1.0)
    assert names(trend.report.privacy) == everything
    rest = tuple(name for name in REFRESHABLE if name not in {"item-pairs", "item-trend"})
    others = refresh(tmp_path / "two", table, **given, out=tmp_path / "four", epsilon=5000.0, statistics=rest)
    assert names(others.report.privacy) == everything
    spends = state_of(beside(first)).spends
    assert [each.spend.statistic for each in spends[len(everything) + 3 :]] == [
        "item-context-0",
        "repeats",
        "transitions",
    ]


def test_a_trend_is_of_the_fits_moment(again: Refresh, tmp_path: Path) -> None:
    moment = datetime(2025, 3, 5, tzinfo=UTC)
    for as_of, expected in ((None, LATER), (int(moment.timestamp()), moment)):
        again(as_of=as_of)
        found = json.loads((tmp_path / "two" / "releases" / "fit.json").read_bytes())
        assert found["as_of"] == int(expected.timestamp())
        assert found["ledger"] == "../one/budget.sqlite"


def test_options_that_a_release_chose_lose_it(rows: list[Row], today: Path, tmp_path: Path) -> None:
    """What options were chosen by is kept with them, and the refreshed bundle states it too."""
    account = Account(tmp_path / "shop.sqlite", "shop")
    with open_ledger(account.store, account.data_set, create=True) as ledger:
        ledger.open(BudgetPolicy())
    given: dict[str, Any] = {"items": catalogue(ITEMS), "account": account, "clock": lambda: NOON}
    table = write_table(tmp_path / "rows.csv", rows)
    fit(table, **given, out=tmp_path / "zero", epsilon=1.0, options=OPTIONS)
    with open_ledger(account.store, account.data_set) as ledger:
        chosen = load(tmp_path / "zero" / "releases").paid(ledger).by_name["item-counts"]
    options = replace(OPTIONS, chosen_by=(released(chosen), fixed(None)))
    first = fit(table, **given, out=tmp_path / "one", epsilon=EPSILON, options=options)
    assert names(first.report.privacy).count("item-counts") == 2
    second = refresh(tmp_path / "one", today, **given, out=tmp_path / "two", epsilon=1.0)
    assert names(second.report.privacy) == names(first.report.privacy)
