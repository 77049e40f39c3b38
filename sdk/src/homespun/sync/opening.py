"""Opens a bundle that was downloaded, and lets it test itself, before anybody uses it."""

from pathlib import Path

from homespun.errors import BundleIntegrityError
from homespun.model.bundle import Bundle
from homespun.model.golden import check_golden
from homespun.model.verify import open_file
from homespun.protocol.bundle import GOLDEN
from homespun.protocol.golden import MAX_BYTES


def opened(folder: Path, identity: str, threads: int) -> Bundle:
    """Return a bundle that was verified, opened and has passed its own test.

    Args:
        folder: Its folder.
        identity: What it must be.
        threads: Threads of one model run.

    Raises:
        BundleError: It cannot be used.
    """
    bundle = Bundle.open(folder, threads=threads)
    try:
        check_golden(bundle, _golden(folder, bundle, identity))
    except BaseException:
        bundle.close()
        raise
    return bundle


def _golden(folder: Path, bundle: Bundle, identity: str) -> bytes:
    if bundle.id != identity:
        raise BundleIntegrityError("another bundle is in its place; it is not used.")
    if GOLDEN not in bundle.manifest.files:
        raise BundleIntegrityError(f"the bundle has no {GOLDEN} to test itself with; it is not used.")
    with open_file(folder / GOLDEN) as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise BundleIntegrityError(f"{GOLDEN} is larger than {MAX_BYTES} bytes; it is not read.")
    return raw
