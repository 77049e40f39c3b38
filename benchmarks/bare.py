"""The limit of the service: the same answers from memory, by uvicorn and an application that does nothing else.

Run as a program with a JSON file of answers by path, it says its port and serves until it is ended.
"""

import socket
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvicorn


class Answer(msgspec.Struct):
    """An answer, as the service gave it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def application(answers: dict[str, Answer]) -> Any:
    """Return an ASGI application that answers by path."""
    sent = {
        path: (
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [(name.encode(), value.encode()) for name, value in answer.headers],
            },
            {"type": "http.response.body", "body": answer.body},
        )
        for path, answer in answers.items()
    }

    async def app(scope: Any, _: Any, send: Any) -> None:
        for message in sent[scope["path"]]:
            await send(message)

    return app


def main() -> None:
    """Serve what the file says."""
    answers = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=dict[str, Answer])
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        application(answers), access_log=False, log_config=None, lifespan="off", server_header=False
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
