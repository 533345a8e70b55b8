"""What decides a training, as one frozen dataclass; the command line is generated from it. No torch here."""

from dataclasses import dataclass, field
from typing import Literal

from affekt.errors import ConfigError
from affekt.training.augmentation_settings import Augmentation

Head = Literal["expression", "valence_arousal"]

POSITIVE = (
    "hidden_units",
    "input_size",
    "learning_rate",
    "batch_size",
    "accumulate",
    "epochs",
    "generations",
    "generation_epochs",
    "generation_seeds",
    "plateau_patience",
    "repeat_threshold",
)
NOT_NEGATIVE = (
    "weight_decay",
    "clip_norm",
    "warmup_epochs",
    "early_stopping_patience",
    "growth_epochs",
    "head_epochs",
    "valence_arousal_weight",
    "sharpness_radius",
    "sharpness_epochs",
    "mixup",
    "generation_mixup",
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training, from the network to the last epoch."""

    architecture: str
    """Name of the backbone: timm's, or one of affekt's own (`affekt.networks.face_resnet`)."""
    heads: tuple[Head, ...] = ("expression",)
    """What is predicted: the eight expressions, valence and arousal, or both on one backbone."""
    hidden_units: int = 256
    """Width of the dense ReLU layer between the pooled features and the heads."""
    weights: tuple[str, ...] = ("imagenet",)
    """Where the backbone starts: `imagenet`, `none` (random), `affekt`, or a model folder or .safetensors file; the
    average of several."""
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
    class_balance: Literal["none", "weights", "sampling", "repeating"] = "none"
    """Against rare classes: weigh their loss by inverse frequency, draw them as often as the others, repeat them
    within an epoch, or nothing. Rows without a label are never drawn by `sampling`; `repeating` leaves out none."""
    repeat_threshold: float = 0.1
    """With `repeating`: an expression whose share is below this is taken sqrt(threshold / share) times an epoch."""
    valence_arousal_loss: Literal["mse", "ccc", "mse+ccc"] = "mse"
    """Mean squared error, one minus the concordance of the batch, or their sum."""
    valence_arousal_weight: float = 1.0
    """Weight of the valence-arousal loss beside the expression loss."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """Random changes of the training crops."""
    mixup: float = 0.0
    """Mix each crop and its target with another's, by a share from the beta distribution with both parameters this:
    0.2 leaves most crops nearly whole, 1 draws all shares alike; 0 is off."""
    teachers: tuple[str, ...] = ()
    """Models whose averaged answers are learnt too: folders, or names of those that come with affekt."""
    teacher_view: Literal["changed", "plain"] = "changed"
    """Teachers see the crops as the network does, or are asked once, about each unchanged crop and its mirror image."""
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
    start_size: int = 0
    """Height and width of the pictures in the first epoch, in pixels; 0 is `input_size`."""
    growth_epochs: int = 0
    """Epochs over which pictures, and their random changes but for the flip, grow to full size and strength."""
    accumulate: int = 1
    """Split each step into this many smaller passes, where memory is short."""
    sharpness_radius: float = 0.0
    """Sharpness-aware minimisation: step by the gradient found this far uphill, at twice the cost; 0 is off."""
    sharpness_epochs: int = 0
    """Take such steps in this many last epochs only; 0 is all."""
    clip_norm: float = 0.0
    """Scale gradients down to this norm; 0 leaves them."""
    epochs: int = 15
    """Passes over the training split."""
    generations: int = 1
    """Train this many networks one after another; all but the first go on from the one before, taught by all before."""
    generation_epochs: int = 12
    """Passes over the training split of each generation but the first."""
    generation_mixup: float = 0.0
    """`mixup` of each generation but the first; 0: as the first."""
    generation_seeds: int = 1
    """Networks of each generation but the first, with the seeds that follow; where there are several, their average
    under a new head is the generation."""
    head_epochs: int = 0
    """Passes in which a new head is trained: on the average of each generation's networks or, where each is a single
    one, at the end on that of all generations but the first; 0 keeps the last as it is."""
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
    """bf16 runs convolutions and products in bfloat16: worth it on a GPU, on a CPU with AMX and large convolutions,
    and for a frozen backbone on any CPU that computes in it."""
    channels_last: bool = True
    """Store pictures channel by channel within each pixel: twice as fast for depthwise convolutions on a CPU."""

    def __post_init__(self) -> None:
        """Refuse values no training can use.

        Raises:
            ConfigError: a field is out of its range.
        """
        self._refuse_ranges()
        self._refuse_contradictions()

    def _refuse_ranges(self) -> None:
        for name in POSITIVE:
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"expected {name} above 0, got {getattr(self, name)}; choose a positive number")
        for name in NOT_NEGATIVE:
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"expected {name} of at least 0, got {getattr(self, name)}; 0 is the least")
        for name in ("label_smoothing", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"expected {name} from 0 to below 1, got {getattr(self, name)}; 0 turns it off")
        if not 0 <= self.teacher_weight <= 1:
            raise ConfigError(f"expected a teacher_weight from 0 to 1, got {self.teacher_weight}; 0.5 shares alike")
        if self.start_size and not 8 <= self.start_size <= self.input_size:
            raise ConfigError(
                f"expected a start_size from 8 to the input_size {self.input_size}, got {self.start_size}; "
                "0 starts at the input_size"
            )

    def _refuse_contradictions(self) -> None:
        if not 0 <= self.learning_rate_floor <= self.learning_rate:
            raise ConfigError(
                f"expected a learning_rate_floor between 0 and the learning_rate, got {self.learning_rate_floor} and "
                f"{self.learning_rate}; lower the floor"
            )
        if not self.weights:
            raise ConfigError("expected --weights imagenet, none, or models, got nothing; type --weights none")
        if sorted(self.heads) not in (["expression"], ["valence_arousal"], ["expression", "valence_arousal"]):
            raise ConfigError(
                f"expected the heads expression, valence_arousal or both, got {' '.join(self.heads)!r}; "
                "type --heads expression valence_arousal"
            )
        if self.sharpness_radius and self.accumulate > 1:
            raise ConfigError(
                f"expected --accumulate 1 with a sharpness_radius, got {self.accumulate}; choose one of the two"
            )
        if self.sharpness_epochs and not self.sharpness_radius:
            raise ConfigError("expected a sharpness_radius with sharpness_epochs, got 0; type --sharpness-radius 0.05")
        if self.generations > 1 and self.generation_seeds > 1 and not self.head_epochs:
            raise ConfigError(
                f"expected head_epochs above 0 with {self.generation_seeds} generation_seeds, got 0, and an average "
                "needs a new head; type --head-epochs 4, or --generation-seeds 1 for one network a generation"
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
