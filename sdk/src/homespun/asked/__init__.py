"""Being asked: requests of the person that the operator cannot answer without this device.

``settings`` is what an application gives, ``me.requests`` (``asked``) what it uses. What travels is told in
``homespun.protocol.asking``.
"""
