"""Who can open the profile: another passphrase, new keys, a recovery key."""

from dataclasses import replace

from homespun.errors import MisuseError
from homespun.home import Home
from homespun.profile import Key, Place, export_recovery, reseal, rotate


class Keys:
    """What opens the profile. Every method raises ProfileError where it cannot be done; the old key then still opens.

    They need the profile for this program alone, except for ``export_recovery`` and changing one passphrase, or one
    set of 32 bytes, for another.
    """

    def __init__(self, home: Home) -> None:
        """Use ``Personalizer.keys``."""
        self._home = home

    def change(self, new: Key) -> None:
        """Let another key open the profile from now on.

        Another passphrase, or other 32 bytes, wraps the same data key, so nothing is encrypted anew, and a copy of
        the folder made before still opens with the old one; ``rotate`` afterwards where that matters. A key of
        another kind, or in another keyring, moves the keys of all parts, so everything is encrypted anew.

        Args:
            new: Made with Key.passphrase, Key.bytes or Key.keyring.

        Raises:
            MisuseError: ``new`` is ephemeral or a recovery key, or there is no profile.
        """
        if not isinstance(new, Key) or new.is_ephemeral or new.is_recovery:
            raise MisuseError("give a key that lasts: Key.passphrase, Key.bytes or Key.keyring.")

        def change(place: Place) -> Key:
            if not reseal(place, new):
                rotate(place, replace(place, key=new))
            return new

        self._home.rekey(change)

    def rotate(self) -> None:
        """Encrypt everything anew, under new keys that the same key opens."""
        self._home.rekey(lambda place: rotate(place, place))

    def export_recovery(self) -> str:
        """Return a text that opens the profile where its other key is lost: ``Key.recovery(text)``.

        It replaces an earlier one. As long as there is one, the keys of all parts are kept inside the profile too,
        so no erasure of a part can claim that its key is destroyed.
        """
        made: list[str] = []
        self._home.rekey(lambda place: made.append(export_recovery(place)))
        return made[0]

    def revoke_recovery(self) -> None:
        """Let no recovery key open the profile any more; everything is encrypted anew."""
        self._home.rekey(lambda place: rotate(place, place, keep_recovery=False))
