"""The profiles of regulations that are shipped, one file each; see ``compliance/requests/profile.py``."""
