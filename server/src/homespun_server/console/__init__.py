"""Pages for operators, compliance officers and auditors: plain HTML that works without scripts, from this origin alone.

Rules:

- A page is made of a view, which says what is shown, and a template, which says how; a template decides nothing.
- Reading needs no script, and neither does any form. htmx replaces parts of a page where there are scripts, and uPlot
  draws what a table beside it says in figures.
- Nothing is asked of another origin, nothing is inline, and every text is escaped.
- Whoever looks at one person's data is recorded before they see it; whoever changes something, in the change itself.

Non-goals: making accounts or keys, and training. These are done at the server, by the command line.
"""
