"""Exact reasons: attributions from the very rows that ranked, the record of them, and their rendering."""
