"""Scores of a predictions table against a manifest; any model is scored by the same code, and no torch is needed."""
