"""What devices refuse to show is never written."""

from contextlib import closing
from pathlib import Path

from homespun.model.bundle import Bundle
from homespun_server.statistics.items import Items
from tests.server.publishing.support import model_of, publish


def test_titles_and_tags_with_line_breaks_or_escapes_make_a_bundle_that_no_device_reads(tmp_path: Path) -> None:
    ids = [f"item-{number}" for number in range(12)]
    titles = ["two\nlines", "\x1b[31mred", "\u2028", *ids[3:]]
    tags = [("a\tb", "\x07"), *[("plain",)] * 11]
    publish(tmp_path / "bundle", model_of(12), items=Items(ids, titles, tags, [""] * 12))
    with closing(Bundle.open(tmp_path / "bundle")) as bundle:
        shown = [bundle.title(item) for item in ids]
        assert shown == ["two lines", "[31mred", "item-2", *ids[3:]]
        assert bundle.tags("item-0") == ("a b",)
