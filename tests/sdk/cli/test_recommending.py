import json
from decimal import Decimal
from pathlib import Path

import homespun as hs
from tests.sdk import bundles
from tests.sdk.cli.support import NOTICE, PHRASE, Options, Run
from tests.sdk.people import Machine


def test_the_demo_does_not_work_out_of_the_box(run: Run) -> None:
    status, out, err = run("demo", "-k", 3)
    assert (status, err) == (0, "")
    assert "\n  3. " in out
    assert "\n  4. " not in out
    assert "because you liked" in out
    assert "score" in out
    assert "ε = " in out


def test_the_sample_does_not_open_or_is_not_private() -> None:
    with hs.Personalizer.open(None, key=hs.Key.ephemeral()) as me:
        assert me.bundle.privacy.kind == "differential_privacy"
        assert me.bundle.manifest.items > 100
        me.consent.grant(hs.Purpose.DEVICE_STORAGE, hs.Purpose.PERSONALIZATION, notice=NOTICE)
        me.record("tt0133093", "rate", weight=9.0)
        recommended = me.recommend(10)
        assert len(recommended) == 10
        assert all(me.bundle.tags(entry.item) is not None and entry.title for entry in recommended)
        me.bundle.close()


def test_the_demo_of_another_bundle(run: Run, bundle_folder: Path) -> None:
    status, out, _ = run("demo", "--bundle", bundle_folder)
    assert status == 0
    assert out.startswith("Random: 40 items. Made from the catalogue alone.")


def test_recommendations_of_likes_are_not_those_of_the_library(
    run: Run, bundle_folder: Path, bundle: hs.Bundle
) -> None:
    status, out, err = run("recommend", "--bundle", bundle_folder, "--liked", "item-3", "item-8", "--json", "-k", 7)
    assert (status, err) == (0, "")
    listed = json.loads(out)
    expected = bundle.rank([hs.Event("item-3", "like"), hs.Event("item-8", "like")], 7)
    assert [(entry["item"], entry["score"]) for entry in listed] == [(entry.item, entry.score) for entry in expected]
    assert all(entry["personalized"] for entry in listed)
    assert set(listed[0]) == {"item", "title", "score", "reason", "personalized"}


def test_recommendations_without_likes_claim_to_be_personal(run: Run, bundle_folder: Path) -> None:
    status, out, _ = run("recommend", "--bundle", bundle_folder, "--json")
    assert status == 0
    listed = json.loads(out)
    assert len(listed) == 10
    assert not any(entry["personalized"] for entry in listed)


def test_the_printed_list_lacks_titles_or_reasons(run: Run, bundle_folder: Path) -> None:
    status, out, _ = run("recommend", "--bundle", bundle_folder, "--liked", "item-3", "-k", 4)
    lines = out.splitlines()
    assert status == 0
    assert [line.split(".")[0].strip() for line in lines] == ["1", "2", "3", "4"]
    assert all("Title № " in line for line in lines)
    assert "because you liked Title № 3" in lines[0]


def test_an_explanation_does_not_add_up(run: Run, bundle_folder: Path) -> None:
    arguments = ("explain", "item-7", "--bundle", bundle_folder, "--liked", "item-3", "item-8")
    status, out, _ = run(*arguments, "--json")
    record = json.loads(out)
    assert status == 0
    parts = [Decimal(part["value"]) for part in record["attributions"]]
    assert len(parts) == 5  # two items through two components, and the prior
    difference = Decimal(record["score"]) - sum(parts)
    magnitude = sum(map(abs, parts))
    assert abs(difference) <= Decimal("1e-5") * magnitude
    assert abs(difference - Decimal(record["residual"])) <= Decimal("1e-12") * magnitude
    assert {part["item"] for part in record["attributions"]} == {"item-3", "item-8", None}
    status, out, _ = run(*arguments, "--rows", 2)
    assert status == 0
    assert "3 smaller parts" in out
    assert out.startswith("Title № 7: ")
    assert f"{float(record['score']):+.6f}" in out


def test_a_profile_is_not_used(run: Run, whole: Options, bundle: hs.Bundle) -> None:
    arguments = (*whole, "--json")
    events = [hs.Event("item-3", "rate", weight=4.5), hs.Event("item-8")]
    listed = json.loads(run("recommend", *arguments)[1])
    assert [entry["item"] for entry in listed] == [entry.item for entry in bundle.rank(events, 10)]
    assert json.loads(run("explain", "item-7", *arguments)[1])["personalized"] is True


def test_a_tampered_bundle_is_used(run: Run, tampered: Path) -> None:
    bundles.edit_manifest(tampered, lambda manifest: manifest.update(schema=3))
    run.fails("Update the older", "recommend", "--bundle", tampered)


def test_what_the_person_set_is_not_heeded(run: Run, whole: Options, machine: Machine) -> None:
    best = json.loads(run.done("recommend", "-k", 1, "--json", *whole))[0]["item"]
    with machine.open(key=hs.Key.passphrase(PHRASE)) as me:
        me.controls.hide_item(best)
    assert best not in run.done("recommend", "-k", 40, "--json", *whole)
    assert "because you hid it" in run.done("explain", best, *whole)
