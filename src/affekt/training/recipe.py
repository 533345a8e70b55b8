"""What decides one training: the recipe, in groups of options. No torch here.

The command line is made from these frozen dataclasses: each field is an option, and the text below it is its help.
"""

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal

from affekt.errors import ConfigError, require_known, says_what_to_type
from affekt.faces.preprocessing import Preprocessing

Head = Literal["expression", "valence_arousal"]
of_a_recipe = partial(says_what_to_type, named="affekt.Recipe")
"""Types are checked, as of all that Python programs give; help is at hand for the recipe alone."""


@of_a_recipe
@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """The network, and where it starts."""

    architecture: str
    """Name of the backbone: timm's, or one of affekt's own (`affekt.networks.network.FACE_RESNETS`)."""
    heads: tuple[Head, ...] = ("expression",)
    """What is predicted: the eight expressions, valence and arousal, or both on one backbone."""
    hidden_units: int = 256
    """Width of the dense ReLU layer between the pooled features and the heads."""
    weights: tuple[str, ...] = ("imagenet",)
    """Where the backbone starts: `imagenet`, `none` (random), `affekt`, `hf://user/name`, a model folder or its file.
    Several are averaged."""
    frozen: bool = True
    """Keep the backbone as it starts, batch-norm statistics included, and train the layers after it only."""
    trained_stages: int = 0
    """Of a frozen backbone, this many of the last stages learn all the same."""

    def __post_init__(self) -> None:
        require_positive(self, "hidden_units")
        require_not_negative(self, "trained_stages")
        if self.trained_stages and not self.frozen:
            raise ConfigError(
                f"expected a frozen backbone with trained_stages {self.trained_stages}, got one that is trained whole; "
                "leave one of the two out (--frozen, or --trained-stages 0)"
            )
        if not self.weights:
            raise ConfigError("expected weights imagenet, none, or models, got nothing; none starts at random")
        if sorted(self.heads) not in (["expression"], ["valence_arousal"], ["expression", "valence_arousal"]):
            raise ConfigError(
                f"expected the heads expression, valence_arousal or both, got {' '.join(self.heads)!r}; "
                "name them in heads (--heads expression valence_arousal)"
            )


@of_a_recipe
@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """The pictures that the network wants to see."""

    input_size: int = 224
    """Height and width of the network's input, in pixels."""
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    """Mean of each channel, subtracted after pixels are scaled to 0-1; a single one makes the input grey."""
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    """Standard deviation of each channel."""
    crop_margin: float = 0.0
    """How much the square crop exceeds the longer side of the face box, as a fraction of it."""
    alignment: Literal["none", "level"] = "level"
    """`level`: the crop is turned by the tilt of the face, where the manifest has its landmarks; `none`: it is not."""

    def __post_init__(self) -> None:
        require_positive(self, "input_size")
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean) or min(self.std) <= 0:
            raise ConfigError(
                f"expected a mean and a std above 0 for each of 1 or 3 channels, got {self.mean} and {self.std}; "
                "one of each, 0.5 and 0.25, is for grey (--mean 0.5 --std 0.25)"
            )

    @property
    def preprocessing(self) -> Preprocessing:
        """What the network wants to see, as its card says it."""
        return Preprocessing(
            input_size=self.input_size,
            channels=len(self.mean),
            mean=self.mean,
            std=self.std,
            crop_margin=self.crop_margin,
            alignment=self.alignment,
        )


