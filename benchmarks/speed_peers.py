"""The peers' side of the speed benchmark: python speed_peers.py JOB.json writes the job's result file.

It runs in the environment of requirements-peers.txt, without affekt, and calls the packages as their users do. The
weights of `fer` come inside its package. DeepFace fetches its own on first use, so here it runs with random ones: the
speed is the same, the answers mean nothing.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from environments import job_file

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# DeepFace makes folders for its weights there; the job's folder is thrown away.
os.environ["DEEPFACE_HOME"] = str(job_file("speed.py").parent)

import cv2  # pyright: ignore[reportMissingImports]
import numpy as np
from deepface.commons import weight_utils  # pyright: ignore[reportMissingImports]
from deepface.models.demography.tf.Emotion import EmotionClient  # pyright: ignore[reportMissingImports]
from fer.fer import FER  # pyright: ignore[reportMissingImports]
from median_time import median_s


def fer_input(grey: np.ndarray) -> np.ndarray:
    """Turn (faces, side, side) uint8 into what `fer` gives its network: 64 px, -1 to 1, by its own function."""
    resized = np.stack([cv2.resize(face, (64, 64)) for face in grey])
    return FER._FER__preprocess_input(resized, True)  # pyright: ignore


def use_random_weights() -> None:
    """Keep DeepFace from fetching its weights."""
    weight_utils.download_weights_if_necessary = lambda **_: ""
    weight_utils.load_model_weights = lambda model, **_: model


def networks() -> dict[str, Callable[[np.ndarray], Any]]:
    """Return the peers' networks, each a function of (faces, side, side) uint8 grey crops."""
    use_random_weights()
    keras_fer, lite_fer = FER(use_tflite=False), FER(use_tflite=True)
    deepface = EmotionClient()
    return {
        "fer, Keras": lambda grey: np.asarray(keras_fer._classify_emotions(fer_input(grey)[..., None])),
        "fer, TFLite (its default)": lambda grey: lite_fer._classify_emotions(fer_input(grey)),
        "DeepFace": lambda grey: deepface._predict_internal(grey[..., None].astype(np.float32)),
    }


def measure_crops(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a call by crops per call, from uint8 crops to probabilities, for each network."""
    grey = np.load(job["crops"])
    return {
        name: {size: {"s": median_s(lambda n=network, s=size: n(grey[:s]), job["seconds"])} for size in job["sizes"]}
        for name, network in networks().items()
    }


def measure_pictures(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a picture from the files on, a frame of a video, and faces found in a picture, for each package."""
    use_random_weights()
    from deepface import DeepFace  # pyright: ignore[reportMissingImports]

    fer = FER()

    def deepface(image_bgr: np.ndarray) -> list[Any]:
        answers = DeepFace.analyze(
            image_bgr, actions=("emotion",), detector_backend="opencv", enforce_detection=False, silent=True
        )
        # Where it finds no face it answers for the whole picture, without any confidence.
        return [answer for answer in answers if answer["face_confidence"] > 0]

    paths, frames, found = job["paths"], len(_frames(job["video"])), {}
    for name, analyze in {"fer": fer.detect_emotions, "DeepFace": deepface}.items():
        pictures_s = median_s(lambda a=analyze: [a(cv2.imread(path)) for path in paths], job["seconds"])
        video_s = median_s(lambda a=analyze: [a(frame) for frame in _frames(job["video"])], job["seconds"])
        faces = sum(len(analyze(cv2.imread(path))) for path in paths)
        found[name] = {"s": pictures_s / len(paths), "frame_s": video_s / frames, "faces": faces / len(paths)}
    return found


def _frames(path: str) -> list[np.ndarray]:
    video, frames = cv2.VideoCapture(path), []
    while True:
        is_read, frame = video.read()
        if not is_read:
            return frames
        frames.append(frame)


def classify(job: dict[str, Any]) -> dict[str, Any]:
    """Write what `fer`'s shipped networks say of (faces, side, side) uint8 grey crops, in the order of its labels."""
    grey = np.load(job["crops"])
    labels = [name for _, name in sorted(FER._get_labels().items())]
    answers = {name: networks()[name](grey).tolist() for name in ("fer, Keras", "fer, TFLite (its default)")}
    return {"labels": labels, "answers": answers}


MEASURES = {"crops": measure_crops, "pictures": measure_pictures, "classify": classify}


def main() -> None:
    """Do the job."""
    job = json.loads(job_file("speed.py").read_text(encoding="utf-8"))
    Path(job["result"]).write_text(json.dumps(MEASURES[job["kind"]](job)), encoding="utf-8")


if __name__ == "__main__":
    main()
