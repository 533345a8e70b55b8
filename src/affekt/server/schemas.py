"""What goes over the wire, for OpenAPI: rows, answers and problems, with examples."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from affekt.labels import LABELS

Emotion = Literal["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
Probability = Annotated[float, Field(ge=0, le=1)]
Affective = Annotated[float, Field(ge=-1, le=1)]

_PROBABILITIES = (0.02, 0.93, 0.004, 0.02, 0.006, 0.004, 0.006, 0.01)
EXAMPLE_ROW: dict[str, Any] = {
    "input": "portrait.jpg",
    "time_s": None,
    "track": None,
    "emotion": "happiness",
    "frame": None,
    "face": 0,
    "x": 102.5,
    "y": 61.0,
    "width": 88.0,
    "height": 112.5,
    "face_score": 0.91,
    **{f"p_{label}": probability for label, probability in zip(LABELS, _PROBABILITIES, strict=True)},
    "confidence": 0.93,
    "valence": 0.71,
    "arousal": 0.34,
    "status": "ok",
}

EXAMPLE_ANSWER: dict[str, Any] = {
    "model": "affekt",
    "valence_arousal_origin": "projected",
    "rows": [EXAMPLE_ROW],
    "notes": [],
}


class ResultRow(BaseModel):
    """One face, or one picture without one and why; the same columns as a table of `affekt predict`."""

    input: str = Field(description="File name that came with the picture, else its position.")
    time_s: float | None = Field(description="When the frame is shown, in seconds; null for pictures.")
    track: int | None = Field(description="Number of the person in a video; null for pictures.")
    emotion: Emotion | None = Field(description="The most probable expression; null below min_confidence.")
    frame: int | None = Field(description="Number of the frame in a video; null for pictures.")
    face: int | None = Field(description="Number of the face in its picture, from 0, the surest first.")
    x: float | None = Field(description="Left edge of the face, in pixels of the upright picture.")
    y: float | None = Field(description="Upper edge of the face, in pixels of the upright picture.")
    width: float | None = Field(description="Width of the face, in pixels.")
    height: float | None = Field(description="Height of the face, in pixels.")
    face_score: Probability | None = Field(description="How sure the detector is that this is a face.")
    p_neutral: Probability | None
    p_happiness: Probability | None
    p_sadness: Probability | None
    p_surprise: Probability | None
    p_fear: Probability | None
    p_disgust: Probability | None
    p_anger: Probability | None
    p_contempt: Probability | None
    confidence: Probability | None = Field(description="Probability of the most probable expression.")
    valence: Affective | None = Field(description="From unpleasant, -1, to pleasant, 1.")
    arousal: Affective | None = Field(description="From calm, -1, to excited, 1.")
    status: str = Field(description="`ok`, `no_face`, or `unreadable: <why>`.")


class Analysis(BaseModel):
    """Rows of all pictures of a request, in the order in which they came."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ANSWER]})

    model: str = Field(description="Name in the model's card.")
    valence_arousal_origin: str | None = Field(
        description="What the model learnt valence and arousal from, as its card says: `rated` by people, `projected` "
        "from votes for expressions, `predicted` by another model, or `synthetic`; null where it tells none."
    )
    rows: list[ResultRow]
    notes: list[str] = Field(description="What one should know of how the rows came about; a sentence each.")


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it."""

    title: str = Field(description="What the status means.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence: what was expected, what arrived, what to do.")


class Health(BaseModel):
    """That the service answers, and with what."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok", "model": "affekt", "version": "0.1.0"}]})

    status: Literal["ok"]
    model: str
    version: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route that may answer with these problems."""
    content = {"application/problem+json": {"schema": ProblemDetails.model_json_schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
