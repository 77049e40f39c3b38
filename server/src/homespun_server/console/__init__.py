"""Pages for operators, compliance officers and auditors: plain HTML that works without scripts, from this origin alone."""
