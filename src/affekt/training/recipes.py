"""The recipes by name. No torch here.

The four reference recipes repeat the study affekt grew out of: a frozen ImageNet backbone, global average pooling,
a dense layer of 256 with ReLU, and the head, at 224 px with batches of 128. The `-scratch` recipes train the whole of
the same networks without ImageNet weights, at a size made for 48-pixel faces; the `-drawn` ones are the same, shortened
for affekt's drawn faces. `affekt` and `affekt-fast` train the networks that come with the package, `affekt-head` puts a
new head on the first.
"""

from collections.abc import Callable
from dataclasses import replace

from affekt.training.augmentation_settings import Augmentation
from affekt.training.recipe import Recipe


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
        weights=("none",),
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


def affekt() -> Recipe:
    """The network that comes with affekt: a narrow, mirrored ResNet-18-D for grey 48-pixel faces, three generations.

    Each generation but the first is the average of three networks under a new head. The changes of pictures are those
    that crops of a detector show: a shifted and turned box, light, occlusion, few pixels, JPEG.
    """
    return Recipe(
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
        augmentation=Augmentation(
            flip=True,
            rotation_degrees=12,
            scale=0.12,
            shift=0.06,
            brightness=0.12,
            contrast=0.2,
            gamma=0.2,
            erase=0.25,
            resolution=0.1,
            blur=0.1,
            jpeg=0.1,
        ),
        optimiser="adamw",
        learning_rate=2e-3,
        weight_decay=0.05,
        batch_size=64,
        epochs=30,
        generations=3,
        generation_epochs=10,
        generation_mixup=0.2,
        generation_seeds=3,
        head_epochs=4,
        teacher_weight=0.7,
        start_size=32,
        growth_epochs=12,
        schedule="cosine",
        early_stopping_patience=0,
        ema_decay=0.998,
    )


def affekt_fast() -> Recipe:
    """The fast network that comes with affekt: half as wide as `affekt`, a seventh of its arithmetic, taught by it.

    With few weights it does not memorise, so it learns longer, and more from its teacher than from the votes.
    """
    return replace(
        affekt(),
        architecture="face_resnet18_w16",
        teachers=("affekt",),
        teacher_view="plain",
        learning_rate=3e-3,
        weight_decay=0.02,
        epochs=50,
        generations=1,
    )


def affekt_head() -> Recipe:
    """A new head on the frozen network that comes with affekt: for few labelled pictures, in minutes, with no download.

    Nothing is changed at random, so that the features are computed once.
    """
    return replace(
        affekt(),
        heads=("expression",),
        weights=("affekt",),
        frozen=True,
        expression_target="labels",
        class_balance="none",
        augmentation=Augmentation(),
        learning_rate=1e-3,
        batch_size=32,
        start_size=0,
        growth_epochs=0,
        epochs=60,
        generations=1,
        generation_seeds=1,
        head_epochs=0,
        ema_decay=0,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "affekt": affekt,
    "affekt-fast": affekt_fast,
    "affekt-head": affekt_head,
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
