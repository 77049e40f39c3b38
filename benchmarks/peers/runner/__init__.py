"""The peers' side: reads a split, tunes one peer, fits it again and writes what it recommends.

Runs in an environment of its own: ``python -m benchmarks.peers.runner PEER FOLDER``. Rules: nothing made here is
imported, so that no peer is judged by what it is compared with; every peer is offered as many settings, is tuned
on the validation cases alone, and never learns what the cases of the test were followed by: the folder does not
hold it.

Non-goal: the peers' speed. Seconds are recorded as facts of the effort, of one run.
"""
