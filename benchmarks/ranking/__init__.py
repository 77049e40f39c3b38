"""Benchmarks of ranking and reasons: speed, effect and faithfulness."""