@of_a_recipe
@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The batches of training pictures."""

    batch_size: int = 128
    """Pictures per step, over all processes."""
    class_balance: Literal["none", "repeating"] = "none"
    """Against rare expressions: repeat their rows within an epoch, or nothing."""
    repeat_threshold: float = 0.1
    """With `repeating`: an expression with a smaller share of the rows than this is rare.
    Its rows come sqrt(threshold / share) times per epoch."""
    mixup: float = 0.0
    """Mix each crop and its target with another's. The share comes from a beta distribution, both parameters this.
    0.2 leaves most crops nearly whole, 1 draws all shares alike; 0 is off."""
    start_size: int = 0
    """Progressive resizing: height and width of the pictures in the first epoch, in pixels; 0 is `input_size`."""
    resizing_epochs: int = 0
    """Epochs over which pictures, and their random changes but for the flip, grow to full size and strength."""

    def __post_init__(self) -> None:
        require_positive(self, "batch_size", "repeat_threshold")
        require_not_negative(self, "mixup", "resizing_epochs")


@of_a_recipe
@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes of the training crops, drawn anew for each picture in each epoch; all off by default."""

    flip: bool = False
    """Mirror half of the crops left to right."""
    rotation_degrees: float = 0.0
    """Rotate by up to this angle either way."""
    scale: float = 0.0
    """Zoom by a factor of up to 1 + this, in or out."""
    shift: float = 0.0
    """Move by up to this fraction of the side, along each axis."""
    aspect: float = 0.0
    """Stretch width against height by a factor of up to 1 + this, either way."""
    brightness: float = 0.0
    """Add up to this fraction of the full range, lighter or darker."""
    contrast: float = 0.0
    """Multiply the distance from the crop's mean by up to 1 + this, or divide."""
    gamma: float = 0.0
    """Raise brightness to a power between exp(-this) and exp(this)."""
    shading: float = 0.0
    """Light from one side: brightness changes across the crop by up to this fraction either way."""
    erase: float = 0.0
    """Probability that a random rectangle (2-20 % of the crop) is replaced by noise."""
    resolution: float = 0.0
    """Probability that the crop is shrunk to a third or more of its side and enlarged again."""
    blur: float = 0.0
    """Probability of a Gaussian blur."""
    jpeg: float = 0.0
    """Probability that the crop loses what JPEG loses at a quality of 15 to 90."""
    noise: float = 0.0
    """Probability of Gaussian noise, with a standard deviation of up to 0.06."""
    plain: float = 0.0
    """Probability that the crop is left as it is, flipped at most: all other changes then concern the rest."""

    def __post_init__(self) -> None:
        unbounded = ("rotation_degrees", "scale", "aspect", "contrast", "gamma")
        for name in (each.name for each in fields(self) if each.name != "flip"):
            value, most = getattr(self, name), float("inf") if name in unbounded else 1
            if not 0 <= value <= most:
                raise ConfigError(
                    f"expected augmentation.{name} between 0 and {most}, got {value}; choose one in between"
                )

    @property
    def is_off(self) -> bool:
        """Whether the crops reach the network unchanged."""
        return self == Augmentation()


@of_a_recipe
@dataclass(frozen=True, kw_only=True)
class LossOptions:
    """What is learnt: targets, losses and teachers."""

    expression_target: Literal["labels", "votes"] = "labels"
    """Cross-entropy against the label, or against the distribution of the annotators' votes."""
    valence_arousal_loss: Literal["mse", "mse+ccc"] = "mse"
    """Mean squared error, or its sum with one minus the concordance of the batch."""
    valence_arousal_weight: float = 1.0
    """Weight of the valence-arousal loss beside the expression loss."""
    teachers: tuple[str, ...] = ()
    """Models whose averaged answers are learnt too: folders, or names of those that come with affekt."""
    teacher_view: Literal["changed", "plain"] = "changed"
    """Teachers see the crops as the network does, or are asked once, about each unchanged crop and its mirror image."""
    teacher_mixing: Literal["mean", "product"] = "mean"
    """Probabilities of target and teachers are averaged, or their logarithms are, which multiplies them."""
    teacher_weight: float = 0.5
    """Weight of the teachers in the target, from 0 to 1; labels or votes have the rest.
    Rows without either learn from the teachers alone."""

    def __post_init__(self) -> None:
        require_not_negative(self, "valence_arousal_weight")
        if not 0 <= self.teacher_weight <= 1:
            raise ConfigError(
                f"expected a teacher_weight from 0 to 1, got {self.teacher_weight}; 0.5 weighs both alike"
            )


@of_a_recipe
@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """How one step changes the weights."""

    optimiser: Literal["adam", "adamw"] = "adam"
    """Adam, or Adam with decoupled weight decay (none on biases and normalisation)."""
    learning_rate: float = 1e-3
    """Learning rate at its highest."""
    stage_decay: float = 1.0
    """Each stage of the backbone learns at this times the rate of what comes after it.
    0.5 moves the stages near the picture least, 1 moves all alike."""
    weight_decay: float = 0.0
    """Weight decay; with AdamW only."""
    clip_norm: float = 0.0
    """Scale gradients down to this norm; 0 leaves them."""
    sam_radius: float = 0.0
    """Sharpness-aware steps (SAM): take the gradient this far away, where the loss is higher, at twice the cost.
    0 is off."""
    sam_epochs: int = 0
    """Take SAM steps in this many last epochs only; 0 is all."""
    ema_decay: float = 0.0
    """Decay per step of the moving average of the weights, which is validated and kept instead of them; 0 is off."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 runs convolutions and products in bfloat16.
    It is faster for large convolutions on a CPU with AMX, and for a frozen backbone on a CPU with bf16. No GPU was
    tried."""

    def __post_init__(self) -> None:
        require_positive(self, "learning_rate")
        if not 0 < self.stage_decay <= 1:
            raise ConfigError(f"expected stage_decay above 0 and up to 1, got {self.stage_decay}; 0.5 is usual")
        require_not_negative(self, "weight_decay", "clip_norm", "sam_radius", "sam_epochs")
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"expected ema_decay from 0 to below 1, got {self.ema_decay}; 0 turns it off")
        if self.sam_epochs and not self.sam_radius:
            raise ConfigError("expected a sam_radius with sam_epochs, got 0; 0.05 is usual (--sam-radius 0.05)")
        if self.weight_decay and self.optimiser != "adamw":
            raise ConfigError("expected the optimiser adamw with a weight_decay, got adam; set optimiser")


