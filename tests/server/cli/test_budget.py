"""``homespun-server budget`` states too small a loss, makes stores by mistake, or lets a name write the page."""

import json
import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from homespun.testing import FakeClock
from homespun_server import cli
from homespun_server.cli.budget_page import page
from homespun_server.privacy.ledger import BudgetLedger, BudgetPolicy, MemoryLog
from homespun_server.privacy.ledger.report import budget_report
from homespun_server.store import SqlLog, open_store
from tests.server.privacy.ledger.support import APRIL_1, DAY, DIGEST, MARCH_10, TRAINING, Rig, spend_of, window

OPEN = ("--epsilon", 2, "--lifetime", 10)


def run(action: str, store: Path, *arguments: object) -> int:
    return cli.main([str(each) for each in ("budget", action, "--store", store, "--data-set", "people", *arguments)])


def words(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return " ".join(re.sub("[│╭╮╰╯─]", " ", captured.out + captured.err).split())


def shown(capsys: pytest.CaptureFixture[str], store: Path) -> Any:
    capsys.readouterr()
    assert run("show", store, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "budget.db"
    assert run("open", path, *OPEN) == 0
    capsys.readouterr()
    return path


def spend(path: Path, rho: Fraction = Fraction(1, 100), purpose: str = "fit") -> None:
    with open_store(path) as opened:
        ledger = BudgetLedger(SqlLog(opened), "people")
        with ledger.reserve([((), rho)], purpose) as reservation:
            charge = reservation.spend(spend_of(rho))
            charge.claim()
            charge.released(DIGEST)


def test_opening_does_not_say_what_was_promised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "budget.db"
    assert run("open", path, *OPEN, "--period", 30, "--delta", "1e-7") == 0
    text = words(capsys)
    assert "User, per 30 days, ε = 0 of 2; lifetime so far ε = 0 of 10 (δ = 1e-07). Left: ε = 2." in text
    report = shown(capsys, path)
    assert (report["epsilon"], report["lifetime_epsilon"], report["delta"]) == (2.0, 10.0, 1e-7)
    assert (report["unit"], report["neighbours"], report["schema"]) == ("user", "add/remove one user", 1)


def test_a_ledger_is_opened_over_another(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spend(store)
    before = shown(capsys, store)
    assert run("open", store, "--epsilon", 100) == 1
    assert "has a budget ledger already" in words(capsys)
    assert shown(capsys, store)["events"] == before["events"]


@pytest.mark.parametrize("action", ["show", "change", "cancel"])
def test_a_wrong_path_makes_an_empty_store(tmp_path: Path, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"show": (), "change": ("--reason", "x"), "cancel": (1, "--reason", "x")}[action]
    assert run(action, tmp_path / "wrong.db", *arguments) == 1
    assert "there is no store at" in words(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_data_set_is_an_empty_one(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["budget", "show", "--store", str(store), "--data-set", "poeple"]) == 1
    assert "no budget ledger for the data set 'poeple'" in words(capsys)


@pytest.mark.parametrize(
    "wrong", [("--epsilon", "0"), ("--epsilon", "inf"), ("--epsilon", 1, "--period", 0), ("--epsilon", 1, "--delta", 1)]
)
def test_a_ledger_promises_nothing(tmp_path: Path, wrong: tuple[object, ...]) -> None:
    assert run("open", tmp_path / "budget.db", *wrong) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [(), ("--epsilon", "much"), ("--epsilon", 1, "--period", "week")])
def test_a_ceiling_is_guessed(tmp_path: Path, wrong: tuple[object, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("open", tmp_path / "budget.db", *wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("action", ["open", "change"])
def test_a_wrong_ceiling_is_explained_in_words_of_the_program(
    store: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong, told in (
        (("--epsilon", "much"), "'much' is neither a number"),
        (("--period", "week"), "'week' is neither"),
    ):
        with pytest.raises(SystemExit, match="2"):
            run(action, store, *wrong)
        assert told in words(capsys)


def test_a_change_of_nothing_is_recorded_as_a_change(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = shown(capsys, store)
    assert run("change", store, "--reason", "x") == 1
    assert "nothing to change was named" in words(capsys)
    assert shown(capsys, store)["events"] == before["events"]


def test_a_renewal_is_promised_of_what_the_lifetime_limits() -> None:
    limited = Rig(BudgetPolicy(epsilon=5.0, lifetime=2.0))
    assert "The lifetime limits it, which never renews" in budget_report(limited.ledger.state()).statement
    free = Rig(BudgetPolicy(epsilon=2.0, lifetime=5.0))
    assert "Left: ε = 2. It renews on" in budget_report(free.ledger.state()).statement


def test_spends_or_their_sum_are_not_shown(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    spend(store)
    spend(store, Fraction(1, 50), "fit of the week")
    report = shown(capsys, store)
    (period,) = report["periods"]
    assert [(each["purpose"], each["statistic"], each["users"]) for each in period["spends"]] == [
        ("fit", "item-counts", "everybody"),
        ("fit of the week", "item-counts", "everybody"),
    ]
    assert report["spent"] == report["lifetime"] == period["spent"] == period["lifetime"]
    assert run("show", store) == 0
    text = words(capsys)
    for part in ("fit of the week", "everybody", f"ε = {report['spent']['epsilon']:.4g}", report["head"], "█", "of 2"):
        assert part in text


def test_a_loss_is_stated_too_small_or_a_rest_too_large() -> None:
    rig = Rig(BudgetPolicy(epsilon=1.0, lifetime=3.0))
    rig.spend(Fraction(1, 300))
    state, report = rig.ledger.state(), budget_report(rig.ledger.state())
    left = state.left()
    assert left is not None
    assert report.left is not None
    assert Fraction(report.spent.rho) >= state.spent > Fraction(report.spent.rho) * Fraction(99, 100)
    assert report.spent.epsilon >= state.epsilon(state.spent)
    assert Fraction(report.left.rho) <= left < Fraction(report.left.rho) * Fraction(101, 100)
    assert report.left.epsilon <= state.epsilon(left)


def test_a_kept_ceiling_looks_broken() -> None:
    rig = Rig(BudgetPolicy(epsilon=0.3, lifetime=0.3))
    left = rig.ledger.state().left()
    assert left is not None
    rig.ledger.reserve([((), left)], "everything")
    report = budget_report(rig.ledger.state())
    assert report.reservations[0].held.epsilon == 0.3
    assert report.left is not None
    assert report.left.epsilon == 0.0


def test_a_change_forgets_what_it_does_not_name(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("change", store, "--epsilon", 1, "--reason", "less") == 0
    report = shown(capsys, store)
    assert (report["epsilon"], report["lifetime_epsilon"], report["period"], report["delta"]) == (1, 10, "month", 1e-6)
    assert run("change", store, "--lifetime", "none", "--period", "once", "--delta", "1e-8", "--reason", "x") == 0
    report = shown(capsys, store)
    assert (report["epsilon"], report["lifetime_epsilon"], report["period"], report["delta"]) == (1, None, "once", 1e-8)
    assert report["renews"] is None
    with pytest.raises(SystemExit, match="2"):
        run("change", store, "--epsilon", 5)


def test_a_crashed_programs_amount_cannot_be_given_back(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(store) as opened:
        BudgetLedger(SqlLog(opened), "people").reserve([((), Fraction(1, 20))], "fit that died")
    report = shown(capsys, store)
    (row,) = report["reservations"]
    assert row["purpose"] == "fit that died"
    assert report["left"]["epsilon"] < 2
    assert run("show", store) == 0
    assert "Held by reservations" in words(capsys)
    assert run("cancel", store, row["number"], "--reason", "it died") == 0
    after = shown(capsys, store)
    assert (after["reservations"], after["left"]["epsilon"]) == ([], 2.0)
    assert run("cancel", store, row["number"], "--reason", "it died") == 1
    assert run("cancel", store, 99, "--reason", "which?") == 1


class Page(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"


EVIL = "<script>alert(1)</script>\" onload='x' &amp; [bold]"


def years(periods: int) -> Rig:
    rig = Rig(BudgetPolicy(epsilon=2.0, lifetime=9.0))
    for _ in range(periods):
        with rig.ledger.reserve([((), Fraction(1, 500)), (TRAINING, Fraction(1, 300))], EVIL) as reservation:
            reservation.spend(spend_of(Fraction(1, 500))).claim()
            reservation.spend(spend_of(Fraction(1, 300), TRAINING, name=EVIL)).claim()
        rig.clock.advance(31 * DAY)
    rig.ledger.reserve([(window(1), Fraction(1, 1000))], EVIL)
    return rig


def test_a_name_becomes_markup_or_the_page_fetches_something() -> None:
    made = Page(page(budget_report(years(2).ledger.state())))
    assert "script" not in made.tags
    assert made.words.count("<script>alert(1)</script>") >= 3
    assert [name for name, _ in made.attributes if name.startswith("on") or name in ("src", "href")] == []
    assert any(value and value.startswith("default-src 'none'") for _, value in made.attributes)


def test_bars_or_periods_are_missing_from_the_page() -> None:
    report = budget_report(years(3).ledger.state())
    text = page(report)
    assert len(report.periods) == 4
    assert text.count('class="bar"') == 2 * 4
    assert text.count('class="ceiling"') == 2
    for period in report.periods:
        assert f"{period.label}: ε = {period.spent.epsilon:.4g}" in text
    assert report.statement in Page(text).words
    assert report.head in text


def test_a_long_history_does_not_fit_or_says_nothing_of_its_cut() -> None:
    rig = years(40)
    text = page(budget_report(rig.ledger.state()))
    assert text.count('class="bar"') == 2 * 36
    assert "The last 36 of 41 periods." in text
    assert Page(text).words.count("for the user who loses most") == 40


@pytest.mark.parametrize("policy", [BudgetPolicy(), BudgetPolicy(lifetime=1.0, period="once"), BudgetPolicy(period=7)])
def test_an_empty_or_unlimited_budget_has_no_page(policy: BudgetPolicy) -> None:
    ledger = BudgetLedger(MemoryLog(), "people", FakeClock(MARCH_10))
    ledger.open(policy)
    text = page(budget_report(ledger.state()))
    assert "Nothing was ever spent." in text
    assert text.count("<svg") == 2


def test_a_page_cannot_be_written_and_nothing_is_said(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("show", store, "--html", tmp_path / "none" / "page.html") == 1
    assert "the page cannot be written" in words(capsys)
    assert run("show", store, "--html", tmp_path / "page.html") == 0
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_renewed_period_is_shown_as_spent() -> None:
    rig = Rig(BudgetPolicy(epsilon=1.0))
    rig.spend(Fraction(1, 100))
    rig.at(APRIL_1)
    report = budget_report(rig.ledger.state())
    assert [period.label for period in report.periods] == ["2025-03", "2025-04"]
    assert report.spent.epsilon == 0.0
    assert report.lifetime.epsilon > 0.3
    assert report.renews == "2025-05-01 00:00 UTC"


def test_a_secret_is_shown(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spend(store)
    with open_store(store) as opened:
        secret = BudgetLedger(SqlLog(opened), "people").secret.hex()
    assert run("show", store, "--html", tmp_path / "page.html") == 0
    told = capsys.readouterr().out + (tmp_path / "page.html").read_text(encoding="utf-8")
    assert run("show", store, "--json") == 0
    assert secret not in told + capsys.readouterr().out
