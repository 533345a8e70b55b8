"""The first thing that the demo shows: what the model that comes with affekt says of a picture."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from affekt.analysis.options import AnalyzerOptions, FaceFinder, OutputOptions
from affekt.analysis.prediction_run import PredictionRun
from affekt.analysis.summary import told
from affekt.files import written_whole
from drawn_faces.capture import Capture
from drawn_faces.expressions import prototype_units
from drawn_faces.identity import random_identity
from drawn_faces.pictures import draw_face

SIDE = 224
"""Of the drawn face, in pixels."""


def show_a_picture(out: Path) -> None:
    """Do, and say, what `affekt predict PICTURE --draw FOLDER` does, in the folder `out`."""
    (picture, faces), marked = _picture(out), out / "marked"
    print(f"1. affekt predict {picture} --draw {marked}" + (" --faces whole" if faces == "whole" else ""))
    run = PredictionRun(picture, OutputOptions(draw=marked), "affekt", faces, AnalyzerOptions())
    for line in told(run.answers(), run.videos):
        print(line, flush=True)


def _picture(out: Path) -> tuple[Path, FaceFinder]:
    """Write NASA's portrait of Eileen Collins, which scikit-image carries; without it, a drawn face."""
    path, library = out / "portrait.png", find_spec("skimage")
    out.mkdir(parents=True, exist_ok=True)
    portrait = None if library is None or library.origin is None else Path(library.origin).parent / "data/astronaut.png"
    if portrait is not None and portrait.is_file():
        with written_whole(path) as temporary:
            shutil.copyfile(portrait, temporary)
        return path, "auto"
    face = draw_face(random_identity(np.random.default_rng(3)), prototype_units("happiness", 1.0), Capture(), size=SIDE)
    with written_whole(path) as temporary:
        Image.fromarray(face).save(temporary, "PNG")
    return path, "whole"
