"""Read emotion from faces: eight expressions with calibrated probabilities, and valence and arousal."""

__version__ = "0.1.0"
