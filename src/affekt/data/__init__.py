"""Manifests, the importers that write them, checks, and drawn faces."""
