"""A fleet in one place: simulated devices run the client's code, leader and helper the services', on real data.

Devices have no profile: the person's rows of a table are their events. From there on everything is what devices,
aggregators and collector run: the encoder, the sharing and its proof, sealing, checking, adding, noise, the ledger and
training. What is left out in process is HTTP and the aggregators' stores, so nothing waits and nothing is lost.

Both aggregators run in one process here, so the tasks are labelled as development.
"""
