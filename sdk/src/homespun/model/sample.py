"""The built-in sample: films, trained with privacy from MovieTweetings. See ``sample/README.md``."""

from importlib.resources import files
from pathlib import Path

from homespun.model.bundle import Bundle


def sample_folder() -> Path:
    """Return the folder of the built-in sample bundle."""
    return Path(str(files("homespun") / "sample" / "bundle"))


def open_sample(*, threads: int = 1) -> Bundle:
    """Verify and load the built-in sample bundle.

    Raises:
        BundleError: If the installed files were damaged.
    """
    return Bundle.open(sample_folder(), threads=threads)
