"""The person's own page: what is known and inferred and why, and every switch, served on loopback for one person."""
