"""Drawn faces: synthetic pictures whose expression, valence and arousal are known, for demos and tests.

They are drawings. A model trained on them has learned to read drawings, and every table and picture says so.
"""

from drawn_faces.action_units import no_units, prototype_units, varied_units
from drawn_faces.capture import Capture, random_capture
from drawn_faces.circumplex import valence_arousal
from drawn_faces.dataset import drawn_manifest
from drawn_faces.face import draw_face
from drawn_faces.identity import Identity, random_identity
from drawn_faces.scene import DrawnScene, drawn_scene, write_samples

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
    "write_samples",
]
