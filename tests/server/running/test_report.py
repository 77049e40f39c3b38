"""The report leaves out why a bundle was not published, fetches something, or runs what a name says."""

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from homespun_server.errors import GateFailedError
from homespun_server.running.report import content_of, page, write_page
from homespun_server.running.runner import run
from homespun_server.running.steps.gates import Judged
from tests.server.running.conftest import Ran
from tests.server.running.support import Films, content, job_of


def test_something_is_missing_from_the_report(private: Ran, tmp_path: Path) -> None:
    found = content_of(private.job, private.outcome.done, private.outcome.bundle)
    write_page(found, tmp_path / "pages" / "report.html")
    text = (tmp_path / "pages" / "report.html").read_text(encoding="utf-8")
    assert "All gates are met" in text
    assert private.outcome.bundle in text
    for gate in found.judged.results:
        assert f"<strong>{gate.name}</strong>" in text
    for step in found.steps:
        assert f"<code>{step.key[:16]}</code>" in text
    for digest in found.inputs.values():
        assert digest in text
    assert text.count("<svg") == 7  # quality, three kinds of parts, budget, sizes, timings
    assert "By what the person mostly likes" in text
    assert "metric-sums, of users kept aside" in text
    assert "For the operator alone" in text


def test_a_report_without_privacy_shows_a_budget(exact: Ran) -> None:
    text = page(content_of(exact.job, exact.outcome.done, exact.outcome.bundle))
    assert "no ε bounds what it tells of people" in text


def test_a_report_of_a_failure_says_that_all_is_well(films: Films, tmp_path: Path) -> None:
    job = job_of(content(films, gates={"max_bundle_bytes": 1}), tmp_path)
    with pytest.raises(GateFailedError):
        run(job)
    text = page(content_of(job, {}, None))
    assert "Not published" in text
    assert "<strong>bundle-bytes</strong>" in text
    assert "where ≤ 1 was asked" in text


def test_a_report_fetches_or_runs_something(private: Ran) -> None:
    found = content_of(private.job, private.outcome.done, private.outcome.bundle)
    hostile = '<script>alert("1")</script>'
    results = tuple(msgspec.structs.replace(each, figure=hostile) for each in found.judged.results)
    judged = Judged(results=results, overrides=(), missing=(hostile,))
    text = page(replace(found, name=hostile, judged=judged, inputs={hostile: hostile}))
    assert "<script" not in text
    assert "alert(&#34;1&#34;)" in text
    assert not re.search(r"(src|href)\s*=", text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
