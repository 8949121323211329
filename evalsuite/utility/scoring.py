"""How well a network segments a volume: Dice and 95 % Hausdorff distance of each structure."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from evalsuite.utility.data import Example
from evalsuite.volumes.resampling import on_grid
from evalsuite.volumes.volume import Volume

PERCENTILE = 95
OVERLAP = 0.25
WINDOW = 2  # patches along an axis up to which a volume is segmented in one piece


@dataclass(frozen=True, slots=True)
class Score:
    """How well one structure of one volume is found.

    Args:
        dice: of the voxels, in [0, 1], 1 is best; nan where the label map lacks the structure.
        hd95: symmetric 95 % Hausdorff distance of the surfaces in mm, 0 is best; nan where the
            label map or the prediction lacks the structure.
    """

    dice: float
    hd95: float


def predict(
    network: nn.Module, example: Example, patch: Sequence[int], factor: int, device: str
) -> Float[np.ndarray, "c x y z"]:
    """Return the probability of each class at every voxel of an example.

    Args:
        patch: voxels per axis that the network was trained on; larger volumes than twice that
            are segmented in overlapping windows.
        factor: what every side of the network's input must be a multiple of.
    """
    from monai.inferers import sliding_window_inference

    image = torch.from_numpy(example.image)[None].to(device)
    window = [
        min(-(-size // factor) * factor, WINDOW * side)
        for size, side in zip(image.shape[2:], patch, strict=True)
    ]
    network.to(device).eval()
    with torch.no_grad():
        outputs = sliding_window_inference(
            image, window, sw_batch_size=1, predictor=network, overlap=OVERLAP, mode="gaussian"
        )
    probabilities: Float[np.ndarray, "c x y z"] = outputs[0].softmax(0).cpu().numpy()
    return probabilities


def classes_on(
    probabilities: Float[np.ndarray, "c x y z"],
    affine: Float[np.ndarray, "4 4"],
    truth: Volume,
) -> Int[np.ndarray, "i j k"]:
    """Return the most probable class at every voxel of a label map; outside it is background.

    Args:
        probabilities, affine: as predicted, on the grid of the network.
        truth: the label map.
    """
    moved = [
        on_grid(Volume(one, affine), truth.affine, truth.shape, order=1) for one in probabilities
    ]
    classes: Int[np.ndarray, "i j k"] = np.argmax(moved, axis=0)
    return classes


def score(
    predicted: Int[np.ndarray, "x y z"],
    truth: Int[np.ndarray, "x y z"],
    structures: int,
    spacing: tuple[float, float, float],
) -> list[Score]:
    """Return the scores of each structure.

    Args:
        predicted, truth: classes, 1 to `structures`; 0 is background.
        spacing: millimetres per voxel.

    References:
        Dice, Ecology 26 (1945). Maier-Hein et al., Metrics reloaded, Nature Methods 21 (2024).
    """
    from monai.metrics import compute_dice, compute_hausdorff_distance

    both = [
        torch.stack([torch.from_numpy(classes == c) for c in range(structures + 1)])[None]
        for classes in (predicted, truth)
    ]
    dice = compute_dice(*both, include_background=False)[0]
    with warnings.catch_warnings():
        # An absent structure is told by nan below.
        warnings.simplefilter("ignore")
        distance = compute_hausdorff_distance(
            *both, include_background=False, percentile=PERCENTILE, spacing=spacing
        )[0]
    distance[~torch.isfinite(distance)] = torch.nan
    return [Score(float(d), float(h)) for d, h in zip(dice, distance, strict=True)]
