"""The stores that requests reach, one kind a module."""
