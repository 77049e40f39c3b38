"""Compliance: the consent ledger, requests of people, the transparency log, audit bundles and documents.

Rules:

- Nothing here is evidence by being said: every claim leads to a record that can be checked without this program's word.
- A person is known by a pseudonym under a key of their own, and is forgotten by destroying that key.
- The order of things is that of sequence numbers and of receipt here; no caller's clock decides anything.

Non-goals: legal advice, and deciding what a person is owed. Deadlines and rules are data that an officer chooses.
"""
