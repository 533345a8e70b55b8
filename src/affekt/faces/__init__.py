"""Pictures, face crops and the one preprocessing; no torch here."""
