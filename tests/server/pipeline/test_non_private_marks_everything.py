"""One exact figure went into a bundle, and something that was made from it does not say so."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from homespun.errors import MisuseError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import CARD_DATA, CARD_TEXT, MANIFEST
from homespun.protocol.policy import parse_policy
from homespun.protocol.statistics.standard import metric_sums
from homespun_server import FitOptions, fit
from homespun_server.privacy.provenance import Sourced, derive, fixed, non_private, public, released
from homespun_server.publishing.bundle import Description, write_bundle
from homespun_server.publishing.figures import number_of_users, released_quality
from homespun_server.statistics.raw import Raw
from homespun_server.training.content import catalogue as stated_catalogue
from homespun_server.training.model import Model
from tests.server.pipeline.support import RELEASES
from tests.server.publishing.support import NOON, model_of
from tests.server.support import catalogue, exact, noisy

MARK = "NON-PRIVATE"
POLICY = parse_policy({"schema": 1, "name": "Shop", "surfaces": {"home": {"stages": []}}})
METRICS = metric_sums(("ndcg_100", "recall_20"))


def check_marked(bundle: Path, *names: str) -> dict[str, str]:
    """Check the manifest, both cards and what a device says; return where the card's parts come from."""
    card = json.loads((bundle / CARD_DATA).read_bytes())
    text = (bundle / CARD_TEXT).read_text(encoding="utf-8")
    with closing(Bundle.open(bundle)) as opened:
        stated = opened.privacy
    assert stated.kind == card["privacy"]["kind"] == json.loads((bundle / MANIFEST).read_bytes())["privacy"]["kind"]
    assert stated.kind == "non_private"
    assert (stated.epsilon, stated.delta, stated.rho) == (None, None, None)
    for statement in (stated.statement, card["privacy"]["statement"], text.split("## Privacy\n\n")[1]):
        assert statement.startswith(MARK)
        assert all(name in statement for name in names)
    sources: dict[str, str] = card["sources"]
    return sources


def check_marked_report(out: Path) -> None:
    report = json.loads((out / "report.json").read_bytes())
    assert report["privacy"]["kind"] == "non_private"
    assert report["non_private"] is True
    assert MARK in report["warnings"][0]


def test_a_fit_without_privacy(fleet: Path, tmp_path: Path) -> None:
    fitted = fit(fleet, out=tmp_path, non_private=True, options=FitOptions(test_share=0.0))
    sources = check_marked(fitted.bundle, "item-counts", "item-pairs", "collected from what people used")
    marked = {name for name, origin in sources.items() if origin.startswith(MARK)}
    assert marked == {"model", "catalogue", "people", "parameter: ranks"}
    assert "the number of training users" in sources["people"]
    check_marked_report(tmp_path)
    card = json.loads((fitted.bundle / CARD_DATA).read_bytes())
    assert card["people"] == {"name": "users", "value": fitted.report.training_users, "half_width": 0.0}


def test_a_private_fit_with_options_that_were_chosen_by_exact_figures(
    fleet: Path, fleet_catalogue: Path, tmp_path: Path
) -> None:
    best = derive(lambda quality: 8 if quality > 0.4 else 4, non_private(Raw(0.43), "NDCG@100 on people kept aside"))
    options = FitOptions(test_share=0.0, dimensions=best.value, chosen_by=(best,))
    fitted = fit(fleet, items=fleet_catalogue, out=tmp_path, epsilon=8.0, options=options)
    sources = check_marked(fitted.bundle, "NDCG@100 on people kept aside")
    assert sources["model"].startswith(MARK)
    assert sources["parameter: largest universe"].startswith(MARK)
    assert sources["parameter: power of popularity"] == "fixed a priori"
    assert sources["catalogue"] == "public: the catalogue"
    check_marked_report(tmp_path)


def test_a_release_that_options_were_chosen_by_is_left_out_of_the_statement(
    fleet: Path, fleet_catalogue: Path, tmp_path: Path
) -> None:
    measured = noisy([900, 200, 100], METRICS, rho=0.125)
    options = FitOptions(test_share=0.0, chosen_by=(released(measured),))
    privacy = fit(fleet, items=fleet_catalogue, out=tmp_path, epsilon=1.0, options=options).report.privacy
    assert sorted(entry.statistic for entry in privacy.releases) == sorted([*RELEASES, "metric-sums"])
    assert privacy.epsilon is not None
    assert privacy.epsilon > 1


def test_options_were_chosen_by_something_of_unknown_origin() -> None:
    for bare in (Raw(5), 5, noisy([1])):
        with pytest.raises(MisuseError, match="is a bare"):
            FitOptions(chosen_by=(bare,))  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["max_items", "dimensions", "min_weight", "test_share", "users"])
