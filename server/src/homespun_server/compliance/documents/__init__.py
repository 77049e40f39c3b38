"""Documents that are made, never written by hand: from what is declared, what is published, and the settings.

Rules:

- What is collected is declared in ``data_map/``; a test holds the declaration against tables, files and messages.
- A document is blocks of plain data first (``blocks``), and only then a page, a text or a PDF. Nothing that somebody
  else wrote is ever read as markup, in any of them.
- The same sources give the same bytes. Each document names the digests of what it was made from.
- What only the controller can know is an open field, marked as such, and never filled with a guess.

Non-goal: legal advice. Bases are options, risks are a technical start, and every document says so.
"""
