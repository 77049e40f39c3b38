from typing import Any

import pytest

from homespun.errors import MisuseError
from homespun.protocol.destination import origin


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://collect.example.org", "https://collect.example.org"),
        ("HTTPS://Collect.Example.ORG:443/", "https://collect.example.org"),
        ("https://collect.example.org:8443", "https://collect.example.org:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("https://[2001:DB8::0:1]:8443", "https://[2001:db8::1]:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_one_origin_has_two_spellings(given: str, kept: str) -> None:
    assert origin(given) == kept == origin(kept)


@pytest.mark.parametrize(
    "destination",
    [
        "http://collect.example.org",  # everybody on the way reads it
        "http://192.168.0.1",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://2130706433",  # 127.0.0.1 to some programs only
        "http://0x7f000001",
        "http://127.1",
        "http://0177.0.0.1",
        "http://[::ffff:192.0.2.7]",
        "ftp://collect.example.org",
        "collect.example.org",
        "https://",
        "https:///path",
        "https://collect.example.org/path",
        "https://collect.example.org?query",
        "https://collect.example.org#fragment",
        "https://user@collect.example.org",
        "https://user:secret@collect.example.org",
        "https://localhost@collect.example.org",
        "https://collect.example.org:0",
        "https://collect.example.org:65536",
        "https://collect.example.org:",
        "https://collect..example.org",
        "https://-collect.example.org",
        "https://collect.example.org.",
        "https://" + "a" * 64 + ".example",
        "https://" + "a." * 127 + "example",
        "https://cоllect.example.org",  # the second letter is Cyrillic
        "https://collect.example.org\n",
        " https://collect.example.org",
        "https://collect example.org",
        "https://[::1",
        "https://[1.2.3.4]",
        "https://[fe80::1%eth0]",
        "https://1.2.3",
        "https://256.1.1.1",
        "",
        None,
        b"https://collect.example.org",
    ],
)
def test_something_is_sent_where_others_can_read_it_or_nobody_knows_where(destination: Any) -> None:
    with pytest.raises(MisuseError, match="the destination is"):
        origin(destination)
