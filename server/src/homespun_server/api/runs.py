"""Routes of the pipeline's runs: to read. They are started at the server, by the command line."""

from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import PathParameter, QueryParameter

from homespun_server.api.documents import SECURITY, problems
from homespun_server.api.problem import ClientError
from homespun_server.api.services import Given, requires
from homespun_server.store.runs import Run

RunId = Annotated[str, PathParameter(pattern="^[A-Za-z0-9._-]{1,64}$", description="The run's name.")]


class RunList(msgspec.Struct, frozen=True):
    """Runs of the pipeline, latest first."""

    runs: tuple[Run, ...]


class RunDetails(msgspec.Struct, frozen=True):
    """A run of the pipeline, and its record."""

    run: Run
    record: dict[str, object]


@get("/", guards=[requires("read")], security=SECURITY, responses=problems(), sync_to_thread=True)
def list_runs(services: Given, limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100) -> RunList:
    """List the pipeline's runs, latest first."""
    return RunList(services.runs.runs(limit))


@get("/{run:str}", guards=[requires("read")], security=SECURITY, responses=problems(404), sync_to_thread=True)
def get_run(services: Given, run: RunId) -> RunDetails:
    """Return a run and its record."""
    found = services.runs.get(run)
    if found is None:
        raise ClientError("there is no such run; list the runs to see their names.", status_code=404)
    return RunDetails(*found)


def routes() -> Router:
    """Return the routes."""
    return Router("/runs", route_handlers=[list_runs, get_run], tags=["pipeline"])
