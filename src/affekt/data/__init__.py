"""Manifests, the importers that write them, checks and splits."""
