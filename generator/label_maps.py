"""Label maps on the grid of the samples, and what the denoiser sees of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.labels import Segmentation, Segmentations, check_labels, label_files
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.volume import Volume

COLUMN = "column"  # says that the column `label` of the table names the maps


def training_maps(
    cohort: Cohort, labels: str, advance: Callable[[], None] = lambda: None
) -> Segmentations:
    """Return the checked label maps of the training volumes.

    Args:
        labels: a folder with files of the names of the volumes, or `column`.

    Raises:
        EvalsuiteError: if a volume has none, or one that does not lie on it.
    """
    files = label_files(cohort, None if labels == COLUMN else labels)
    if files is None:
        raise EvalsuiteError(
            f'{cohort.source}: no column "label" names the label maps. Fill it, or name their '
            "folder with --labels."
        )
    found = check_labels(cohort, files, advance)
    if not found.structures:
        raise EvalsuiteError(f"The label maps of {cohort.source} hold nothing but 0.")
    return found


def maps_in(folder: str) -> list[Path]:
    """Return the label maps in a folder in the order of their names.

    Raises:
        EvalsuiteError: if there are none, or they are images of 4D files.
    """
    entries = read_cohort(folder, name="label maps", role="real").entries
    if entries[0].image is not None:
        raise EvalsuiteError(
            f"{folder}: a label map is a file of its own. Split the 4D files, and name the folder "
            "of the label maps."
        )
    return [entry.path for entry in entries]


def on_grid(segmentation: Segmentation, steps: Preprocessing) -> Int[np.ndarray, "x y z"]:
    """Return a label map where resolved steps put its volume: the nearest label, 0 outside."""
    volume = Volume(segmentation.labels.astype(np.float32), segmentation.affine)
    step = np.linalg.inv(volume.affine) @ steps.apply(volume).affine
    # Any mode but this one drops voxels that rounding has put a hair outside.
    moved: Int[np.ndarray, "x y z"] = ndimage.affine_transform(
        segmentation.labels,
        step[:3, :3],
        step[:3, 3],
        steps.shape_seen,
        order=0,
        mode="grid-constant",
    )
    return moved


def refuse_other_structures(
    labels: Int[np.ndarray, "x y z"], structures: Sequence[int], origin: Path
) -> None:
    """Raise EvalsuiteError if a label map holds values that no training map did."""
    others = sorted(set(np.unique(labels).tolist()) - {0, *structures})
    if others:
        known = ", ".join(map(str, structures))
        raise EvalsuiteError(
            f"{origin}: it holds the value {others[0]}, but the label maps that the generator was "
            f"trained with hold {known}."
        )


def shares(
    labels: Int[Tensor, "x y z"], structures: Sequence[int], factor: int
) -> Float[Tensor, "m u v w"]:
    """Return which share of each eighth of each latent every structure fills, background first.

    Args:
        labels: on the grid that the networks see.
        structures: values in rising order.
        factor: voxels along each axis of a latent.
    """
    values = torch.tensor([0, *structures])
    places = torch.searchsorted(values, labels.contiguous())
    whole = F.one_hot(places, len(values)).movedim(-1, 0).float()
    halves = F.avg_pool3d(whole, factor // 2)
    c, x, y, z = halves.shape
    parts = halves.reshape(c, x // 2, 2, y // 2, 2, z // 2, 2).permute(0, 2, 4, 6, 1, 3, 5)
    return parts.reshape(8 * c, x // 2, y // 2, z // 2)