def test_a_raw_figure_is_an_option(option: str) -> None:
    with pytest.raises(MisuseError, match="raw figure"):
        FitOptions(**{option: Raw(5)})  # type: ignore[arg-type]


def description_of(**changes: Any) -> Description:
    stated: dict[str, Any] = {"min_weight": fixed(None), "delta": 1e-6, "parameters": {}, **changes}
    return Description("tiny", NOON, **stated)


def written(folder: Path, model: Sourced[Model], **changes: Any) -> Path:
    write_bundle(model, stated_catalogue(catalogue(12)), description_of(**changes), folder)
    return folder


PRIVATE = released(noisy([1]))
MODEL = derive(lambda model, _: model, public(model_of(12), "random numbers"), PRIVATE)
EXACT = non_private(Raw(300), "a figure")


@pytest.mark.parametrize(
    "changes",
    [
        {"people": derive(number_of_users, EXACT)},
        {"min_weight": derive(float, EXACT)},
        {"parameters": {"rank": derive(str, EXACT)}},
        {"kinds": derive(lambda _: ("view",), EXACT)},
        {"quality": released_quality(noisy([9000, 20, 10], METRICS), derive(lambda m, _: m, MODEL, EXACT))},
        {"people": derive(number_of_users, derive(lambda _: 5, derive(lambda n: n > 100, EXACT)))},
        {"policy": derive(lambda _: POLICY, EXACT)},
    ],
    ids=["people", "min_weight", "parameter", "kinds", "quality", "derived", "policy"],
)
def test_one_exact_figure_on_the_card_of_a_private_model(changes: dict[str, Any], tmp_path: Path) -> None:
    sources = check_marked(written(tmp_path / "bundle", MODEL, **changes), "a figure")
    assert sum(origin.startswith(MARK) for origin in sources.values()) == 1
    assert sources["model"] == "released: item-counts"


def test_an_exact_release_of_metrics_of_a_private_model(tmp_path: Path) -> None:
    quality = released_quality(exact([9000, 20, 10], METRICS), MODEL)
    check_marked(written(tmp_path / "bundle", MODEL, quality=quality), "metric-sums")


@pytest.mark.parametrize(
    "changes",
    [
        {"people": Raw(300)},
        {"people": number_of_users(300)},
        {"quality": 0.43},
        {"min_weight": 3.5},
        {"parameters": {"rank": "8"}},
        {"parameters": {"rank": Raw("8")}},
        {"kinds": ("view",)},
        {"policy": POLICY},
    ],
)
def test_a_bare_figure_stands_on_a_card(changes: dict[str, Any]) -> None:
    with pytest.raises(MisuseError, match="is a bare"):
        description_of(**changes)


def test_a_model_or_a_catalogue_of_unknown_origin_is_written(tmp_path: Path) -> None:
    items = catalogue(12)
    for model, listed in ((MODEL.value, stated_catalogue(items)), (MODEL, items), (Raw(MODEL.value), items)):
        with pytest.raises(MisuseError, match="is a bare"):
            write_bundle(model, listed, description_of(), tmp_path / "bundle")  # type: ignore[arg-type]
    assert not (tmp_path / "bundle").exists()


def test_a_private_bundle_is_marked_too_or_has_no_figures(tmp_path: Path) -> None:
    quality = released_quality(noisy([9000 * 4729, 2000 * 4729, 900 * 4729], METRICS, rho=0.01), MODEL)
    people = derive(number_of_users, public(300, "the annual report"))
    bundle = written(tmp_path / "bundle", MODEL, quality=quality, people=people)
    card = json.loads((bundle / CARD_DATA).read_bytes())
    text = (bundle / CARD_TEXT).read_text(encoding="utf-8")
    assert card["schema"] == 6
    assert card["privacy"]["kind"] == "differential_privacy"
    assert [entry["statistic"] for entry in card["privacy"]["releases"]] == ["item-counts", "metric-sums"]
    assert MARK not in text
    assert card["sources"]["quality"] == "released: item-counts, metric-sums"
    assert card["sources"]["people"] == "public: the annual report"
    assert "- users: 300 (public: the annual report)" in text
    ndcg, recall = card["quality"]["metrics"]
    assert (ndcg["name"], recall["name"]) == ("ndcg_100", "recall_20")
    assert abs(ndcg["value"] - 2 / 9) < 3 * ndcg["half_width"] < 0.2
    assert f"- ndcg_100: {ndcg['value']:.4f} ± {ndcg['half_width']:.4f}" in text
    assert not any("Quality figures are not stated" in line for line in card["limitations"])
