"""Planning: what a fit will cost and keep, from public facts alone, before anybody's data is read.

A plan knows the number of people, of items and of likes a person, and ε. It predicts from curves that were fitted
to measurements on real data sets (``measured``), and states how far off they were on a data set that they had not
seen. Pure: no input or output, no clock, no randomness.

Non-goals: a guarantee of quality, which only an evaluation of the fitted bundle gives; and the choice of ε, which
is the operator's.
"""
