"""A sample of ratings, and one run over it, that the tests of the pipeline share; nobody writes to them."""

from typing import NamedTuple

import pytest

from homespun_server.running.job import Job
from homespun_server.running.runner import Outcome, run
from tests.server.running.support import Films, content, job_of, without_privacy, write_films


class Ran(NamedTuple):
    job: Job
    outcome: Outcome


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return write_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def private(films: Films, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A private run with released figures."""
    asked = content(films, fit={"metrics_epsilon": 8.0}, card={"intended_use": "Lists | of films."})
    job = job_of(asked, tmp_path_factory.mktemp("private"))
    return Ran(job, run(job))


@pytest.fixture(scope="session")
def exact(films: Films, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run without privacy."""
    job = job_of(without_privacy(films), tmp_path_factory.mktemp("exact"))
    return Ran(job, run(job))
