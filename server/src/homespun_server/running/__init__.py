"""From tables to a published bundle, in steps that are kept.

Ingest, statistics, release, train, evaluate, gates, bundle; then sign, publish, roll out.

Rules:

- What a step makes has a key: the SHA-256 of its name, its code, its parameters and the keys of what it is made from.
  A step whose key is there already does nothing.
- A step's folder is put in place whole, so that a run which is ended anywhere goes on where it was.
- Releases are kept one by one as they are made. A rerun uses them, and spends no ε twice by itself.
- Nothing about people but releases is kept between steps: no copy of the table, and no un-noised sum. A run without
  privacy sums them anew.
- What is measured of people is exact and stays with the operator: in the folders of the steps, the lineage and the
  report. The card says of a gate what was asked and whether it was met.
"""
