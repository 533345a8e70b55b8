"""Recipes: everything that decides a training, as frozen dataclasses built by named functions. No torch here.

The four reference recipes repeat the study affekt grew out of: a frozen ImageNet backbone, global average pooling,
a dense layer of 256 with ReLU, and the head, at 224 px with batches of 128. The `-scratch` recipes train the whole of
the same networks without ImageNet weights, at a size made for 48-pixel faces; the `-drawn` ones are the same, shortened
for affekt's drawn faces.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from affekt.errors import ConfigError
from affekt.training.augmentation_settings import Augmentation

Head = Literal["expression", "valence_arousal"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training, from the network to the last epoch."""

    architecture: str
    """Name of the backbone: timm's, or one of affekt's own (`affekt.models.face_resnet`)."""
    heads: tuple[Head, ...] = ("expression",)
    """What is predicted: the eight expressions, valence and arousal, or both on one backbone."""
    hidden_units: int = 256
    """Width of the dense ReLU layer between the pooled features and the heads."""
    weights: str = "imagenet"
    """Where the backbone starts: `imagenet`, `none` (random), or a path to a model folder or .safetensors file."""
    frozen: bool = True
    """Keep the backbone as it starts, batch-norm statistics included, and train the layers after it only."""
    input_size: int = 224
    """Height and width of the network's input, in pixels."""
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    """Mean of each channel, subtracted after pixels are scaled to 0-1; a single one makes the input grey."""
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    """Standard deviation of each channel."""
    crop_margin: float = 0.0
    """How much the square crop exceeds the longer side of the face box, as a fraction of it."""

    expression_target: Literal["labels", "votes"] = "labels"
    """Cross-entropy against the label, or against the distribution of the annotators' votes."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over the eight expressions."""
    class_balance: Literal["none", "weights", "sampling"] = "none"
    """Against rare classes: weigh their loss by inverse frequency, draw them as often as the others, or neither."""
    valence_arousal_loss: Literal["mse", "ccc", "mse+ccc"] = "mse"
    """Mean squared error, one minus the concordance of the batch, or their sum."""
    valence_arousal_weight: float = 1.0
    """Weight of the valence-arousal loss beside the expression loss."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """Random changes of the training crops."""
    teachers: tuple[str, ...] = ()
    """Model folders whose averaged answers are learnt too, on the same crops."""
    teacher_weight: float = 0.5
    """Share of the teachers in the target; labels or votes have the rest; rows without either, the teachers alone."""

    optimiser: Literal["adam", "adamw"] = "adam"
    """Adam, or Adam with decoupled weight decay (none on biases and normalisation)."""
    learning_rate: float = 1e-3
    """Learning rate at its highest."""
    weight_decay: float = 0.0
    """Weight decay; with AdamW only."""
    batch_size: int = 128
    """Pictures a step, over all processes."""
    accumulate: int = 1
    """Split each step into this many smaller passes, where memory is short."""
    sharpness_radius: float = 0.0
    """Sharpness-aware minimisation: step by the gradient found this far uphill, at twice the cost; 0 is off."""
    clip_norm: float = 0.0
    """Scale gradients down to this norm; 0 leaves them."""
    epochs: int = 15
    """Passes over the training split."""
    schedule: Literal["constant", "plateau", "cosine"] = "plateau"
    """Constant, halved when the validation loss has not fallen for `plateau_patience` epochs, or warm-up and cosine."""
    plateau_patience: int = 3
    """Epochs without a lower validation loss before the learning rate is halved."""
    learning_rate_floor: float = 1e-6
    """The learning rate never falls below this."""
    warmup_epochs: float = 1.0
    """Epochs over which the cosine schedule rises from a tenth to the full learning rate."""
    early_stopping_patience: int = 5
    """Epochs without a lower validation loss before training stops; 0 never does. The best epoch is kept anyway."""
    ema_decay: float = 0.0
    """Decay a step of the moving average of the weights, which is validated and kept instead of them; 0 is off."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 runs convolutions and products in bfloat16: worth it on a GPU, or a CPU with AMX and large convolutions."""
    channels_last: bool = True
    """Store pictures channel by channel within each pixel: twice as fast for depthwise convolutions on a CPU."""

    def __post_init__(self) -> None:
        """Refuse values no training can use.

        Raises:
            ConfigError: a field is out of its range.
        """
        positive = ("hidden_units", "input_size", "learning_rate", "batch_size", "accumulate", "epochs")
        for name in (*positive, "plateau_patience"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"expected {name} above 0, got {getattr(self, name)}; choose a positive number")
        for name in (
            "weight_decay",
            "clip_norm",
            "warmup_epochs",
            "early_stopping_patience",
            "valence_arousal_weight",
            "sharpness_radius",
        ):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"expected {name} of at least 0, got {getattr(self, name)}; 0 is the least")
        for name in ("label_smoothing", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"expected {name} from 0 to below 1, got {getattr(self, name)}; 0 turns it off")
        if not 0 <= self.learning_rate_floor <= self.learning_rate:
            raise ConfigError(
                f"expected a learning_rate_floor between 0 and the learning_rate, got {self.learning_rate_floor} and "
                f"{self.learning_rate}; lower the floor"
            )
        if sorted(self.heads) not in (["expression"], ["valence_arousal"], ["expression", "valence_arousal"]):
            raise ConfigError(
                f"expected the heads expression, valence_arousal or both, got {' '.join(self.heads)!r}; "
                "type --heads expression valence_arousal"
            )
        if not 0 <= self.teacher_weight <= 1:
            raise ConfigError(f"expected a teacher_weight from 0 to 1, got {self.teacher_weight}; 0.5 shares alike")
        if self.sharpness_radius and self.accumulate > 1:
            raise ConfigError(
                f"expected --accumulate 1 with a sharpness_radius, got {self.accumulate}; choose one of the two"
            )
        if self.batch_size % self.accumulate:
            raise ConfigError(
                f"expected a batch_size that accumulate divides, got {self.batch_size} and {self.accumulate}; "
                "choose a multiple"
            )
        if self.weight_decay and self.optimiser != "adamw":
            raise ConfigError("expected --optimiser adamw with a weight decay, got adam; type --optimiser adamw")
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean) or min(self.std) <= 0:
            raise ConfigError(
                f"expected a mean and a std above 0 for each of 1 or 3 channels, got {self.mean} and {self.std}; "
                "type --mean 0.5 --std 0.25 for grey, or three of each"
            )


