"""The service as operators run it, on loopback, in a thread of this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

from uvicorn import Config, Server

from homespun_server.api.logs import open_log
from homespun_server.api.serving import listen
from homespun_server.app import create_app
from homespun_server.settings import ServerSettings
from homespun_server.store.moments import Now, utc_now


@contextmanager
def serving(settings: ServerSettings, now: Now = utc_now) -> Iterator[str]:
    """Serve a working directory until the block ends; what is given is the address.

    The socket listens before the service is ready, so that a browser that comes early waits. An error that the service
    did not foresee fails the test.
    """
    said = StringIO()
    application = create_app(settings, now=now, log=open_log(said))
    server = Server(Config(application, lifespan="on", log_config=None, access_log=False, ws="none"))
    listening = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
    assert "request failed" not in said.getvalue(), said.getvalue()
