"""Requests of people: what they ask for, until when, what was done to which store, and how that was checked.

Rules:

- A request's course is its events; they are only added, each in one transaction with its entry in the log.
- Rules and data map are those of the day on which it was opened; the clock starts with receipt here.
- No request closes without evidence for every store of its data map. What is pending is called so, never done.
- Who it is about lies sealed, and goes when the request ends. What was erased stays erased after a restore.

Non-goals: deciding whether a person is right, and proving who they are. An officer does both, and says how.
"""
