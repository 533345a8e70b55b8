"""Which of a picture's faces count: the largest, the surest, those large enough, those sure enough."""

from dataclasses import dataclass, replace

import numpy as np

from affekt.analysis.options import AnalyzerOptions
from affekt.faces.detection import Faces


@dataclass(frozen=True, kw_only=True)
class FaceChoice:
    """What `AnalyzerOptions` says of faces; as it stands, all of them count."""

    largest: bool = False
    most_faces: int = 0
    min_face: float = 0.0
    min_face_score: float = 0.0

    def within(self, most_faces: int) -> "FaceChoice":
        """Return the same choice of at most so many faces."""
        asked = self.most_faces or (1 if self.largest else most_faces)
        return replace(self, most_faces=min(asked, most_faces))

    def kept(self, faces: Faces) -> np.ndarray:
        """Return the places of the faces that count, in their order; who has no score is sure enough."""
        sides = (faces.box_xyxy[:, 2:] - faces.box_xyxy[:, :2]).max(axis=1, initial=0).astype(float)
        kept = np.flatnonzero((sides >= self.min_face) & ~(faces.score < self.min_face_score))
        most = self.most_faces or (1 if self.largest else len(kept))
        if self.largest:
            kept = np.sort(kept[np.argsort(-sides[kept], kind="stable")[:most]])
        return kept[:most]


def choice_of(options: AnalyzerOptions) -> FaceChoice:
    """Return the choice that the options of an analyzer ask for."""
    return FaceChoice(
        largest=options.largest,
        most_faces=options.most_faces,
        min_face=options.min_face,
        min_face_score=options.min_face_score,
    )
