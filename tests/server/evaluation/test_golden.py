"""A bundle whose golden scores leave out something that scoring does, differ between draws, or tell of somebody."""

from pathlib import Path

import msgspec
import pytest

from homespun.errors import BundleIntegrityError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import GOLDEN, Manifest
from homespun.protocol.golden import MAX_BYTES, TOLERANCE, Golden, parse_golden
from homespun_server import fit, fit_content
from homespun_server.evaluation.golden import ITEMS, LONG, requests, write_golden
from homespun_server.privacy.provenance import fixed
from homespun_server.publishing.bundle import Description
from tests.server.publishing.support import NOON, contents, model_of, publish


def written(folder: Path, size: int = 40, *, new: int = 0) -> Golden:
    publish(folder, model_of(size, new=new))
    write_golden(folder)
    return parse_golden((folder / GOLDEN).read_bytes())


def test_a_list_differs_from_what_a_device_makes(tmp_path: Path) -> None:
    golden = written(tmp_path / "bundle", new=6)
    with Bundle.open(tmp_path / "bundle") as bundle:
        for case in golden.cases:
            ranked = bundle.rank([event.event() for event in case.events], len(case.items), context=case.context)
            assert tuple(each.item for each in ranked) == case.items
            for found, stated in zip(ranked, case.scores, strict=True):
                assert abs(found.score - float(stated)) <= 1e-3 * TOLERANCE * max(1.0, abs(found.score))
            assert not {event.item for event in case.events} & set(case.items)


def test_something_that_scoring_does_is_not_tried(tmp_path: Path) -> None:
    golden = written(tmp_path / "bundle", 200, new=6)
    assert golden.cases[0].events == ()
    assert golden.cases[0].context == {}
    lengths = {len(case.events) for case in golden.cases}
    assert {0, 1, LONG} <= lengths
    assert {case.context.get("daytime") for case in golden.cases} == {None, "morning", "night"}
    events = [event for case in golden.cases for event in case.events]
    assert any(event.time is None for event in events)
    assert {event.weight for event in events} > {None}
    with Bundle.open(tmp_path / "bundle") as bundle:
        negative, new = bundle.manifest.history.negative_kinds, bundle.items[bundle.manifest.new_items.first :]
        assert any(event.kind in negative for event in events)
        assert set(new) & {event.item for event in events}
        histories = [bundle.history([event.event() for event in case.events], case.context) for case in golden.cases]
        # Every component, prior, circumstance, taste and repeat moves some list.
        used = [(history.weights != 0).any(axis=1) for history in histories]
        assert all(any(each[place] for each in used) for place in range(len(bundle.layout.parts)))
        assert {history.level for history in histories} >= {0, 1, 5}
    assert any(len({event.item for event in case.events}) < len(case.events) for case in golden.cases)


def test_weights_lie_on_one_side_of_what_is_a_like(tmp_path: Path) -> None:
    rule = Description("tiny", NOON, fixed(3.5), None, {"dimensions": fixed("6")})
    publish(tmp_path / "bundle", model_of(40), description=rule)
    write_golden(tmp_path / "bundle")
    golden = parse_golden((tmp_path / "bundle" / GOLDEN).read_bytes())
    weights = {event.weight for case in golden.cases for event in case.events if event.weight is not None}
    assert min(weights) < 3.5 <= max(weights)


def test_every_value_of_a_circumstance_is_tried_but_some(tmp_path: Path) -> None:
    written(tmp_path / "bundle")
    with Bundle.open(tmp_path / "bundle") as bundle:
        many = tuple(f"value-{number}" for number in range(20))
        (context,) = bundle.manifest.contexts
        bundle.manifest = msgspec.structs.replace(
            bundle.manifest, contexts=(msgspec.structs.replace(context, values=many),)
        )
        tried = [asked for _, asked in requests(bundle)]
    assert {asked["daytime"] for asked in tried if asked} == set(many)


@pytest.mark.parametrize("size", [2, 3, 11])
def test_a_small_catalogue_has_nothing_left_to_list(size: int, tmp_path: Path) -> None:
    golden = written(tmp_path / "bundle", size)
    assert all(0 < len(case.items) <= ITEMS for case in golden.cases)


def test_golden_scores_differ_between_two_writings(tmp_path: Path) -> None:
    for name in ("one", "other"):
        written(tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    before = contents(tmp_path / "one")
    write_golden(tmp_path / "one")
    assert contents(tmp_path / "one") == before


def test_the_file_is_not_in_the_manifest_or_too_large(tmp_path: Path) -> None:
    written(tmp_path / "bundle", 200)
    manifest = msgspec.json.decode((tmp_path / "bundle" / "manifest.json").read_bytes(), type=Manifest)
    assert list(manifest.files)[-1] == GOLDEN
    assert manifest.files[GOLDEN].size == (tmp_path / "bundle" / GOLDEN).stat().st_size < MAX_BYTES
    (tmp_path / "bundle" / GOLDEN).write_bytes(b"{}")
    with pytest.raises(BundleIntegrityError):
        Bundle.open(tmp_path / "bundle").close()


def test_a_finished_bundle_has_none(fleet: Path, fleet_catalogue: Path, tmp_path: Path) -> None:
    made = fit(fleet, items=fleet_catalogue, out=tmp_path / "fit", epsilon=4.0, metrics_epsilon=4.0)
    for folder in (made.bundle, fit_content(fleet_catalogue, out=tmp_path / "content")):
        assert len(parse_golden((folder / GOLDEN).read_bytes()).cases) >= 8
