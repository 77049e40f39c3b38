"""Evaluation of bundles by the client's own code, on people whom training did not see.

This room alone looks at people's data beside a model. What it finds are exact figures about people, ``Raw`` until
they are shown to the operator, unless they are released like any other sum. Only here does the server run the
client's model code: a figure is about what a device would list, and about nothing else.

Non-goals: sampled negatives, which order models otherwise than full rankings do (Krichene, Rendle 2020), and
ratings that are predicted.
"""
