"""What a documentation page could do to its reader."""

from pathlib import Path

import pytest

from tools.build_docs import foreign_loads, has_content_policy, nav_problems, page_problems

POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'">'


@pytest.mark.parametrize(
    "element",
    [
        '<script src="https://example.org/a.js"></script>',
        '<img src="//example.org/a.png">',
        '<link rel="preconnect" href="https://example.org">',
        '<link rel="stylesheet" href="http://example.org/a.css">',
        '<img srcset="https://example.org/a.png 2x">',
    ],
)
def test_a_page_tells_another_host_that_it_is_read(element: str) -> None:
    assert len(foreign_loads(f"<html>{element}</html>")) == 1


def test_an_ordinary_link_is_taken_for_a_load() -> None:
    page = '<a href="https://example.org">there</a><link rel="canonical" href="https://example.org"><img src="a.png">'
    assert foreign_loads(page) == []


def test_a_page_without_a_content_policy_passes(tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text(f"<head>{POLICY}</head>", encoding="utf-8")
    (tmp_path / "bad.html").write_text("<head></head>", encoding="utf-8")
    assert has_content_policy(POLICY)
    (problem,) = page_problems(tmp_path)
    assert problem.startswith("bad.html")


def test_a_page_that_no_reader_can_reach_passes(tmp_path: Path) -> None:
    (tmp_path / "adr").mkdir()
    for name in ("index.md", "adr/0001.md"):
        (tmp_path / name).write_text("# A page\n", encoding="utf-8")
    nav = [{"Start": "index.md"}, {"More": [{"Lost": "lost.md"}]}]
    problems = nav_problems(nav, tmp_path)
    assert [problem.count("lost.md") + problem.count("0001.md") for problem in problems] == [1, 1]
