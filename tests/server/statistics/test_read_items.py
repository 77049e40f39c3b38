"""Tables of items: what becomes of titles, tags, texts and attributes, and which ids are refused."""

import json
from pathlib import Path

import duckdb
import pytest

from homespun.errors import MisuseError
from homespun_server.errors import DataError
from homespun_server.statistics.columns import InteractionColumns, ItemColumns
from homespun_server.statistics.items import Items
from homespun_server.statistics.problems import Reason


def csv_items(path: Path, text: str, columns: ItemColumns | None = None, **options) -> Items:
    path.write_text(text, encoding="utf-8", newline="")
    return Items.read(path, columns or ItemColumns(), **options)


def test_positions_follow_the_file(tmp_path):
    items = csv_items(tmp_path / "i.csv", "item,title\nq,Queue\np,Pea\n")
    assert (items.ids, items.titles, len(items)) == (["q", "p"], ["Queue", "Pea"], 2)
    assert items.positions == {"q": 0, "p": 1}
    assert (items.tags, items.texts, items.attributes, items.derived) == ([(), ()], ["", ""], {}, False)


def test_an_empty_title_becomes_the_id(tmp_path):
    assert csv_items(tmp_path / "i.csv", "item,title\nq,\n").titles == ["q"]


def test_ids_can_be_the_titles(tmp_path):
    assert csv_items(tmp_path / "i.csv", "item\nq\n", ItemColumns(title=None)).titles == ["q"]


def test_a_missing_title_column_is_told_and_not_guessed(tmp_path):
    with pytest.raises(DataError, match="no column 'title'"):
        csv_items(tmp_path / "i.csv", "item,name\nq,Queue\n")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("Drama|Science Fiction", "Science Fiction", [("Drama", "Science Fiction"), ("Science Fiction",)]),
        ("drama, sci-fi", "film noir", [("drama", "sci-fi"), ("film noir",)]),
        ("a,b|c", "d,e", [("a,b", "c"), ("d,e",)]),
        ("Drama War", "War", [("Drama", "War"), ("War",)]),
        ("|a||a| b |", "", [("a", "b"), ()]),
    ],
)
def test_a_column_of_tags_is_split_by_one_rule(tmp_path, first, second, expected):
    items = csv_items(tmp_path / "i.csv", f'item,title,genres\n1,T,"{first}"\n2,T,"{second}"\n')
    assert items.tags == expected


def test_lists_of_tags_are_kept_as_they_are(tmp_path):
    tags = [["a,b", "c d", "c d", " ", None], [], None]
    lines = [json.dumps({"item": i, "title": "T", "tags": t}) for i, t in enumerate(tags)]
    (tmp_path / "i.jsonl").write_text("\n".join(lines))
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT * FROM (VALUES (0, 'T', ['a,b', 'c d', 'c d', ' ', NULL]), (1, 'T', []), (2, 'T', NULL)) "
            "AS t (item, title, tags)"
        ).write_parquet(str(tmp_path / "i.parquet"))
    for name in ("i.jsonl", "i.parquet"):
        assert Items.read(tmp_path / name).tags == [("a,b", "c d"), (), ()]


def test_json_tags_that_are_text_are_split_beside_lists(tmp_path):
    rows = [{"item": 1, "title": "T", "tags": "a|b"}, {"item": 2, "title": "T", "tags": ["[c|d]"]}]
    (tmp_path / "i.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert Items.read(tmp_path / "i.jsonl").tags == [("a", "b"), ("[c|d]",)]


def test_descriptions_are_found_and_kept_whole(tmp_path):
    items = csv_items(tmp_path / "i.csv", 'item,title,description\n1,T,"one\r\ntwo, ""three"""\n2,T,\n')
    assert items.texts == ['one\r\ntwo, "three"', ""]


def test_attributes_are_numeric_if_all_values_are_and_categorical_otherwise(tmp_path):
    columns = ItemColumns(attributes=("year", "size", "none"))
    items = csv_items(tmp_path / "i.csv", "item,title,year,size,none\n1,T,1999,12,\n2,T,,XL,\n", columns)
    assert items.attributes == {"year": [1999.0, None], "size": ["12", "XL"], "none": [None, None]}


def test_a_numeric_attribute_is_finite_and_a_missing_one_is_none(tmp_path):
    path = tmp_path / "i.parquet"
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT unnest([1, 2]) AS item, 'T' AS title, unnest([0.1, 'nan'::DOUBLE]) AS a, "
            "unnest([1, 'inf'::DOUBLE]) AS b, unnest([true, false]) AS c"
        ).write_parquet(str(path))
    items = Items.read(path, ItemColumns(attributes=("a", "b", "c")))
    assert items.attributes == {"a": [0.1, None], "b": ["1.0", "inf"], "c": ["true", "false"]}


