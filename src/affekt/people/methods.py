"""The text on methods, ready for a paper: what was done with which versions, thresholds and limits."""

from typing import Any

from affekt import __version__
from affekt.analysis.rows import origin_words
from affekt.errors import ModelError
from affekt.faces.trust import LEAST, MOST, MOST_PITCH, MOST_ROLL, MOST_YAW
from affekt.files import sha256_of
from affekt.models.card import CARD_FILE, Card, model_folder, read_card, shipped_models
from affekt.people.averages import LEAST_BLOCKS, MOST_BLOCKS, RESAMPLES
from affekt.people.options import SummaryOptions
from affekt.terminal import in_markdown

REFERENCES = {
    "ferplus": "Barsoum, E., Zhang, C., Canton Ferrer, C. and Zhang, Z. (2016). Training deep networks for facial "
    "expression recognition with crowd-sourced label distribution. ICMI, 279-283. (FER+)",
    "fer2013": "Goodfellow, I. J. and others (2013). Challenges in representation learning: a report on three machine "
    "learning contests. ICONIP, LNCS 8228, 117-124. (FER2013)",
    "diffusionfer": "DiffusionFER, a data set: https://huggingface.co/datasets/FER-Universe/DiffusionFER",
    "students": "muxspace/facial_expressions, a data set: https://github.com/muxspace/facial_expressions",
    "posed": "Du, S., Tao, Y. and Martinez, A. M. (2014). Compound facial expressions of emotion. PNAS 111 (15), "
    "E1454-E1462. (CFEE)",
    "detector": "Wu, W., Peng, H. and Yu, S. (2023). YuNet: a tiny millisecond-level face detector. Machine "
    "Intelligence Research 20, 656-665.",
    "norms": "Russell, J. A. and Mehrabian, A. (1977). Evidence for a three-factor theory of emotions. Journal of "
    "Research in Personality 11, 273-294. (norms of all words but contempt)",
    "contempt": "Warriner, A. B., Kuperman, V. and Brysbaert, M. (2013). Norms of valence, arousal, and dominance for "
    "13,915 English lemmas. Behavior Research Methods 45, 1191-1207. (norms of contempt)",
    "percentile": "Hesterberg, T. (2015). What teachers should know about the bootstrap. The American Statistician 69.",
    "blocks": "Carlstein, E. (1986). The use of subseries values for estimating the variance of a general statistic "
    "from a stationary sequence. Annals of Statistics 14.",
    "episodes": "Canny, J. (1986). A computational approach to edge detection. IEEE TPAMI 8. (hysteresis)",
    "prior": "Saerens, M., Latinne, P. and Decaestecker, C. (2002). Adjusting the outputs of a classifier to new a "
    "priori probabilities: a simple procedure. Neural Computation 14.",
    "baseline": "Olderbak, S., Hildebrandt, A., Pinkpank, T., Sommer, W. and Wilhelm, O. (2014). Psychometric "
    "challenges and proposed solutions when scoring facial emotion expression codes. Behavior Research Methods 46.",
}
SOURCES = {
    "diffusionfer": "generated faces (DiffusionFER)",
    "drawn": "faces drawn by affekt",
    "ferplus": "FER+ (Barsoum et al. 2016), the pictures of FER2013 (Goodfellow et al. 2013) with the votes of ten "
    "people each",
    "students": "news photographs and film frames (muxspace/facial_expressions)",
}
SCORED = {"ferplus val": "the part PublicTest of FER+ (grey, from the web, 48 x 48 pixels)"}
"""What the cards of the models that come with affekt call their data: other cards may mean others by these names."""
FITTED = "pictures of FER+, DiffusionFER and muxspace/facial_expressions that training left out"
"""What decided the temperature of the models that come with affekt; other cards do not say."""
POSED = {"affekt": (0.682, 0.649, 0.715), "affekt-fast": (0.681, 0.648, 0.713)}
"""Accuracy on CFEE with its 95 % interval, as in results/wild/matrix/metrics.json."""
DETECTORS = {
    "yunet": "found by YuNet (Wu, Peng and Yu 2023)",
    "whole": "not searched for: each picture was taken for one face",
}
ORIGINS = {
    "projected": "Projected values are computed from votes for expressions, with published norms of the words (Russell "
    "and Mehrabian 1977; for contempt, Warriner, Kuperman and Brysbaert 2013).",
    "synthetic": "Synthetic values are known exactly, because the faces were drawn.",
    "predicted": "Predicted values are what another model said.",
    "rated": "Rated values were given by people.",
}
"""What a model may have learnt valence and arousal from, for readers of a paper."""
NUMBERS = dict(enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], start=2))
SHOWN_FIGURES = {"accuracy": "accuracy", "macro_f1": "macro F1", "ece": "expected calibration error"}


