"""``homespun-server run`` and its exit status: what was done is not what is said."""

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import text

from homespun_server.cli import main
from homespun_server.cli.settling import settle
from homespun_server.compliance.keys import create_compliance_keys
from homespun_server.compliance.opening import open_compliance
from homespun_server.settings import FILE, read_settings
from homespun_server.store import Runs, open_store
from tests.server.api.support import CHEAP, PASSPHRASE, TESTER, make_directory
from tests.server.running.support import Films, content, without_privacy

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; return its status and what it says, without frames and line ends."""

    def ran(*arguments: object) -> tuple[int, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, " ".join(re.sub("[│╭╮╰╯─]", " ", captured.out + captured.err).split())

    return ran


def toml(asked: dict[str, Any]) -> str:
    """Return a pipeline as TOML; every value of these is written in JSON as it is there."""
    plain = [f"{key} = {json.dumps(value)}" for key, value in asked.items() if not isinstance(value, dict)]
    for table, values in asked.items():
        if isinstance(values, dict):
            plain += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(plain) + "\n"


def test_a_pipeline_without_a_working_directory_does_nothing(
    run: Run, films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline = tmp_path / "pipeline.toml"
    pipeline.write_text(toml(content(films, gates={"max_bundle_bytes": 1})), encoding="utf-8")
    status, said = run("run", pipeline, "--dry-run")
    assert status == 0
    assert "This run: ε = 8 per user, at δ = 1e-06." in said
    assert not (tmp_path / "work").exists()
    status, said = run("run", pipeline)
    assert status == 3
    assert "bundle-bytes" in said
    assert "where ≤ 1 was asked" in said
    assert (tmp_path / "work" / "report.html").is_file()
    status, said = run("run", pipeline, "--override", "bundle-bytes")
    assert (status, "come in pairs" in said) == (1, True)
    status, said = run("run", pipeline, "--override", "bundle-bytes", "--reason", "once", "--report", "own.html")
    assert status == 0
    assert "release kept" in said
    assert "let pass" in (tmp_path / "own.html").read_text(encoding="utf-8")


def test_a_run_is_not_published_or_not_recorded(
    run: Run, films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", "correct horse battery staple")
    monkeypatch.delenv("HOMESPUN_DATABASE_URL", raising=False)
    place = tmp_path / "place"
    assert run("init", place, "--application", "films")[0] == 0
    asked = content(films, publish={"shares": [1.0]}, ledger={"data_set": "films"})
    (tmp_path / "pipeline.toml").write_text(toml(asked), encoding="utf-8")
    assert run("budget", "open", "--store", place / "store.sqlite", "--data-set", "films", "--epsilon", 8)[0] == 0
    status, said = run("run", tmp_path / "pipeline.toml", "--in", place)
    assert status == 0
    assert "publish release 1 is for 100.00% of devices" in said
    status, said = run("run", tmp_path / "pipeline.toml", "--in", place, "--dry-run")
    assert "This run: ε = 0 per user" in said
    (tmp_path / "pipeline.toml").write_text(toml(asked | {"name": "other", "gates": {"max_bundle_bytes": 1}}), "utf-8")
    assert run("run", tmp_path / "pipeline.toml", "--in", place)[0] == 3
    with open_store(place / "store.sqlite") as store:
        runs = Runs(store)
        last, first = sorted(runs.runs(), key=lambda each: each.name, reverse=True)
        assert (first.name, first.state, last.name, last.state) == ("films", "done", "other", "blocked")
        found = runs.get(last.id)
        assert found is not None
        assert "bundle-bytes" in str(found[1]["failed"])
        assert first.bundle is not None
    # Nothing is published, and no key is opened: gates hold the bundle against what the channel has all the same.
    monkeypatch.delenv("HOMESPUN_KEY_PASSPHRASE")
    held = {key: value for key, value in asked.items() if key != "publish"}
    (tmp_path / "held.toml").write_text(toml(held | {"fit": {**held["fit"], "dimensions": 4}}), encoding="utf-8")
    before = set((place / "work" / "gates").iterdir())
    assert run("run", tmp_path / "held.toml", "--in", place)[0] == 0
    (made,) = set((place / "work" / "gates").iterdir()) - before
    assert "no incumbent" not in (made / "gates.json").read_text(encoding="utf-8")


def test_a_request_waits_for_a_model_that_its_pipeline_made_again(
    run: Run, films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMESPUN_KEY_PASSPHRASE", PASSPHRASE)
    monkeypatch.delenv("HOMESPUN_DATABASE_URL", raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    place = make_directory(tmp_path / "place").folder
    with (place / FILE).open("a", encoding="utf-8") as file:
        file.write('\n[[compliance.tables]]\npath = "interactions.csv"\n')
    shutil.copy(films.interactions, place / "interactions.csv")
    settings = read_settings(place)
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP)
    asked = without_privacy(films, inputs={"interactions": str(place / "interactions.csv")}, publish={"shares": [1.0]})
    (tmp_path / "pipeline.toml").write_text(toml(asked), encoding="utf-8")
    pipeline = ("run", tmp_path / "pipeline.toml", "--in", place)
    status, said = run(*pipeline)
    assert (status, "waited" in said) == (0, False)

    person = (place / "interactions.csv").read_text().splitlines()[1].partition(",")[0]
    request = run("request", "open", "erasure", "--under", "gdpr", "--person", person, "--in", place)[1].split()[1][:32]
    for step in ("identify", "accept"):
        acting = ("request", "act", request, step, "--method", "seen", "--evidence", "case 1", "--in", place)
        assert run(*acting)[0] == 0
    status, said = run("request", "work", request, "--in", place)
    assert (status, "The request is partial. No evidence yet: models." in said) == (0, True)
    assert re.search(r"by the pipeline films \(homespun-server run", said)
    assert run("request", "close", request, "--pending", "--in", place)[0] == 0

    # The very same command makes the model without the person, and the request closes.
    status, said = run(*pipeline)
    assert status == 0, said
    assert f"Requests that waited for this model: {request}" in said
    with open_store(settings.store) as store:
        compliance = open_compliance(read_settings(place), store)
        assert compliance is not None
        details = compliance.requests.requests.get(request)
    assert (details.request.state, details.untrained) == ("closed", ())
    (event,) = (each for each in details.timeline if each.what == "retrained")
    assert (event.who, event.detail["evidence"] != event.detail["bundle"]) == ("command run", True)
    assert "waited" not in run(*pipeline)[1]


def test_a_model_is_lost_because_a_request_could_not_be_looked_at(tmp_path: Path) -> None:
    settings, shown = make_directory(tmp_path / "place"), io.StringIO()
    create_compliance_keys(settings, PASSPHRASE.encode(), costs=CHEAP)
    with open_store(settings.store) as store:
        with store.writing() as connection:
            connection.execute(text("DROP TABLE homespun_retrainings"))
        settle(settings, store, TESTER, lambda _: b"", Console(file=shown, width=400))
    assert "The model is made, and requests that wait for models could not be looked at" in shown.getvalue()
