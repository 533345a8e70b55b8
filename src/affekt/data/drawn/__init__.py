"""Drawn faces: synthetic pictures whose expression, valence and arousal are known, for demos and tests.

They are drawings. A model trained on them has learned to read drawings, and every table and picture says so.
"""

from affekt.data.drawn.action_units import no_units, prototype_units, varied_units
from affekt.data.drawn.capture import Capture, random_capture
from affekt.data.drawn.circumplex import valence_arousal
from affekt.data.drawn.dataset import drawn_manifest
from affekt.data.drawn.face import draw_face
from affekt.data.drawn.identity import Identity, random_identity
from affekt.data.drawn.scene import DrawnScene, drawn_scene, write_samples

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
