"""Changes what a bundle says of itself, and nothing of what it does: golden scores, and the card.

Both are known only once there is a bundle that can be run: it is measured first, and then told of. The model, the
catalogue and the policy stay the same bytes; the manifest is written anew, so the bundle has another identity.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from homespun.errors import MisuseError
from homespun.protocol import bundle
from homespun.protocol.bundle import FileEntry, Manifest, PrivacyStatement
from homespun_server.errors import OutputError
from homespun_server.publishing.bundle import check_replaceable
from homespun_server.publishing.in_place import put_in_place

AMENDABLE = (bundle.CARD_TEXT, bundle.CARD_DATA, bundle.GOLDEN)
"""Files that tell of a bundle, and by which no list is made."""


def amend(
    folder: Path, files: Mapping[str, bytes], *, privacy: PrivacyStatement | None = None, to: Path | None = None
) -> Manifest:
    """Replace or add files of a bundle; all of it is there afterwards, or nothing has changed.

    Args:
        folder: The bundle.
        files: Content by name, each of ``AMENDABLE``.
        privacy: The statement of privacy from now on; None: as it was.
        to: Where the changed bundle goes; None: in the old one's place.

    Raises:
        MisuseError: If another file is named.
        OutputError: If there is no bundle, or the new one cannot be written; what was there stays.
    """
    others = set(files).difference(AMENDABLE)
    if others:
        raise MisuseError(f"{min(others)} decides about lists, so a bundle with another one is another bundle.")
    target = folder if to is None else to
    check_replaceable(target)
    try:
        manifest = msgspec.json.decode((folder / bundle.MANIFEST).read_bytes(), type=Manifest)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bundle-") as temporary:
            made = Path(temporary) / "bundle"
            made.mkdir()
            for name in manifest.files.keys() - files.keys():
                shutil.copyfile(folder / name, made / name)
            for name, content in files.items():
                (made / name).write_bytes(content)
            found = _amended(manifest, files, privacy)
            (made / bundle.MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
            put_in_place(made, target, Path(temporary) / "replaced")
    except (OSError, msgspec.MsgspecError) as error:
        raise OutputError(
            f"the bundle in {folder} cannot be changed ({error}); what was there was left alone. Make room, or make "
            "the bundle again."
        ) from error
    return found


def _amended(manifest: Manifest, files: Mapping[str, bytes], privacy: PrivacyStatement | None) -> Manifest:
    entries = {name: FileEntry(len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()}
    known = {**manifest.files, **entries}
    order = (*bundle.FILES, *bundle.OPTIONAL_FILES)
    return msgspec.structs.replace(
        manifest,
        privacy=manifest.privacy if privacy is None else privacy,
        files={name: known[name] for name in order if name in known},
    )