BAD_IDS = {
    "empty": ('""', Reason.MISSING_ID),
    "over-long": ("i" * 513, Reason.LONG_ID),
    "control character": ("a\x07", Reason.UNPRINTABLE_ID),
    "line separator": ("a\u2028", Reason.UNPRINTABLE_ID),
    "unassigned character": ("a\U000e0fff", Reason.UNPRINTABLE_ID),
    "duplicate": ("first", Reason.DUPLICATE_ITEM),
}


@pytest.mark.parametrize("case", BAD_IDS)
def test_bad_id(tmp_path, case):
    bad, reason = BAD_IDS[case]
    text = f"item,title\nfirst,One\n{bad},Two\nlast,Three\n"
    with pytest.raises(DataError) as caught:
        csv_items(tmp_path / "i.csv", text)
    error = caught.value
    assert (error.column, error.rows, error.lines, error.count) == ("item", (2,), (3,), 1)
    items = csv_items(tmp_path / "i.csv", text, skip_bad_rows=True)
    assert (items.ids, items.titles) == (["first", "last"], ["One", "Three"])
    assert items.report is not None
    assert [(fault.reason, fault.count) for fault in items.report.skipped] == [(reason, 1)]


def test_an_id_of_512_characters_is_not_over_long(tmp_path):
    assert len(csv_items(tmp_path / "i.csv", f"item,title\n{'é' * 512},T\n")) == 1


def test_all_duplicates_are_counted_and_the_first_five_named(tmp_path):
    with pytest.raises(DataError, match=r"8 rows of 9 .*rows 2, 3, 4, 5, 6, …") as caught:
        csv_items(tmp_path / "i.csv", "item,title\n" + "q,T\n" * 9)
    assert (caught.value.rows, caught.value.count) == ((2, 3, 4, 5, 6), 8)


def test_malformed_items_are_told_like_interactions(tmp_path):
    text = "item,title\nq,T\nr\ns,T\n"
    with pytest.raises(DataError, match="malformed"):
        csv_items(tmp_path / "i.csv", text)
    assert csv_items(tmp_path / "i.csv", text, skip_bad_rows=True).ids == ["q", "s"]


def test_columns_of_different_lengths_are_misuse():
    with pytest.raises(MisuseError, match="2 ids"):
        Items(["a", "b"], ["A"], [(), ()], ["", ""])


def test_ids_collected_from_interactions_are_sorted_and_marked(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,thing\na,q\nb,p\nc,q\n")
    items = Items.from_interactions(path, InteractionColumns(item="thing"))
    assert (items.ids, items.titles, items.derived) == (["p", "q"], ["p", "q"], True)


def test_bad_ids_in_interactions_are_counted_by_row(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item\na,\nb,p\nc,\nd,\x07\n")
    with pytest.raises(DataError, match=r"2 rows of 4 without an id \(rows 1, 3; lines 2, 4\)"):
        Items.from_interactions(path)
    items = Items.from_interactions(path, skip_bad_rows=True)
    assert items.ids == ["p"]
    assert items.report is not None
    assert [(fault.reason, fault.rows) for fault in items.report.skipped] == [
        (Reason.MISSING_ID, (1, 3)),
        (Reason.UNPRINTABLE_ID, (4,)),
    ]


def test_a_table_of_interactions_passes_for_a_catalogue_without_a_trace(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("user,item\na,q\nb,p\nc,q\nd,\ne,q\n")
    columns = ItemColumns(title=None)
    with pytest.raises(DataError, match="2 rows with an item id that an earlier row has"):
        Items.read(path, columns, skip_bad_rows=False)
    items = Items.read(path, columns, skip_bad_rows=True)
    assert items.report is not None
    assert (items.ids, items.report.path, items.report.read, items.report.kept) == (["q", "p"], str(path), 5, 2)
    assert [(fault.reason, fault.rows, fault.count) for fault in items.report.skipped] == [
        (Reason.MISSING_ID, (4,), 1),
        (Reason.DUPLICATE_ITEM, (3, 5), 2),
    ]
