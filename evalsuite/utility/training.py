"""Pre-training by reconstruction and training to segment: the same loop, other batches.

Everything random in a step follows from its seed and number, never from the steps before.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError
from evalsuite.seeds import dealt, seed_of
from evalsuite.utility.data import Example, Examples

WEIGHT_DECAY = 1e-4
GRADIENT_CLIP = 1.0
DECAY = 0.9  # exponent of the falling learning rate
MOMENTS = 20  # means of the loss that are kept of a training
# Raised whenever a change of the code below changes a weight; it is part of every signature.
VERSION = 2

PRETEXT = (
    "Reconstruct the volume from a corrupted one, mean squared error, after Models Genesis (Zhou"
    " et al., Medical Image Analysis 67, 2021): a random monotone change of intensities (10"
    " control points, in 90 % of patches), voxels shuffled within 50 to 200 windows of up to an"
    " eighth of the patch's sides (50 %), and noise in place of 1 to 5 blocks of a sixth to a"
    " third of its sides (72 %) or of all but 1 to 5 blocks of three to four sevenths (18 %). All"
    " weights but those of the outputs go on to the segmentation."
)
AUGMENTATION = (
    "Patches around a random foreground voxel (1/3) or background voxel (2/3), rotated by up to"
    " 15 degrees about each axis and scaled by up to 15 % (50 %), gamma 0.7 to 1.5 (30 %),"
    " Gaussian noise of up to 5 % of the range (30 %)."
)

Batch = Callable[[int], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Supply:
    """Volumes to learn from.

    Args:
        examples: of a cohort.
        places: those of the volumes that may be used.
    """

    examples: Examples
    places: Sequence[int]

    def deal(self, step: int, count: int, seed: int) -> list[Example]:
        """Return the volumes of a step; every epoch is a new order of all of them."""
        dealt_out = dealt(len(self.places), step, count, seed)
        return [self.examples[self.places[place]] for place in dealt_out]


def reconstruction_batches(
    supply: Supply, patch: Sequence[int], batch_size: int, seed: int
) -> Batch:
    """Return corrupted patches and the patches themselves, by step."""
    from monai import transforms

    cut = transforms.Compose(
        [transforms.SpatialPad(patch), transforms.RandSpatialCrop(patch, random_size=False)]
    )
    corrupt = _corruption(patch)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        inputs, targets = [], []
        for place, example in enumerate(supply.deal(step, batch_size, seed)):
            for transform in (cut, corrupt):
                transform.set_random_state(seed=seed_of(seed, step, place))
            target = cut(example.image)
            inputs.append(_plain(corrupt(target.clone())))
            targets.append(_plain(target))
        return torch.stack(inputs), torch.stack(targets)

    return batch


def segmentation_batches(
    supplies: Sequence[Supply], patch: Sequence[int], batch_size: int, seed: int
) -> Batch:
    """Return augmented patches and their classes, by step; supplies share a batch evenly."""
    from monai import transforms

    keys = ["image", "classes"]
    augment = transforms.Compose(
        [
            transforms.SpatialPadd(keys, patch),
            transforms.RandCropByPosNegLabeld(keys, "classes", patch, pos=1, neg=2),
            transforms.RandAffined(
                keys,
                prob=0.5,
                rotate_range=(np.pi / 12,) * 3,
                scale_range=(0.15,) * 3,
                mode=("bilinear", "nearest"),
                padding_mode="border",
            ),
            transforms.RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
            transforms.RandGaussianNoised("image", prob=0.3, std=0.05),
        ]
    )
    counts = [len(part) for part in np.array_split(range(batch_size), len(supplies))]

    def batch(step: int) -> tuple[Tensor, Tensor]:
        examples = [
            example
            for i, (supply, count) in enumerate(zip(supplies, counts, strict=True))
            for example in supply.deal(step, count, seed_of(seed, i))
        ]
        images, classes = [], []
        for place, example in enumerate(examples):
            augment.set_random_state(seed=seed_of(seed, step, place))
            with warnings.catch_warnings():
                # Of a volume in which no structure shows MONAI says that it has no foreground.
                warnings.simplefilter("ignore")
                (made,) = augment({"image": example.image, "classes": example.classes})
            images.append(_plain(made["image"]))
            classes.append(_plain(made["classes"]).long())
        return torch.stack(images), torch.stack(classes)

    return batch


def fit(
    network: nn.Module,
    batch: Batch,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    steps: int,
    learning_rate: float,
    device: str,
    advance: Callable[[], None] = lambda: None,
) -> list[float]:
    """Train a network in place and return the course of its loss, as a few means in order.

    There is no validation and no early stop: the weights of the last step are those tested.

    Raises:
        EvalsuiteError: if the loss is not finite.
    """
    # With the channels last the convolutions of a small 3D network are a sixth faster on a CPU.
    layout = torch.channels_last_3d
    network.to(device=device, memory_format=layout).train()  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=learning_rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    losses = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * (1 - step / steps) ** DECAY
        inputs, targets = (tensor.to(device) for tensor in batch(step))
        value = loss(network(inputs.to(memory_format=layout)), targets)
        losses.append(value.item())
        if not np.isfinite(losses[-1]):
            raise EvalsuiteError(
                f"In step {step + 1} of {steps} the loss is not finite. Lower --learning-rate."
            )
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimiser.step()
        advance()
    return [float(np.mean(part)) for part in np.array_split(losses, min(MOMENTS, steps))]


def _corruption(patch: Sequence[int]) -> Any:
    from monai import transforms

    def sides(share: float) -> list[int]:
        return [max(1, round(side * share)) for side in patch]

    blocks = {"holes": 1, "max_holes": 5, "prob": 1.0}
    return transforms.Compose(
        [
            transforms.RandHistogramShift(num_control_points=10, prob=0.9),
            transforms.RandCoarseShuffle(
                holes=50,
                max_holes=200,
                spatial_size=1,
                max_spatial_size=sides(1 / 8),
                prob=0.5,
            ),
            transforms.OneOf(
                [
                    transforms.RandCoarseDropout(
                        spatial_size=sides(1 / 6), max_spatial_size=sides(1 / 3), **blocks
                    ),
                    transforms.RandCoarseDropout(
                        spatial_size=sides(3 / 7),
                        max_spatial_size=sides(4 / 7),
                        dropout_holes=False,
                        **blocks,
                    ),
                    transforms.Identity(),
                ],
                weights=[0.72, 0.18, 0.1],
            ),
        ]
    )


def _plain(tensor: Any) -> Tensor:
    """Return what a transform of MONAI made, without its record of how."""
    made: Tensor = torch.as_tensor(tensor).as_subclass(Tensor)
    return made.float()
