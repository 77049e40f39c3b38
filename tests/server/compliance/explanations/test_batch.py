"""A batch hides a record that does not come out, stops at one, or takes one for verified that was not looked at."""

import json
from pathlib import Path

import msgspec
import pytest

from homespun.errors import HomespunError, RecordError
from homespun.protocol.records import ExplanationRecord
from homespun_server import cli
from homespun_server.compliance.explanations import reading, verifying
from homespun_server.compliance.explanations.verifying import Sources, Verified, verify_batch


def test_true_records_do_not_come_out_again(lines: Path, folder: Path) -> None:
    assert verify_batch(lines, Sources((folder,))) == Verified(3, 15, ())


def test_a_bad_line_hides_or_stops_others(lines: Path, folder: Path, records: tuple[ExplanationRecord, ...]) -> None:
    changed = msgspec.structs.replace(records[0], candidates=7).sealed()
    slipped = msgspec.structs.replace(records[1], time=1.0)
    other = msgspec.structs.replace(records[2], bundle="ab" * 32).sealed()
    case = {"schema": 1, "case": "C-9", "record": json.loads(msgspec.json.encode(changed))}
    with lines.open("ab") as file:
        for record in (changed, slipped, other):
            file.write(msgspec.json.encode(record) + b"\n")
        file.write(b"nonsense\n\n" + json.dumps(case).encode() + b"\n" + msgspec.json.encode(records[0]))
    found = verify_batch(lines, Sources((folder,)))
    assert found.records == 9
    assert [failure.number for failure in found.failures] == [4, 5, 6, 7, 8]
    assert [failure.case for failure in found.failures[3:]] == ["", "C-9"]
    for failure, told in zip(
        found.failures, ("candidates", "changed", "was not given", "neither", "candidates"), strict=True
    ):
        assert told in failure.problem


def test_several_processes_say_something_else(
    lines: Path, folder: Path, records: tuple[ExplanationRecord, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "BATCH", 2)
    with lines.open("ab") as file:
        file.write(b"nonsense\n" + msgspec.json.encode(records[0]) + b"\n")
    seen: list[tuple[str, int, int]] = []
    sources = Sources((folder,))
    alone = verify_batch(lines, sources, observer=lambda *told: seen.append(told))
    assert verify_batch(lines, sources, processes=2) == alone
    assert [failure.number for failure in alone.failures] == [4]
    assert seen[-1] == ("verify", lines.stat().st_size, lines.stat().st_size)
    assert len(seen) == 3


def test_a_line_without_an_end_fills_the_memory(lines: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    with pytest.raises(RecordError, match="more than 100 bytes"):
        verify_batch(lines, Sources((folder,)))


def test_a_missing_file_or_bundle_is_no_clear_error(lines: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(HomespunError, match="cannot be read"):
        verify_batch(tmp_path / "none", Sources((folder,)))
    with pytest.raises(HomespunError):
        verify_batch(lines, Sources((tmp_path,)))


def test_the_command_says_done_after_a_failure(lines: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["explanation", "verify", str(lines), "--bundle", str(folder), "--processes", "1"]
    assert cli.main(command) == 0
    assert "3 lists with 15 items" in capsys.readouterr().out
    with lines.open("ab") as file:
        file.write(b'{"schema": 3, "time": "[bold]\x1b"}\n')
    assert cli.main(command) == 1
    told = capsys.readouterr()
    assert "Not as recorded" in told.out
    assert "1 of 4 lists" in told.err
    assert "\x1b" not in told.out
    lines.write_bytes(b"\n")
    assert cli.main(command) == 1


@pytest.mark.parametrize("form", ["jsonl", "csv", "html", "pdf"])
def test_the_command_writes_no_file_or_one_that_a_record_names(
    lines: Path, folder: Path, tmp_path: Path, form: str, records: tuple[ExplanationRecord, ...]
) -> None:
    case = {"schema": 1, "case": "../../C 1", "record": json.loads(msgspec.json.encode(records[0]))}
    lines.write_bytes(lines.read_bytes() + json.dumps(case).encode())
    out = tmp_path / "out"
    out.mkdir()
    command = ["explanation", "export", str(lines), "--bundle", str(folder), "--format", form]
    assert cli.main([*command, "--out", str(out)]) == 0
    names = sorted(path.name for path in out.iterdir())
    assert len(names) == 4
    assert names[3] == f"00004-------C-1.{form}"
    assert cli.main([*command, "--out", str(tmp_path / f"all.{form}"), "--language", "de"]) == 0
    assert (tmp_path / f"all.{form}").stat().st_size > 1000


def test_the_command_leaves_the_titles_of_the_catalogue_out(
    lines: Path, folder: Path, tmp_path: Path, records: tuple[ExplanationRecord, ...]
) -> None:
    items = tmp_path / "items.csv"
    first = records[0].items[0].item
    items.write_text(f"id,called\n{first},The first of all\n{records[0].items[1].item},\n")
    out = tmp_path / "out.html"
    command = ["explanation", "export", str(lines), "--bundle", str(folder), "--out", str(out)]
    assert cli.main([*command, "--items", str(items), "--item-columns", "item=id", "title=called"]) == 0
    told = out.read_text(encoding="utf-8")
    assert "<h3>1. The first of all</h3>" in told
    assert f"<h3>2. {records[0].items[1].item}</h3>" not in told  # no title there, so the bundle's stays


def test_the_command_explains_what_does_not_come_out(
    lines: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines.write_bytes(lines.read_bytes().replace(b'"candidates":300', b'"candidates":301', 1))
    out = tmp_path / "out.html"
    assert cli.main(["explanation", "export", str(lines), "--bundle", str(folder), "--out", str(out)]) == 1
    assert "digest" in capsys.readouterr().err
    assert not out.exists()
