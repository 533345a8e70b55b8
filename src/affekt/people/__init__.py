"""Answers about people: the rows of a table of results become a row per person, episodes, and averages over time."""
