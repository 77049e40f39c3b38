"""The service answers otherwise than its own document says.

Every operation is called with data made from the document, right and wrong, alone and one after the other. What is
changed is thrown away afterwards: releases, tokens and stages really change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from typing import Any

import msgspec
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from homespun_server.api.logs import open_log
from homespun_server.app import create_app
from homespun_server.settings import ServerSettings
from homespun_server.store import Role
from tests.server.api.support import Hands, Running, token

DOCUMENT = "/api/v1/openapi.json"
EXAMPLES = 15
SOAK_EXAMPLES = 300

UNLIMITED = {"token_rate": 1e9, "token_burst": 10**9, "anonymous_rate": 1e9, "anonymous_burst": 10**9}


@contextmanager
def application(settings: ServerSettings) -> Iterator[Any]:
    """Return the service without its start and end, which would be another event loop's."""
    changed = replace(settings, service=msgspec.structs.replace(settings.service, **UNLIMITED))
    made = create_app(changed, now=Hands(), log=open_log(StringIO()))

    async def served(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await made(scope, receive, send)
            return
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    try:
        yield served
    finally:
        made.state.close()


def config_of(secret: str, examples: int, *, deterministic: bool) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "headers": {"Authorization": f"Bearer {secret}"},
            "generation": {"max-examples": examples, "deterministic": deterministic, "database": "none"},
            "seed": 2025,
            "max-failures": 20,
        }
    )


def test_an_operation_is_not_described(service: Running) -> None:
    found = service.client.get(DOCUMENT).json()
    assert found["openapi"].startswith("3.1")
    operations = [operation for path in found["paths"].values() for operation in path.values()]
    assert len(operations) == 24
    for operation in operations:
        assert operation["description"]
        if operation["tags"] == ["service"]:
            continue
        assert operation["security"] == [{"token": []}]
        for status in ("400", "401", "403", "429", "500", "503"):
            assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("role", ["operator", "publisher"])
def test_an_answer_is_not_as_described(published: ServerSettings, role: Role, pytestconfig: pytest.Config) -> None:
    soak = bool(pytestconfig.getoption("--soak"))
    secret = token(published, role, Hands())
    config = config_of(secret, SOAK_EXAMPLES if soak else EXAMPLES, deterministic=not soak)
    statuses: dict[Status, int] = {}
    calls = 0
    failures: list[tuple[object, str]] = []
    with application(published) as app:
        schema = schemathesis.openapi.from_asgi(DOCUMENT, app, config=config)
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                statuses[event.status] = statuses.get(event.status, 0) + 1
                calls += len(event.recorder.cases)
                for checks in event.recorder.checks.values():
                    failures += [
                        (event.label, str(check.failure_info.failure)) for check in checks if check.failure_info
                    ]
            elif isinstance(event, (events.NonFatalError, events.FatalError)):
                failures.append((event, str(event)))
    assert not failures, "\n\n".join(f"{label}: {failure}" for label, failure in failures)
    assert set(statuses) <= {Status.SUCCESS, Status.SKIP}
    assert calls > 24 * EXAMPLES, calls
