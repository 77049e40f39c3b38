"""Measurements beside peers and physical limits, side by side in one run.

Rules: sizes and times are medians with ranges, and ratios to what was measured in the same rounds; no time
decides whether anything passes. Peers are tuned within what trains, as models are, for two minutes each
(``models-…``), or get the parameters that suit them best on the very users they are judged by (``quality``).
Data that may not be passed on is fetched when needed, into a folder that version control ignores.

Non-goal: figures that hold on other machines. The ratios travel, the milliseconds do not.
"""
