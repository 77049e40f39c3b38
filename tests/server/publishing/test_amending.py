"""A bundle that is amended ranks otherwise, is half there, or is told of in a way that its card does not say."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from homespun.errors import BundleIntegrityError, MisuseError
from homespun.model.bundle import Bundle
from homespun.protocol.bundle import CARD_DATA, CARD_TEXT, GOLDEN, MANIFEST, WEIGHTS
from homespun_server.errors import OutputError
from homespun_server.publishing import amending
from homespun_server.publishing.amending import amend
from homespun_server.publishing.card import READABLE, SCHEMA_VERSION, encode_card, markdown, read_card
from homespun_server.publishing.figures import Figure
from homespun_server.publishing.review import About, GateOnCard, SegmentQuality, Segments, decision_note
from tests.server.publishing.support import contents, publish

EXACT = GateOnCard("membership", "≤ .1", passed=True, basis="exact")
PUBLIC = GateOnCard("epsilon", "≤ 4", passed=True, basis="public")


def test_another_model_is_put_into_a_bundle(tmp_path: Path) -> None:
    publish(tmp_path / "bundle")
    before = contents(tmp_path / "bundle")
    with pytest.raises(MisuseError, match=r"weights.bin decides about lists"):
        amend(tmp_path / "bundle", {WEIGHTS: b"", CARD_TEXT: b""})
    assert contents(tmp_path / "bundle") == before


def test_an_amended_bundle_is_another_one_but_for_its_words(tmp_path: Path) -> None:
    publish(tmp_path / "bundle")
    before = contents(tmp_path / "bundle")
    manifest = amend(tmp_path / "bundle", {CARD_TEXT: b"# Words\n"}, to=tmp_path / "deep" / "other")
    assert contents(tmp_path / "bundle") == before
    after = contents(tmp_path / "deep" / "other")
    assert {name for name in before if before[name] != after[name]} == {CARD_TEXT, MANIFEST}
    with Bundle.open(tmp_path / "deep" / "other") as bundle, Bundle.open(tmp_path / "bundle") as old:
        assert bundle.manifest == manifest
        assert bundle.id != old.id
        assert bundle.rank([]) == old.rank([])


def test_a_crash_leaves_half_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "bundle")
    before = contents(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(amending, "put_in_place", refuse)
    with pytest.raises(OutputError, match="was left alone"):
        amend(tmp_path / "bundle", {GOLDEN: b"{}"})
    assert contents(tmp_path) == before
    with pytest.raises(OutputError, match="cannot be changed"):
        amend(tmp_path / "nothing", {GOLDEN: b"{}"})


def card_in(folder: Path) -> Any:
    publish(folder)
    return read_card((folder / CARD_DATA).read_bytes())


def test_an_older_card_cannot_be_read(tmp_path: Path) -> None:
    card = card_in(tmp_path / "bundle")
    assert READABLE == (4, 5, SCHEMA_VERSION)
    older = msgspec.to_builtins(card) | {"schema": 4}
    for name in ("about", "segments", "main_parameters", "gates", "privacy_notes", "trust"):
        del older[name]
    assert read_card(msgspec.json.encode(older)) == msgspec.structs.replace(card, schema=4)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"schema": 7}', b'{"schema": 3}', b'{"schema": 6}', b"\xff", b"[" * 9999]
)
def test_a_card_that_cannot_be_read_passes_for_one(raw: bytes) -> None:
    with pytest.raises(BundleIntegrityError, match="the card"):
        read_card(raw)


def test_what_is_said_of_a_bundle_is_not_on_its_card(tmp_path: Path) -> None:
    card = card_in(tmp_path / "bundle")
    plain = markdown(card)
    assert "## Gates" not in plain
    assert "## Intended use" not in plain
    let_pass = GateOnCard("bundle-bytes", "≤ 1 | 2", passed=False, basis="public", override="once")
    told = msgspec.structs.replace(
        card,
        about=About("Ratings.", "Lists.", "", "us"),
        segments=Segments("ndcg@10", (SegmentQuality("history", "1 event", Figure("ndcg@10", 0.25, 0.125)),), "Noise."),
        sources={**card.sources, "segments": "released: metric-sums"},
        main_parameters="With 1 liked item: all of it.",
        gates=(EXACT, let_pass),
        privacy_notes=(decision_note((EXACT, let_pass)),),
    )
    text = markdown(told)
    assert "## Data\n\nRatings.\n\n## Intended use\n\nLists.\n\n## Contact\n\nus\n\n## Privacy" in text
    assert "## Not for" not in text
    assert "ndcg@10, in parts (released: metric-sums):" in text
    assert "| 1 event | 0.2500 ± 0.1250 |" in text
    assert "| bundle-bytes | ≤ 1 \\| 2 | NO, overridden | the bundle, and nobody's data |" in text
    assert "- **bundle-bytes** was not met, and let pass: once" in text
    assert "outside the stated (ε, δ)" in text
    assert "```text\nWith 1 liked item: all of it.\n```" in text
    files = encode_card(told)
    assert read_card(files[CARD_DATA]) == told
    assert files[CARD_TEXT] == text.encode()


def test_decisions_by_exact_figures_are_not_told_or_counted_wrong() -> None:
    assert decision_note((PUBLIC,)) == ""
    assert "(1 bit, one a gate)" in decision_note((PUBLIC, EXACT))
    assert "(2 bits, one a gate)" in decision_note((EXACT, EXACT, PUBLIC))