def methods_text(
    metadata: dict[str, str],
    labels: tuple[str, ...],
    options: SummaryOptions | None,
    facts: str,
    *,
    is_filtered: bool,
) -> str:
    """Return methods.md: paragraphs on reading and summarising, `facts` of the people, limits, and references.

    `metadata` is that of the table of results; `is_filtered` says whether it told reliable rows from others. Without
    options there was nobody in a video to summarise.
    """
    card = _card(metadata)
    used = [] if options is None else ["blocks", "percentile", "episodes", *(["baseline"] if options.baseline else [])]
    sources = () if card is None else card.training.get("sources", ())
    used += [name for name in REFERENCES if name in sources]
    used += ["fer2013"] if "ferplus" in sources and "fer2013" not in sources else []
    used += ["norms", "contempt"] if "projected" in metadata.get("valence_arousal_origin", "") else []
    used += ["detector"] if metadata.get("detector") == "yunet" else []
    used += ["prior"] if metadata.get("prior") else []
    used += ["posed"] if card is not None and metadata["model"] in POSED else []
    told = [_reading(metadata, labels, card, is_video=options is not None)]
    rule = _rule(metadata, card) if is_filtered else ""
    told += [] if options is None else [_summarising(options, rule)]
    told += [facts] if facts else []
    if card is not None and card.limits:
        told.append("Limits of the model: " + " ".join(card.limits))
    # A card is a stranger's: of its text nothing becomes an element or a link where Markdown is shown.
    parts = ["# Methods", *map(in_markdown, told)]
    if used:
        parts.append("References:\n\n" + "\n".join(sorted(f"* {REFERENCES[name]}" for name in used)))
    return "\n\n".join(parts) + "\n"


def _reading(metadata: dict[str, str], labels: tuple[str, ...], card: Card | None, *, is_video: bool) -> str:
    if "model" not in metadata:
        return (
            f"The table was summarised with affekt {__version__}; it does not say which model read the faces. So it is "
            "not known what the model learnt from, how accurate it is and where its limits are, nor whether its "
            "valence and arousal were learnt from ratings or from values that were projected from words."
        )
    detector = metadata.get("detector", "an unknown detector")
    is_shipped = card is not None and metadata["model"] in shipped_models()
    sentences = [
        f"Faces were read with affekt {metadata.get('affekt_version', 'of an unknown version')} and its model "
        f"{metadata.get('model', 'unknown')} (SHA-256 of the network {metadata.get('model_sha256', 'unknown')}), and "
        f"{DETECTORS.get(detector, f'found by {detector}')}.",
        *_looking(metadata, is_video=is_video),
        f"For each face{' in each frame' if is_video else ''} the model gives probabilities of "
        f"{NUMBERS.get(len(labels), len(labels))} expressions ({', '.join(labels)}), "
        f"calibrated by a temperature that was fitted on {FITTED if is_shipped else 'validation data'}.",
    ]
    if prior := metadata.get("prior"):
        sentences.append(
            f"They were adjusted to the shares of expressions that were expected among the pictures ({prior})."
        )
    if is_video and float(metadata.get("smooth_s", 0)):
        sentences.append(
            f"Scores were smoothed along each track, by a running median over up to {metadata['smooth_s']} s "
            "before and after each frame (from a camera: by a first-order filter with this time constant)."
        )
    if origin := metadata.get("valence_arousal_origin"):
        sentences.append(f"The valence and arousal that it learnt from are {origin_words(origin) or origin}.")
        # `projected, not rated` names rated values only to say that there are none.
        sentences += [told for word, told in ORIGINS.items() if word in origin]
    if card is not None:
        sentences += _measured(card, is_shipped=is_shipped)
        if is_shipped and (posed := POSED.get(metadata["model"])):
            sentences.append(
                "On 806 studio photographs of posed expressions (CFEE; Du, Tao and Martinez 2014), which helped to "
                "choose the model, and over seven expressions without contempt it has accuracy {:.3f} [{:.3f}, "
                "{:.3f}].".format(*posed)
            )
        if is_shipped and is_video:
            sentences.append("It has not been scored on video, nor on people who speak.")
    return " ".join(sentences)


