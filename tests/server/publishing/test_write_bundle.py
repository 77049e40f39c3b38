"""A bundle is written whole or not at all, over nothing but a bundle, the same every time."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from homespun.model.bundle import Bundle
from homespun.protocol import bundle
from homespun.protocol.bundle import CARD_DATA, CARD_TEXT, FILES, MANIFEST, Manifest
from homespun.protocol.policy import encode_policy, parse_policy
from homespun_server.errors import OutputError
from homespun_server.privacy.provenance import derive, fixed
from homespun_server.publishing import bundle as module
from homespun_server.publishing.bundle import MAX_HISTORY, Description, check_replaceable
from homespun_server.training.model import Model
from tests.server.publishing.support import NOON, contents, description_of, model_of, publish


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.txt": "three years of work"},
        {"manifest.json": '{"name": "a web page"}', "index.html": "<html>"},
        {"propose.onnx": "a model without a manifest"},
        {".hidden": ""},
        {"sub/manifest.json": "{}"},
    ],
)
def test_a_folder_of_something_else_is_replaced(files: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="is not a bundle"):
        publish(folder)
    assert contents(tmp_path) == before


def test_a_file_is_replaced_or_written_below(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept", encoding="utf-8")
    for folder in (file, file / "bundle", file / "deep" / "bundle"):
        with pytest.raises(OutputError, match="is not a folder"):
            publish(folder)
    assert contents(tmp_path) == {"file": b"kept"}


def test_a_relative_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (Path("bundle"), Path("deep/bundle"), Path("bundle")):
        publish(folder)
        Bundle.open(folder).close()


def test_an_old_bundle_is_mixed_with_the_new_one(tmp_path: Path) -> None:
    publish(tmp_path / "bundle", model_of(30))
    manifest = publish(tmp_path / "bundle", model_of(8))
    assert sorted(contents(tmp_path)) == sorted(f"bundle/{name}" for name in (MANIFEST, *FILES))
    opened = Bundle.open(tmp_path / "bundle")
    opened.close()
    assert opened.manifest == manifest
    assert manifest.items == 8


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    publish(tmp_path / "bundle")
    check_replaceable(tmp_path / "bundle")
    Bundle.open(tmp_path / "bundle").close()


@pytest.mark.parametrize("step", ["write_model", "write_catalogue", "_card", "_file_entry"])
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device"), RuntimeError("bug")])
def test_a_failure_half_way_destroys_the_old_bundle(
    step: str, failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "bundle", model_of(8))
    before = contents(tmp_path)

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(module, step, fail)
    expected = OutputError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected):
        publish(tmp_path / "bundle", model_of(9))
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("refused", [1, 2])
def test_a_failure_while_exchanging_loses_both_bundles(
    refused: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "bundle", model_of(8))
    before = contents(tmp_path)
    calls = 0
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == refused:
            raise PermissionError(13, "somebody holds a file open")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="left alone"):
        publish(tmp_path / "bundle", model_of(9))
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_the_same_model_makes_other_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        publish(tmp_path / name)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_the_date_changes_more_than_the_date(tmp_path: Path) -> None:
    publish(tmp_path / "first")
    publish(tmp_path / "second", description=description_of(created=NOON + timedelta(days=1)))
    first, second = contents(tmp_path / "first"), contents(tmp_path / "second")
    assert {name for name in first if first[name] != second[name]} == {MANIFEST, CARD_DATA, CARD_TEXT}


def test_a_time_of_elsewhere_is_stated_as_utc(tmp_path: Path) -> None:
    elsewhere = datetime(2025, 3, 1, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    manifest = publish(tmp_path / "bundle", description=description_of(created=elsewhere))
    assert manifest.created == "2025-03-01T12:00:00+00:00"


EVEN = ["1"] * 6
RISING = ["0.1", "0.28", "0.46", "0.64", "0.82", "1"]

GOLDEN = {
    "schema": bundle.SCHEMA_VERSION,
    "contract": bundle.CONTRACT_VERSION,
    "name": "tiny",
    "created": "2025-03-01T12:00:00+00:00",
    "items": 12,
    "components": [
        {
            "name": "collaborative",
            "low_rank": "collaborative",
            "dimensions": 6,
            "sparse": "residual",
            "bits": 8,
            "blocks": 11,
            "kernel": {"age": "50", "gap": None, "ordered": False},
            "weights": EVEN,
        },
        {
            "name": "sequential",
            "low_rank": None,
            "dimensions": 0,
            "sparse": "transitions",
            "bits": 4,
            "blocks": 12,
            "kernel": {"age": "8", "gap": "3600", "ordered": True},
            "weights": RISING,
        },
        {
            "name": "session",
            "low_rank": None,
            "dimensions": 0,
            "sparse": "transitions",
            "bits": 4,
            "blocks": 12,
            "kernel": {"age": "1.5", "gap": "60", "ordered": True},
            "weights": RISING[::-1],
        },
        {
            "name": "content",
            "low_rank": "content",
            "dimensions": 4,
            "sparse": None,
            "bits": None,
            "blocks": 0,
            "kernel": {"age": None, "gap": None, "ordered": False},
            "weights": ["0.25"] * 6,
        },
    ],
    "priors": [{"name": "popularity", "weights": EVEN}, {"name": "trend-7d", "weights": RISING}],
    "contexts": [{"feature": "daytime", "values": ["morning", "night"], "weights": EVEN, "own_weights": RISING}],
    "archetypes": {"count": 3, "weights": RISING},
    "repeats": {"count_weights": EVEN, "seen_weights": ["0.5"] * 6},
    "new_items": {"first": 9, "every": 3},
    "history": {
        "min_weight": "3.5",
        "max_items": MAX_HISTORY,
        "negative_kinds": ["dislike", "dismiss", "hide", "skip"],
    },
    "privacy": {
        "kind": "no_personal_data",
        "unit": None,
        "neighbours": None,
        "epsilon": None,
        "delta": None,
        "rho": None,
        "releases": [],
        "statement": "Made from the catalogue alone. No data about people was used.",
    },
}

MODEL_FIELDS = ("items", "components", "priors", "contexts", "archetypes", "repeats", "new_items")


def test_the_manifest_of_a_known_bundle_changes(tmp_path: Path) -> None:
    manifest = publish(tmp_path / "bundle", model_of(12, new=3), description=description_of(min_weight=3.5))
    raw = (tmp_path / "bundle" / MANIFEST).read_bytes()
    stated = json.loads(raw)
    files = stated.pop("files")
    assert stated == GOLDEN
    assert list(stated) == list(GOLDEN)
    assert set(files) == set(FILES)
    assert msgspec.json.decode(raw, type=Manifest) == manifest


def test_the_card_says_something_else_than_the_manifest(tmp_path: Path) -> None:
    publish(tmp_path / "bundle", model_of(12, new=3), description=description_of(min_weight=3.5))
    card = json.loads((tmp_path / "bundle" / CARD_DATA).read_bytes())
    for field in ("name", "created", "history", "privacy"):
        assert card[field] == GOLDEN[field]
    assert card["model"] == {field: GOLDEN[field] for field in MODEL_FIELDS}
    text = (tmp_path / "bundle" / CARD_TEXT).read_bytes().decode()
    assert "\r" not in text
    assert text.startswith("# tiny\n\nMade 2025-03-01T12:00:00+00:00. 12 items")
    assert "## What was counted\n\nNothing." in text


def test_habits_are_stated_where_there_are_none(tmp_path: Path) -> None:
    model = model_of(12)
    publish(tmp_path / "bundle", replace(model, contexts=(replace(model.contexts[0], own_weights=None),)))
    for name in (MANIFEST, CARD_DATA, CARD_TEXT):
        content = (tmp_path / "bundle" / name).read_bytes()
        assert not any(said in content for said in (b"own_weights", b":own", b"habit")), name


def test_the_card_leaves_a_part_of_the_score_out(tmp_path: Path) -> None:
    publish(tmp_path / "bundle", model_of(12, new=3))
    text = (tmp_path / "bundle" / CARD_TEXT).read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("- ")][:10] == [
        (
            "- collaborative: what the same people like; 6 dimensions and 11 blocks of up to 16 single pairs (8 bits "
            "each); a like counts 1/e after 50 later ones; weight 1"
        ),
        (
            "- sequential: what follows what; 12 blocks of up to 16 single pairs (4 bits each, table transitions); a "
            "like counts 1/e after 8 later ones, and 1/e after 3600 seconds until the latest one; one without a time "
            "counts nothing; weights 0.1, 0.28, 0.46, 0.64, 0.82, 1"
        ),
        (
            "- session: what follows what within a visit; 12 blocks of up to 16 single pairs (4 bits each, table "
            "transitions); a like counts 1/e after 1.5 later ones, and 1/e after 60 seconds until the latest one; one "
            "without a time counts nothing; weights 1, 0.82, 0.64, 0.46, 0.28, 0.1"
        ),
        "- content: what has similar words and tags; 4 dimensions; every like counts the same; weight 0.25",
        "- popularity: the same for everybody; weight 1",
        "- trend-7d: the same for everybody; weights 0.1, 0.28, 0.46, 0.64, 0.82, 1",
        "- daytime: what suits it, where it is one of morning, night; weight 1",
        (
            "- daytime:own: for what was liked before, how much likelier the person themselves chooses it then, by the "
            "events on their device alone; weights 0.1, 0.28, 0.46, 0.64, 0.82, 1"
        ),
        "- taste: what people like whose taste is the nearest of 3; weights 0.1, 0.28, 0.46, 0.64, 0.82, 1",
        (
            "- repeats: for what was liked before, by the logarithm of how often (weight 1) and for that it was at all "
            "(weight 0.5)"
        ),
    ]
    assert "- one place in 3 is for the best of the items that are known by their content only" in text


@pytest.mark.parametrize(
    ("model", "said", "unsaid"),
    [
        (model_of(12, new=3), "Order and time are used (sequential, session)", "are not used"),
        (model_of(12, new=3), "Of 3 items too little is known from people", "fell out of the universe"),
        (model_of(12), "What is popular lately was so when the bundle was made", "too little is known"),
        (model_of(12), "Rarely used items fell out of the universe", "Nothing was learned"),
        (model_of(12, everything=False), "The order and the time of events are not used", "Circumstances"),
        (model_of(12), "Circumstances (daytime) count only with the values listed here", "are not used"),
        (model_of(12), "a habit that has changed is unlearned slowly", "are not used"),
        (model_of(12, everything=False), "The order and the time", "habit"),
        (model_of(12, everything=False, new=12), "Nothing was learned from people", "Rarely used"),
    ],
)
def test_a_limitation_is_kept_quiet(model: Model, said: str, unsaid: str, tmp_path: Path) -> None:
    publish(tmp_path / "bundle", model)
    found = "\n".join(json.loads((tmp_path / "bundle" / CARD_DATA).read_bytes())["limitations"])
    assert said in found
    assert unsaid not in found


POLICY = parse_policy(
    {
        "schema": 1,
        "name": "Shop",
        "surfaces": {"home": {"stages": [{"stage": "candidates"}, {"stage": "rules"}]}, "continue": {"stages": []}},
        "rules": [{"name": "new", "then": {"do": "boost", "by": 0.5}, "since": "2025-01-01T00:00:00+02:00"}],
    }
)


def with_policy() -> Description:
    return replace(description_of(), policy=derive(parse_policy, fixed(encode_policy(POLICY).decode())))


def test_a_policy_is_not_in_the_bundle_or_is_another_one(tmp_path: Path) -> None:
    manifest = publish(tmp_path / "bundle", description=with_policy())
    assert set(manifest.files) == {*FILES, bundle.POLICY}
    with Bundle.open(tmp_path / "bundle") as opened:
        assert opened.policy == POLICY
    card = json.loads((tmp_path / "bundle" / CARD_DATA).read_bytes())
    assert card["policy"] == {"name": "Shop", "surfaces": ["home", "continue"], "rules": 1}
    assert card["sources"]["policy"] == "fixed a priori"
    text = (tmp_path / "bundle" / CARD_TEXT).read_text(encoding="utf-8")
    assert "By the policy “Shop” (fixed a priori): 1 rule, for home, continue." in text


def test_a_bundle_with_a_policy_cannot_be_replaced_or_leaves_it_behind(tmp_path: Path) -> None:
    publish(tmp_path / "bundle", description=with_policy())
    check_replaceable(tmp_path / "bundle")
    publish(tmp_path / "bundle")
    assert sorted(contents(tmp_path)) == sorted(f"bundle/{name}" for name in (MANIFEST, *FILES))
    with Bundle.open(tmp_path / "bundle") as opened:
        assert opened.policy is None
    card = json.loads((tmp_path / "bundle" / CARD_DATA).read_bytes())
    assert card["policy"] is None
    assert "policy" not in card["sources"]
    assert "policy" not in (tmp_path / "bundle" / CARD_TEXT).read_text(encoding="utf-8")


def test_a_policy_alone_is_taken_for_a_bundle(tmp_path: Path) -> None:
    (tmp_path / bundle.POLICY).write_bytes(encode_policy(POLICY))
    with pytest.raises(OutputError, match="is not a bundle"):
        check_replaceable(tmp_path)