def efficientnetv2b0() -> Recipe:
    """EfficientNetV2B0, frozen, Adam at 1e-5: the study's recipe that stayed at chance."""
    return Recipe(architecture="tf_efficientnetv2_b0", learning_rate=1e-5)


def mobilenetv2() -> Recipe:
    """MobileNetV2, frozen, Adam at 1e-3: the study's best classifier."""
    return Recipe(architecture="mobilenetv2_100")


def xception() -> Recipe:
    """Xception, frozen, Adam at 1e-3, halved on plateau."""
    return Recipe(architecture="legacy_xception", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def vgg16_va() -> Recipe:
    """VGG16's convolutions, frozen, two bounded outputs for valence and arousal, Adam and MSE."""
    return Recipe(architecture="vgg16", heads=("valence_arousal",))


def from_scratch(reference: Recipe, **changes: object) -> Recipe:
    """Return a reference recipe turned to train its whole network from random weights on small faces."""
    trained_whole = replace(
        reference,
        weights="none",
        frozen=False,
        input_size=48,
        expression_target="votes",
        augmentation=Augmentation(
            flip=True, rotation_degrees=12, scale=0.12, shift=0.06, brightness=0.12, contrast=0.2
        ),
        optimiser="adamw",
        learning_rate=4e-3,
        weight_decay=0.02,
        schedule="cosine",
        epochs=22,
        early_stopping_patience=0,
        ema_decay=0.998,
    )
    return replace(trained_whole, **changes)  # pyright: ignore[reportArgumentType]


def efficientnetv2b0_scratch() -> Recipe:
    """EfficientNetV2B0, whole network from random weights, on votes, for 48-pixel faces: the quick start without warps.

    `results/ferplus` goes on from its weights, at half the learning rate and then with warps.
    """
    return from_scratch(
        efficientnetv2b0(),
        augmentation=Augmentation(flip=True),
        batch_size=64,
        learning_rate=3e-3,
        learning_rate_floor=1e-3,
        epochs=8,
    )


def mobilenetv2_scratch() -> Recipe:
    """MobileNetV2, whole network from random weights, on votes, for 48-pixel faces: the quick start without warps.

    `results/ferplus` goes on from its weights, at 64 pixels and with warps.
    """
    return from_scratch(
        mobilenetv2(),
        augmentation=Augmentation(flip=True),
        batch_size=64,
        learning_rate=6e-3,
        learning_rate_floor=1e-3,
        epochs=14,
    )


def xception_scratch() -> Recipe:
    """Xception, whole network from random weights, on votes, for 48-pixel faces."""
    return from_scratch(xception(), batch_size=64, learning_rate=3e-3, epochs=10)


def vgg16_va_scratch() -> Recipe:
    """VGG16's convolutions and the valence-arousal head, whole network from random weights, on MSE and concordance."""
    return from_scratch(
        vgg16_va(), input_size=32, learning_rate=3e-4, valence_arousal_loss="mse+ccc", clip_norm=1.0, epochs=6
    )


def for_drawn_faces(reference: Recipe, **changes: object) -> Recipe:
    """Return a reference recipe shortened for affekt's drawn faces: about a minute on two cores.

    Small batches and no change but flips learn most from a second of computing; many people keep that general.
    """
    shortened = replace(
        from_scratch(reference),
        expression_target="labels",
        valence_arousal_loss="mse+ccc",
        augmentation=Augmentation(flip=True),
        batch_size=16,
        warmup_epochs=0.3,
        ema_decay=0.95,
    )
    return replace(shortened, **changes)  # pyright: ignore[reportArgumentType]


def efficientnetv2b0_drawn() -> Recipe:
    """EfficientNetV2B0 from random weights, shortened for drawn faces."""
    return for_drawn_faces(efficientnetv2b0(), batch_size=32, learning_rate=4e-3, epochs=5)


def mobilenetv2_drawn() -> Recipe:
    """MobileNetV2 from random weights, shortened for drawn faces."""
    return for_drawn_faces(mobilenetv2(), input_size=64, batch_size=32, learning_rate=8e-3, epochs=6)


def xception_drawn() -> Recipe:
    """Xception from random weights, shortened for drawn faces."""
    return for_drawn_faces(xception(), batch_size=8, learning_rate=1e-3, epochs=1)


def vgg16_va_drawn() -> Recipe:
    """VGG16's convolutions and the valence-arousal head from random weights, shortened for drawn faces."""
    return for_drawn_faces(vgg16_va(), input_size=32, learning_rate=3e-4, clip_norm=1.0, epochs=2)


RECIPES: dict[str, Callable[[], Recipe]] = {
    "efficientnetv2b0": efficientnetv2b0,
    "mobilenetv2": mobilenetv2,
    "xception": xception,
    "vgg16-va": vgg16_va,
    "efficientnetv2b0-scratch": efficientnetv2b0_scratch,
    "mobilenetv2-scratch": mobilenetv2_scratch,
    "xception-scratch": xception_scratch,
    "vgg16-va-scratch": vgg16_va_scratch,
    "efficientnetv2b0-drawn": efficientnetv2b0_drawn,
    "mobilenetv2-drawn": mobilenetv2_drawn,
    "xception-drawn": xception_drawn,
    "vgg16-va-drawn": vgg16_va_drawn,
}
"""Name on the command line -> the function that builds it."""