@of_a_recipe
@dataclass(frozen=True, kw_only=True)
class ScheduleOptions:
    """How long a training lasts, and the learning rate over its epochs."""

    epochs: int = 15
    """Passes over the training split."""
    schedule: Literal["plateau", "cosine"] = "plateau"
    """plateau halves the learning rate when the validation loss has not fallen for three epochs.
    cosine lets it rise and then fall along a cosine."""
    learning_rate_floor: float = 1e-6
    """The learning rate never falls below this."""
    warmup_epochs: float = 1.0
    """Epochs over which the cosine schedule rises from a tenth to the full learning rate."""
    early_stopping_patience: int = 5
    """Epochs without a lower validation loss before training stops; 0 never does. The best epoch is kept anyway."""

    def __post_init__(self) -> None:
        require_positive(self, "epochs")
        require_not_negative(self, "warmup_epochs", "early_stopping_patience")


@says_what_to_type
@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training, from the network to the last epoch, in groups of options.

    Example:
        >>> recipe = affekt.find_recipe("mobilenetv2-drawn").recipe.with_options(epochs=3, learning_rate=4e-3)
        >>> recipe.schedule.epochs, recipe.step.learning_rate
        (3, 0.004)
        >>> affekt.Recipe.of(architecture="mobilenetv2_100").network.frozen
        True
    """

    network: NetworkOptions
    """The network, and where it starts."""
    pictures: PictureOptions = field(default_factory=PictureOptions)
    """The pictures that the network wants to see."""
    data: DataOptions = field(default_factory=DataOptions)
    """The batches of training pictures."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """Random changes of the training crops."""
    loss: LossOptions = field(default_factory=LossOptions)
    """What is learnt: targets, losses and teachers."""
    step: StepOptions = field(default_factory=StepOptions)
    """How one step changes the weights."""
    schedule: ScheduleOptions = field(default_factory=ScheduleOptions)
    """How long a training lasts, and the learning rate over its epochs."""

    def __post_init__(self) -> None:
        floor, rate = self.schedule.learning_rate_floor, self.step.learning_rate
        if not 0 <= floor <= rate:
            raise ConfigError(
                f"expected a learning_rate_floor between 0 and the learning_rate, got {floor} and {rate}; "
                "lower the floor"
            )
        start, full = self.data.start_size, self.pictures.input_size
        if start and not 8 <= start <= full:
            raise ConfigError(
                f"expected a start_size from 8 to the input_size {full}, got {start}; 0 starts at the input_size"
            )

    @classmethod
    @says_what_to_type
    def of(cls, architecture: str, **options: object) -> "Recipe":
        """Build a recipe from options of any group, by their names; raises as `with_options` does."""
        return cls(network=NetworkOptions(architecture=architecture)).with_options(**options)

    @says_what_to_type
    def with_options(self, **options: object) -> "Recipe":
        """Return the recipe with some options changed, whichever group they belong to.

        Raises:
            ConfigError: there is no such option, or a value is out of its range.

        Example:
            >>> Recipe.of(architecture="mobilenetv2_100").with_options(batch_size=64, epochs=3).data.batch_size
            64
        """
        group_of = {each.name: name for name, kind in GROUPS.items() for each in fields(kind)}
        augmentation: Any = options.pop("augmentation", self.augmentation)
        groups: dict[str, dict[str, Any]] = {}
        require_known(options, [*group_of, "augmentation"], "affekt.Recipe.with_options")
        for option, value in options.items():
            groups.setdefault(group_of[option], {})[option] = value
        changed: dict[str, Any] = {name: replace(getattr(self, name), **group) for name, group in groups.items()}
        return replace(self, augmentation=augmentation, **changed)


GROUPS: dict[str, type] = {
    "network": NetworkOptions,
    "pictures": PictureOptions,
    "data": DataOptions,
    "loss": LossOptions,
    "step": StepOptions,
    "schedule": ScheduleOptions,
}
"""The groups of a recipe whose options have names of their own, without the group's."""


def require_positive(options: object, *names: str) -> None:
    """Refuse fields of a group of options that are not above 0, or not finite."""
    for name in names:
        if not 0 < getattr(options, name) < float("inf"):
            raise ConfigError(f"expected {name} above 0, got {getattr(options, name)}; choose a positive number")


def require_not_negative(options: object, *names: str) -> None:
    """Refuse fields of a group of options that are below 0, or not finite."""
    for name in names:
        if not 0 <= getattr(options, name) < float("inf"):
            raise ConfigError(f"expected {name} of at least 0, got {getattr(options, name)}; 0 is the least")