def _looking(metadata: dict[str, str], *, is_video: bool) -> list[str]:
    """Return which frames were read, how faces were searched, and which were left out, as the metadata says."""
    names = ("every_s", "stop_after_s", "most_faces", "min_face", "min_face_score")
    every_s, stop_after_s, most_faces, min_face, min_score = (float(metadata.get(name, 0)) for name in names)
    is_largest = metadata.get("largest") == "True"
    sentences: list[str] = []
    if is_video and "every_s" in metadata:
        often = f"at {1 / every_s:.3g} frames per second" if every_s else "frame by frame"
        sentences.append(f"Videos were read {often}{f', up to {stop_after_s:g} s of each' if stop_after_s else ''}.")
    if metadata.get("detector") != "whole" and "longest_side" in metadata:
        sentences.append(f"Faces were searched for in copies of at most {metadata['longest_side']} pixels per side.")
    if is_video and (step := metadata.get("detect_every", "1")) != "1":
        sentences.append(f"Faces were searched for in one of {step} frames, and followed in between.")
    if is_largest or most_faces:
        order, place = "largest" if is_largest else "surest", "frame" if is_video else "picture"
        kept = f"the {most_faces:g} {order} faces" if most_faces > 1 else f"the {order} face"
        sentences.append(f"affekt kept only {kept} of each {place}.")
    if min_face:
        sentences.append(f"Faces of fewer than {min_face:g} pixels on the longer side were left out.")
    if min_score:
        sentences.append(f"Faces with a detector's score below {min_score:g} were left out.")
    return sentences


def _measured(card: Card, *, is_shipped: bool) -> list[str]:
    known: dict[str, str] = SOURCES | SCORED if is_shipped else {}
    training: dict[str, Any] = card.training
    # Rows, for a manifest may name a picture several times.
    is_counted = isinstance(training.get("rows"), int)
    rows = f" ({training['rows']:,} rows of training data; a picture may be in several)" if is_counted else ""
    names = [known.get(str(name), str(name)) for name in training.get("sources", ())]
    sentences = [f"The model was trained on {'; '.join(names)}{rows}."] if names else []
    for split, found in card.metrics.items():
        figures = found.get("figures", {}) if isinstance(found, dict) else {}
        said = [
            f"{words} {figures[name]['value']:.3f} [{figures[name]['low']:.3f}, {figures[name]['high']:.3f}]"
            for name, words in SHOWN_FIGURES.items()
            if {"value", "low", "high"} <= figures.get(name, {}).keys()
        ]
        if said:
            sentences.append(
                f"On {found.get('rows', 0):,} pictures of {known.get(split, split)} it has {', '.join(said)}, "
                "with 95 % intervals."
            )
    return sentences


def _rule(metadata: dict[str, str], card: Card | None) -> str:
    """Return which frames counted, with the limits where this version and a known model made the table."""
    if card is None or metadata.get("affekt_version") != __version__:
        return "Only frames marked as reliable were used."
    roll = "" if card.preprocessing.alignment == "level" else f", roll of at most {MOST_ROLL:g}"
    return (
        f"Only frames marked as reliable were used: those with a box of at least {LEAST['side']:g} pixels, at most "
        f"{MOST['outside']:g} of it outside the picture, a detector's score of at least {LEAST['face_score']:g}, "
        f"yaw of at most {MOST_YAW:g} and pitch of at most {MOST_PITCH:g} degrees{roll}, sharpness of at least "
        f"{LEAST['sharpness']:g}, and detail at the mouth of at least {LEAST['mouth_detail']:g} of that at the eyes."
    )


def _summarising(options: SummaryOptions, rule: str) -> str:
    sentences = [
        f"Rows were summarised per person with affekt {__version__}. Each frame counts for the time until the next, "
        f"within its interval; a gap of more than {options.longest_gap_s:g} s counts as not seen.",
        *([rule] if rule else []),
        f"An episode is a stretch of at least {options.least_episode_s:g} s in which the probability of an expression "
        f"is at least {options.end_probability:g} throughout and at least {options.start_probability:g} once.",
        "Means have 95 % intervals by a block bootstrap: a person's frames in a recording or interval were cut into "
        f"blocks of {options.block_s:g} s, and as many blocks were drawn from these at random, with replacement, "
        f"{RESAMPLES:,} times. The ends are expanded percentiles of the {RESAMPLES:,} means. There is no interval "
        f"where a person was seen in fewer than {LEAST_BLOCKS} blocks, or where all values are equal. Where there "
        f"would be more than {MOST_BLOCKS:,} blocks, each is longer.",
    ]
    if options.block_s == SummaryOptions().block_s:
        sentences.append(
            "In simulations such intervals contained the true mean in 82 to 94 % of the cases, and least often where "
            "scores change slowly (a correlation that decays with a time constant of 2 s) and little time was seen."
        )
    return " ".join(sentences)


def _card(metadata: dict[str, str]) -> Card | None:
    """Return the card of the model that the table names, where this affekt has that very model."""
    folder = model_folder(metadata.get("model", ""))
    try:
        is_same = sha256_of(folder / CARD_FILE) == metadata.get("card_sha256")
        return read_card(folder) if is_same else None
    except (OSError, ModelError):
        return None
