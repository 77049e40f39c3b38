"""Models from releases, and their evaluation by the client's own code.

What trains takes releases and public item data, and can be given nothing else; only ``evaluation`` and the
reference models beside it (``references``) see people's data, and what they yield is marked non-private.
"""
