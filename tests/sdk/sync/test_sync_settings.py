"""Settings of updates that could not be used, or would send a device elsewhere."""

from pathlib import Path
from typing import Any

import pytest

from homespun.errors import MisuseError
from homespun.sync import OfflinePolicy, Updates, keep_until


def updates(**changes: Any) -> Updates:
    fields = {"url": "https://example.org", "channel": "films/production", "root": b"{}", "folder": Path("updates")}
    return Updates(**{**fields, **changes})


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://Example.ORG", "https://example.org"),
        ("https://example.org:443/", "https://example.org"),
        ("https://example.org/a/b//", "https://example.org/a/b"),
        ("http://127.0.0.1:8080/Films", "http://127.0.0.1:8080/Films"),
        ("http://[::1]:80/x", "http://[::1]/x"),
    ],
)
def test_one_repository_has_two_spellings(url: str, base: str) -> None:
    found = updates(url=url)
    assert (found.url, found.metadata_url, found.targets_url) == (base, f"{base}/metadata/", f"{base}/targets/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "ftp://example.org",
        "example.org",
        "https://user@example.org/",
        "https://example.org/?a=1",
        "https://example.org/#a",
        "https://example.org/a/../b",
        "https://example.org/./a",
        "https://example.org/a//b",
        "https://example.org/%2e%2e/",
        "https://example.org/a b",
        "https://example.org/a\nb",
        "https://example.org\\@other.org/",
        "https://exämple.org/",
        "",
        None,
        b"https://example.org",
    ],
)
def test_a_repository_is_where_nobody_meant(url: Any) -> None:
    with pytest.raises(MisuseError):
        updates(url=url)


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "films"},
        {"channel": "Films/production"},
        {"channel": None},
        {"root": b""},
        {"root": "{}"},
        {"folder": ""},
        {"folder": 3},
        {"offline": "keep"},
        {"connection": "metered"},
        {"interval_hours": 0},
        {"interval_hours": float("nan")},
        {"jitter": 0.6},
        {"jitter": -0.1},
        {"jitter": True},
        {"bytes_per_second": 0},
        {"bytes_per_second": 600},
        {"least_bytes_per_second": -1},
        {"patience_seconds": 0},
        {"connect_seconds": -1},
        {"read_seconds": float("inf")},
        {"answer_seconds": "1"},
        {"download_bytes": 0},
        {"disk_bytes": 1.5},
        {"proxy": "http://proxy.example.org:3128"},
        {"proxy": "https://user:word@proxy.example.org"},
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_accepted(changes: dict[str, Any]) -> None:
    with pytest.raises(MisuseError):
        updates(**changes)


@pytest.mark.parametrize("days", [0, -1, float("nan"), 5000, "7", True])
def test_an_offline_policy_has_no_days(days: Any) -> None:
    with pytest.raises(MisuseError):
        keep_until(days)


def test_an_offline_policy_is_made_up() -> None:
    with pytest.raises(MisuseError, match="keep_until"):
        OfflinePolicy("ignore")  # type: ignore[arg-type]


def test_the_root_is_printed_with_the_settings() -> None:
    assert "root" not in repr(updates(root=b"a long root"))


def test_a_relative_folder_moves_with_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert updates(folder="here").folder == tmp_path / "here"
