"""Experiments: what released sums of a variant's people say, how sure that is, and how many people it takes.

Reads releases and definitions, never people. Every interval holds the privacy noise as well as chance in who took
part; what the noise hides is answered with "not enough data", never with a figure. Not here: who gets which variant
(the device decides), and what is counted (``homespun.protocol.statistics``).
"""
