"""The bundles of the client's tests, here too."""

from tests.sdk.conftest import bundle, bundle_folder, full, full_folder, tampered

__all__ = ["bundle", "bundle_folder", "full", "full_folder", "tampered"]
