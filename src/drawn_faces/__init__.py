"""Drawn faces: synthetic pictures whose expression, valence and arousal are known, for demos and tests.

They are drawings. A model trained on them has learned to read drawings, and every table and picture says so.
"""

from drawn_faces.capture import Capture, random_capture
from drawn_faces.dataset import drawn_manifest
from drawn_faces.expressions import no_units, prototype_units, valence_arousal, varied_units
from drawn_faces.identity import Identity, random_identity
from drawn_faces.pictures import DrawnScene, draw_face, drawn_scene

__all__ = [
    "Capture",
    "DrawnScene",
    "Identity",
    "draw_face",
    "drawn_manifest",
    "drawn_scene",
    "no_units",
    "prototype_units",
    "random_capture",
    "random_identity",
    "valence_arousal",
    "varied_units",
]
