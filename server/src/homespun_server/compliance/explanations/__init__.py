"""Explanations of decisions, exported in layers and checked in batches: Art. 15(1)(h) GDPR.

Rules:

- An explanation tells the procedure and the principles that were actually applied, in plain words (CJEU, C-203/22, Dun
  & Bradstreet Austria); neither a formula alone nor a description of models in general would do.
- What is told was computed again first: a record that does not come out again from its bundle is refused.
- A counterfactual is executed: the list is made again without what is named.
- Records hold what a person did. They come here with the person's consent, or in a support case of theirs, and nothing
  here keeps a copy.

Non-goal: saying whether a decision was right, or whether a request has to be answered.
"""
