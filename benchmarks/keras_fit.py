"""One whole run of a reference recipe in Keras, timed: python keras_fit.py JOB.json writes the job's result file.

The job is described in `frozen_training.py`; this runs in the environment of requirements-keras.txt, without affekt.
Frozen backbone, global average pooling, dense 256 with ReLU and the head, trained by `fit`. Pictures are decoded once
and cached, which is faster than the study's own input was.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from environments import job_file

# Where there is no job, that is said before Keras is missed.
os.environ["JOB"] = str(job_file("frozen_training.py"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # pyright: ignore[reportMissingImports]
import tensorflow as tf  # pyright: ignore[reportMissingModuleSource]
from keras import layers  # pyright: ignore[reportMissingImports]

WARM_UP_ROWS = 16
SIDE = 224
BACKBONES = {
    "efficientnetv2b0": keras.applications.EfficientNetV2B0,  # scales its pixels itself
    "mobilenetv2": keras.applications.MobileNetV2,
    "xception": keras.applications.Xception,
    "vgg16-va": keras.applications.VGG16,
}
LEARNING_RATE = {"efficientnetv2b0": 1e-5}


def dataset(job: dict[str, Any], split: str, rows: int | None = None) -> Any:
    """Return batches of a split: decoded once, shuffled anew each epoch for training."""
    chosen = job[split][:rows]
    if job["recipe"] == "vgg16-va":
        targets = [[row["valence"], row["arousal"]] for row in chosen]
    else:
        targets = [job["labels"].index(row["emotion"]) for row in chosen]
    pictures = tf.data.Dataset.from_tensor_slices(([row["path"] for row in chosen], targets))
    pictures = pictures.map(_decoded, num_parallel_calls=tf.data.AUTOTUNE).cache()
    if split == "train":
        pictures = pictures.shuffle(len(chosen), seed=job["seed"])
    return pictures.batch(job["batch_size"]).prefetch(tf.data.AUTOTUNE)


def _decoded(path: Any, target: Any) -> Any:
    pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    return tf.ensure_shape(pixels, (SIDE, SIDE, 3)), target


def compiled_model(recipe: str) -> Any:
    """Return the recipe's network with random weights, its backbone frozen."""
    backbone = BACKBONES[recipe](include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    backbone.trainable = False
    images = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    pixels = images if recipe == "efficientnetv2b0" else layers.Rescaling(1 / 127.5, offset=-1)(images)
    features = layers.GlobalAveragePooling2D()(backbone(pixels, training=False))
    hidden = layers.Dense(256, activation="relu")(features)
    if recipe == "vgg16-va":
        output, loss, metrics = layers.Dense(2, activation="tanh")(hidden), "mse", []
    else:
        output, loss = layers.Dense(8, activation="softmax")(hidden), "sparse_categorical_crossentropy"
        metrics = ["accuracy"]
    model = keras.Model(images, output)
    model.compile(keras.optimizers.Adam(LEARNING_RATE.get(recipe, 1e-3)), loss, metrics=metrics)
    return model


def main() -> None:
    """Warm up on a few pictures, so that tracing is not counted, then time `fit`."""
    job = json.loads(Path(os.environ["JOB"]).read_text(encoding="utf-8"))
    keras.utils.set_random_seed(job["seed"])
    model = compiled_model(job["recipe"])
    warm_up = (dataset(job, split, WARM_UP_ROWS) for split in ("train", "val"))
    model.fit(next(warm_up), validation_data=next(warm_up), verbose=0)
    halving = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3, min_lr=1e-6)
    start = time.perf_counter()
    training, validation = (dataset(job, split) for split in ("train", "val"))
    model.fit(training, validation_data=validation, epochs=job["epochs"], callbacks=[halving], verbose=0)
    seconds = time.perf_counter() - start
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    Path(job["result"]).write_text(json.dumps({"seconds": seconds, "versions": versions}), encoding="utf-8")


if __name__ == "__main__":
    main()
