"""The quality of exported bundles beside peers: the same splits, the same cases, in one run.

Rules: a bundle is asked by the client's own code; a peer is tuned within what trains, like the blend of a bundle that
is not private; nobody sees what is to be predicted. Ratios are paired, with intervals over users. What is claimed
stands beside what was measured, met or not. A data set or a peer that is not there is reported as missing.

Non-goal: figures of a sample. ``--sample`` is for trying things out, and its results are refused by the page.
"""
