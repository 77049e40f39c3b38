"""Models from releases.

What trains takes releases and public item data, and can be given nothing else. How good a model is, is measured in
``evaluation``.
"""
