"""Keys of steps: hashes of what decides about the result. Pure, but for the hashing of files."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from homespun.errors import MisuseError
from homespun.protocol.canonical import canonical
from homespun_server._version import __version__

LIBRARIES = ("homespun", "numpy", "scipy", "scikit-learn", "onnx", "onnxruntime", "duckdb", "opendp", "msgspec")
"""What results may depend on besides this package."""

_CHUNK = 1 << 20


def code_versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that results may depend on."""
    return {"homespun-server": __version__, **{name: version(name) for name in LIBRARIES}}


def key_of(
    step: str, *, revision: int, code: Mapping[str, str], parameters: Mapping[str, object], inputs: Mapping[str, str]
) -> str:
    """Return a step's key: SHA-256 of the canonical JSON (RFC 8785) of what decides about its result.

    Args:
        step: The step's name.
        revision: Raised by whoever changes what the step does.
        code: Versions that its result may depend on.
        parameters: What it was asked, as plain data.
        inputs: Keys of the steps that it is made from, and hashes of files, by name.
    """
    content = {
        "step": step,
        "revision": revision,
        "code": dict(code),
        "parameters": _plain(parameters),
        "inputs": dict(inputs),
    }
    return hashlib.sha256(canonical(content)).hexdigest()


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, lower-case hexadecimal.

    Raises:
        MisuseError: If it cannot be read.
    """
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error.strerror}. Name the file in the pipeline.") from error
    return found.hexdigest()


def _plain(value: object) -> object:
    """Return plain data without floats, whose text canonical JSON leaves to the caller."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
