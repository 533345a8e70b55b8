"""The recipes by name. No torch here.

The four reference recipes repeat the study affekt grew out of: a frozen ImageNet backbone, global average pooling,
a dense layer of 256 with ReLU, and the head, at 224 px with batches of 128. The `-scratch` recipes train the whole of
the same networks without ImageNet weights, at a size made for 48-pixel faces; the `-drawn` ones are the same, shortened
for affekt's drawn faces. `affekt` and `affekt-fast` train the networks that come with the package, `affekt-ferplus` one
like their teacher, and `affekt-head` puts a new head on the first. `convnext-224` is for a GPU and much data.
"""

from dataclasses import dataclass, field, replace

from affekt.errors import ConfigError, nearest, says_what_to_type
from affekt.training.generations import Chain
from affekt.training.recipe import Augmentation, Recipe


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe, and the chain of trainings around it."""

    summary: str
    """What it trains, in one line."""
    recipe: Recipe
    chain: Chain = field(default_factory=Chain)


@says_what_to_type
def find_recipe(name: str) -> NamedRecipe:
    """Return the recipe of a name, and the chain of trainings around it.

    Args:
        name: as `affekt train` lists them.

    Raises:
        ConfigError: there is no such recipe.

    Example:
        >>> affekt.find_recipe("affekt-ferplus").chain.generations
        3
    """
    if name not in RECIPES:
        close = nearest(name, RECIPES)
        among = "" if close else f" among {', '.join(RECIPES)}"
        raise ConfigError(f"expected a recipe{among}, got {name!r}; type: affekt train {close or '--help'}")
    return RECIPES[name]


FLIPS = Augmentation(flip=True)
WARPS = replace(FLIPS, rotation_degrees=12, scale=0.12, shift=0.06, brightness=0.12, contrast=0.2)
EFFICIENTNETV2B0 = Recipe.of(architecture="tf_efficientnetv2_b0", learning_rate=1e-5)
MOBILENETV2 = Recipe.of(architecture="mobilenetv2_100")
XCEPTION = Recipe.of(architecture="legacy_xception", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
VGG16_VA = Recipe.of(architecture="vgg16", heads=("valence_arousal",))


def from_scratch(reference: Recipe, **changes: object) -> Recipe:
    """Return a reference recipe turned to train its whole network from random weights on small faces."""
    trained_whole = reference.with_options(
        weights=("none",),
        frozen=False,
        input_size=48,
        expression_target="votes",
        augmentation=WARPS,
        optimiser="adamw",
        learning_rate=4e-3,
        weight_decay=0.02,
        schedule="cosine",
        epochs=22,
        early_stopping_patience=0,
        ema_decay=0.998,
    )
    return trained_whole.with_options(**changes)


def for_drawn_faces(reference: Recipe, **changes: object) -> Recipe:
    """Return a reference recipe shortened for affekt's drawn faces: about a minute on two cores.

    Small batches and no change but flips learn most from a second of computing; many people keep that general.
    """
    shortened = from_scratch(
        reference,
        expression_target="labels",
        valence_arousal_loss="mse+ccc",
        augmentation=FLIPS,
        batch_size=16,
        warmup_epochs=0.3,
        ema_decay=0.95,
    )
    return shortened.with_options(**changes)


AFFEKT_FERPLUS = Recipe.of(
    architecture="face_resnet18_w32_64px_mirrored",
    heads=("expression", "valence_arousal"),
    weights=("none",),
    frozen=False,
    input_size=48,
    mean=(0.5,),
    std=(0.25,),
    expression_target="votes",
    class_balance="repeating",
    valence_arousal_loss="mse+ccc",
    valence_arousal_weight=0.25,
    # The changes that crops of a detector show: a shifted and turned box, light, occlusion, few pixels, JPEG.
    augmentation=replace(WARPS, gamma=0.2, erase=0.25, resolution=0.1, blur=0.1, jpeg=0.1),
    optimiser="adamw",
    learning_rate=2e-3,
    weight_decay=0.05,
    batch_size=64,
    epochs=30,
    teacher_weight=0.7,
    start_size=32,
    resizing_epochs=12,
    schedule="cosine",
    early_stopping_patience=0,
    ema_decay=0.998,
)
# Learns one soft label per face of four sources (results/wild), and what a teacher says of each changed crop; what
# differs between cameras, lights and detectors is drawn at random.
AFFEKT = AFFEKT_FERPLUS.with_options(
    architecture="face_resnet18_w32_stem8_mirrored",
    crop_margin=-0.1,
    augmentation=replace(
        AFFEKT_FERPLUS.augmentation,
        rotation_degrees=15,
        scale=0.15,
        aspect=0.15,
        brightness=0.15,
        contrast=0.4,
        gamma=0.3,
        shading=0.25,
        resolution=0.15,
        blur=0.15,
        jpeg=0.15,
        noise=0.15,
        plain=0.3,
    ),
    teacher_weight=0.5,
    teacher_mixing="product",
    learning_rate=1e-3,
    batch_size=128,
    mixup=0.2,
    epochs=15,
    warmup_epochs=0.3,
    clip_norm=5.0,
    start_size=0,
    resizing_epochs=0,
    precision="bf16",
)
AFFEKT_FAST = AFFEKT.with_options(
    architecture="face_resnet18_w16",
    input_size=64,
    teachers=("affekt",),
    teacher_mixing="mean",
    teacher_weight=0.7,
    learning_rate=2e-3,
    epochs=16,
)
# Nothing is changed at random, so that the features are computed once.
AFFEKT_HEAD = AFFEKT.with_options(
    heads=("expression",),
    weights=("affekt",),
    frozen=True,
    expression_target="labels",
    class_balance="none",
    augmentation=Augmentation(),
    mixup=0.0,
    batch_size=32,
    epochs=60,
    clip_norm=0.0,
    ema_decay=0,
    precision="fp32",
)
# What affekt's own network taught, on a backbone of timm's that was trained on ImageNet: for AffectNet and a GPU.
CONVNEXT_224 = Recipe.of(
    architecture="convnext_tiny",
    heads=("expression", "valence_arousal"),
    frozen=False,
    class_balance="repeating",
    mixup=0.2,
    augmentation=AFFEKT.augmentation,
    valence_arousal_loss="mse+ccc",
    optimiser="adamw",
    learning_rate=2e-4,
    stage_decay=0.7,
    weight_decay=0.05,
    clip_norm=5.0,
    ema_decay=0.998,
    precision="bf16",
    schedule="cosine",
    epochs=8,
    early_stopping_patience=0,
)
AFFEKT_CHAIN = Chain(generations=3, generation_epochs=10, generation_mixup=0.2, generation_seeds=3, head_epochs=4)

RECIPES = {
    "affekt": NamedRecipe(
        "The network of affekt: learns one soft label per face of several sources, and from a teacher.", AFFEKT
    ),
    "affekt-fast": NamedRecipe("The fast network of affekt: half as wide, at 64 pixels, taught by it.", AFFEKT_FAST),
    "affekt-ferplus": NamedRecipe(
        "A network like the one that taught affekt: FER+ alone, its votes, grey 48-pixel faces; three generations.",
        AFFEKT_FERPLUS,
        AFFEKT_CHAIN,
    ),
    "affekt-head": NamedRecipe(
        "A new head on the frozen network of affekt, for few pictures: in seconds or minutes, with no download.",
        AFFEKT_HEAD,
    ),
    "convnext-224": NamedRecipe(
        "ConvNeXt or another network of timm, whole, at 224 pixels, both heads: for AffectNet and a GPU.", CONVNEXT_224
    ),
    "efficientnetv2b0": NamedRecipe(
        "EfficientNetV2B0, frozen, Adam at 1e-5: the study's recipe that stayed at chance.", EFFICIENTNETV2B0
    ),
    "mobilenetv2": NamedRecipe("MobileNetV2, frozen, Adam at 1e-3: the study's best classifier.", MOBILENETV2),
    "xception": NamedRecipe("Xception, frozen, Adam at 1e-3, halved on plateau.", XCEPTION),
    "vgg16-va": NamedRecipe(
        "VGG16's convolutions, frozen, two bounded outputs for valence and arousal, Adam and MSE.", VGG16_VA
    ),
    # `results/ferplus` goes on from the weights of the first two, with warps; the second then at 64 pixels.
    "efficientnetv2b0-scratch": NamedRecipe(
        "EfficientNetV2B0, whole, from random weights, on votes, for 48-pixel faces, with flips alone: a first run.",
        from_scratch(
            EFFICIENTNETV2B0,
            augmentation=FLIPS,
            batch_size=64,
            learning_rate=3e-3,
            learning_rate_floor=1e-3,
            epochs=8,
        ),
    ),
    "mobilenetv2-scratch": NamedRecipe(
        "MobileNetV2, whole, from random weights, on votes, for 48-pixel faces, with flips alone: a first run.",
        from_scratch(
            MOBILENETV2, augmentation=FLIPS, batch_size=64, learning_rate=6e-3, learning_rate_floor=1e-3, epochs=14
        ),
    ),
    "xception-scratch": NamedRecipe(
        "Xception, whole, from random weights, on votes, for 48-pixel faces.",
        from_scratch(XCEPTION, batch_size=64, learning_rate=3e-3, epochs=10),
    ),
    "vgg16-va-scratch": NamedRecipe(
        "VGG16's convolutions and the valence-arousal head, whole, from random weights, on MSE and concordance.",
        from_scratch(
            VGG16_VA, input_size=32, learning_rate=3e-4, valence_arousal_loss="mse+ccc", clip_norm=1.0, epochs=6
        ),
    ),
    "efficientnetv2b0-drawn": NamedRecipe(
        "EfficientNetV2B0 from random weights, shortened for drawn faces.",
        for_drawn_faces(EFFICIENTNETV2B0, batch_size=32, epochs=3),
    ),
    "mobilenetv2-drawn": NamedRecipe(
        "MobileNetV2 from random weights, shortened for drawn faces.",
        for_drawn_faces(MOBILENETV2, input_size=64, batch_size=32, learning_rate=8e-3, epochs=4),
    ),
    "xception-drawn": NamedRecipe(
        "Xception from random weights, shortened for drawn faces.",
        for_drawn_faces(XCEPTION, batch_size=8, learning_rate=1e-3, epochs=1),
    ),
    "vgg16-va-drawn": NamedRecipe(
        "VGG16's convolutions and the valence-arousal head from random weights, shortened for drawn faces.",
        for_drawn_faces(VGG16_VA, input_size=32, learning_rate=3e-4, clip_norm=1.0, epochs=3),
    ),
}
"""Name on the command line -> the recipe."""


@dataclass(frozen=True)
class StudyModel:
    """One of the study's four models, as it was published; a test holds the counts to the networks themselves.

    Counts are Keras's: the moving statistics of batch normalisation are among the total. The figures are the study's
    own, on its test set of 396 AffectNet pictures; they are cited, not reproduced here.
    """

    recipe: str
    parameters: int
    trainable: int
    """Count of the layers that train while the backbone is frozen."""
    published: dict[str, float]
    """The study's figures, by affekt's names."""


def _published(names: str, *figures: float) -> dict[str, float]:
    return dict(zip(names.split(), figures, strict=True))


CLASSES = "accuracy macro_f1 roc_auc kappa pr_auc"
POINTS = "valence_rmse arousal_rmse valence_corr arousal_corr valence_sagr arousal_sagr valence_ccc arousal_ccc"
STUDY_MODELS = (
    StudyModel("efficientnetv2b0", 6_249_304, 329_992, _published(CLASSES, 0.1212, 0.0420, 0.5090, -0.0030, 0.1392)),
    StudyModel("mobilenetv2", 2_587_976, 329_992, _published(CLASSES, 0.3636, 0.3587, 0.7771, 0.2726, 0.3845)),
    StudyModel("xception", 21_388_080, 526_600, _published(CLASSES, 0.2551, 0.2464, 0.6946, 0.1486, 0.2612)),
    StudyModel(
        "vgg16-va",
        14_846_530,
        131_842,
        _published(POINTS, 1.7424, 0.3960, -0.0503, 0.0623, 0.2626, 0.7576, -0.0020, 0.0345),
    ),
)
