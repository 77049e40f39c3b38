"""Writing an export to a file: whole, for its owner only, or not at all."""

import io
import os
from pathlib import Path
from typing import BinaryIO, cast

from homespun.config import DEFAULTS, Settings
from homespun.errors import MisuseError
from homespun.person.export.archive import write_archive
from homespun.person.export.contents import Contents
from homespun.person.export.recipient import Recipient
from homespun.person.export.sealing import seal
from homespun.person.export.wrapping import passphrase_secret
from homespun.profile.files import Entropy, create_private, sync_file, sync_folder
from homespun.profile.secret import Secret
from homespun.protocol.export import Manifest

CLEAR_SUFFIX = ".zip"
SEALED_SUFFIX = ".homespun"

_PARTIAL = ".partial"


def write_export(
    path: str | os.PathLike[str],
    contents: Contents,
    *,
    recipient: Recipient | str | bytes | None = None,
    passphrase: str | None = None,
    overwrite: bool = False,
    settings: Settings = DEFAULTS,
    entropy: Entropy = os.urandom,
) -> Manifest:
    """Write everything that a profile holds to one file.

    With a recipient or a passphrase the file is sealed, and nothing of it is ever on the disk in the clear.
    **With neither, the file is a zip file that everybody who gets hold of it can read**; it is for its owner's
    account only (mode 0600), and who exports in the clear chooses that.

    The file appears whole or not at all: it is written as ``<name>.partial``, which is removed if anything
    fails, and which replaces a partial file that was left behind by a process that was killed.

    Args:
        path: Where to; ``.zip`` in the clear, ``.homespun`` sealed.
        contents: What to export.
        recipient: For whom: a Recipient, its text, or the 32 bytes of an X25519 public key.
        passphrase: What opens it; Argon2id with the costs of ``settings``.
        overwrite: Whether to replace a file that exists.
        settings: Costs of the passphrase's derivation.
        entropy: Gives unpredictable bytes.

    Returns:
        The manifest.

    Raises:
        MisuseError: The file exists, both a recipient and a passphrase are given, or the contents cannot be
            written.
        OSError: The disk refused.
    """
    to = _sealed_for(recipient, passphrase)
    target = _checked_target(Path(path), sealed=to is not None, overwrite=overwrite)
    partial = target.with_name(target.name + _PARTIAL)
    partial.unlink(missing_ok=True)
    create_private(partial)
    try:
        with partial.open("r+b") as file:
            manifest = _write(file, contents, to, settings, entropy)
        sync_file(partial)
        _check_absent(target, overwrite=overwrite)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    return manifest


def export_bytes(
    contents: Contents, *, passphrase: str | None = None, settings: Settings = DEFAULTS, entropy: Entropy = os.urandom
) -> bytes:
    """Return what ``write_export`` would write, without a disk: for somebody who gets it at once.

    Raises:
        MisuseError: The contents cannot be written.
    """
    made = io.BytesIO()
    _write(made, contents, _sealed_for(None, passphrase), settings, entropy)
    return made.getvalue()


def _write(
    file: BinaryIO, contents: Contents, to: Recipient | Secret | None, settings: Settings, entropy: Entropy
) -> Manifest:
    if to is None:
        return write_archive(contents, file)
    sealing = seal(file, to, settings=settings, entropy=entropy)
    manifest = write_archive(contents, cast("BinaryIO", sealing))
    sealing.finish()
    return manifest


def _sealed_for(recipient: Recipient | str | bytes | None, passphrase: str | None) -> Recipient | Secret | None:
    if recipient is not None and passphrase is not None:
        raise MisuseError("Give a recipient or a passphrase, not both: an export is sealed with one of them.")
    if passphrase is not None:
        return passphrase_secret(passphrase)
    if isinstance(recipient, str):
        return Recipient.parse(recipient)
    return recipient if isinstance(recipient, Recipient | None) else Recipient(recipient)


def _checked_target(path: Path, *, sealed: bool, overwrite: bool) -> Path:
    if path.suffix.lower() == (CLEAR_SUFFIX if sealed else SEALED_SUFFIX):
        state, suffix = ("sealed", SEALED_SUFFIX) if sealed else ("in the clear", CLEAR_SUFFIX)
        raise MisuseError(f"The export is {state} and '{path.name}' does not look like it; end the name in '{suffix}'.")
    if not path.name or path.is_dir():
        raise MisuseError(f"'{path}' is no file; give the export a name, for instance 'my-data{CLEAR_SUFFIX}'.")
    _check_absent(path, overwrite=overwrite)
    return path.absolute()


def _check_absent(path: Path, *, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(path):
        raise MisuseError(f"'{path}' exists and was left as it is; choose another name, or pass overwrite=True.")
