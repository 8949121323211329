"""The grid of a generator: what its networks can take, what it leaves out, what it pads.

Samples have the shape of the preprocessing. Where that is no multiple of what the networks need,
they see volumes with a margin around it, which repeats the outermost voxels and is cut off samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.cohort import Cohort
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.resampling import Size, cropped, oriented_grid, spacing_of
from evalsuite.volumes.volume import Volume
from generator.config import GeneratorConfig

FEWEST = 5  # percent of the volumes that may be shorter along an axis than a shape that pads few
FOREGROUND = 0.1  # share of the range of intensities, as of BET (Smith, Hum. Brain Mapp. 17, 2002)
FACES = (("left", "right"), ("back", "front"), ("bottom", "top"))
LOOKED_AT = 100  # volumes of which the foreground is counted


def fitting(config: GeneratorConfig, cohort: Cohort) -> Preprocessing:
    """Return the resolved preprocessing, whose shape is that of the samples.

    Raises:
        EvalsuiteError: for steps that end in volumes that the networks do not make, for volumes of
            several spacings that keep their own, and if a given shape does not fit.
    """
    steps = config.preprocessing
    changed = steps.axes != "xyz" or steps.trim or steps.pool != 1
    unit = all(one.ends_in_unit_range for one in config.of_channels(steps))
    if steps.orientation not in {"RAS", "native"} or changed or not unit:
        raise EvalsuiteError(
            "A generator makes whole volumes in RAS with intensities from 0 to 1. Leave "
            "orientation, axes, trim and pool out of its preprocessing, and let the intensity end "
            "there (percentile, window or minmax)."
        )
    pairs = zip(cohort.entries, cohort.infos, strict=True)
    turned = [entry.id for entry, info in pairs if info.orientation != "RAS"]
    if steps.orientation == "native" and turned:
        raise EvalsuiteError(
            f"{turned[0]} does not run along RAS, in which samples are written. Leave "
            "preprocessing.orientation out, so that all volumes are turned."
        )
    mixture = cohort.mixed_spacing()
    if steps.spacing == "native" and mixture:
        raise EvalsuiteError(
            f"{mixture} A generator makes volumes of one spacing: leave preprocessing.spacing out, "
            "or name it."
        )
    resolved = steps.resolve(
        [info.shape for info in cohort.infos], [info.affine for info in cohort.infos]
    )
    if isinstance(resolved.shape, str):
        raise EvalsuiteError(
            "A generator makes volumes of one shape, but its preprocessing has shape "
            f'"{resolved.shape}". Name it in voxels, or leave it out.'
        )
    if config.fit == "pad":
        return resolved
    multiple = config.multiple
    x, y, z = (side // multiple * multiple for side in resolved.shape)
    if min(x, y, z) < multiple:
        raise EvalsuiteError(
            f"The volumes of {cohort.source} have {by(resolved.shape)} voxels after "
            f"preprocessing, but these networks need at least {multiple} along each axis. "
            "Use fit: pad, a finer spacing, or fewer levels of channels."
        )
    if steps.shape != "auto" and (x, y, z) != resolved.shape:
        raise EvalsuiteError(
            f"The shape {by(resolved.shape)} does not fit these networks, which need sides that "
            f"are multiples of {multiple}, such as {by((x, y, z))}. Or use fit: pad."
        )
    return resolved.model_copy(update={"shape": (x, y, z)})


def sides_seen(config: GeneratorConfig, shape: Sequence[int]) -> Size:
    """Return the sides of what the networks see of volumes of a shape."""
    x, y, z = (-(-side // config.multiple) * config.multiple for side in shape)
    return x, y, z


def widened(volumes: Float[Tensor, "c x y z"], sides: Sequence[int]) -> Float[Tensor, "c u v w"]:
    """Return the volumes in the middle of larger sides; the margin repeats the outermost voxels."""
    missing = [wanted - found for found, wanted in zip(volumes.shape[1:], sides, strict=True)]
    margins = [margin for m in reversed(missing) for margin in (m // 2, m - m // 2)]
    return F.pad(volumes, margins, mode="replicate")


def cut_back(volumes: Float[Tensor, "*b u v w"], shape: Sequence[int]) -> Float[Tensor, "*b x y z"]:
    """Return the volumes without the margin that `widened` gave them."""
    for axis, side in zip((-3, -2, -1), shape, strict=True):
        volumes = volumes.narrow(axis, (volumes.shape[axis] - side) // 2, side)
    return volumes


def spacing_of_samples(cohort: Cohort, steps: Preprocessing) -> list[float]:
    """Return the millimetres per voxel along the axes of the samples."""
    if not isinstance(steps.spacing, str):
        return list(steps.spacing)
    info = cohort.infos[0]
    return [float(side) for side in spacing_of(oriented_grid(info.shape, info.affine)[1])]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a shape leaves out of the volumes of a cohort, and adds to them.

    Args:
        share: of the foreground, the mean over the volumes.
        faces: the same beyond each face; what lies beyond an edge counts for both of its faces.
        most, most_of: largest share, and of which volume.
        looked_at: how many volumes were looked at.
        whole: the shape that would hold every volume of the cohort.
        padded: share of the volumes that are shorter than the shape along an axis.
        snug, padded_then: the shape that few volumes are shorter than, and the share that is.
    """

    share: float
    faces: dict[str, float]
    most: float
    most_of: str
    looked_at: int
    whole: Size
    padded: float
    snug: Size
    padded_then: float

    def __str__(self) -> str:
        """Return it in words."""
        counted = f"{self.looked_at} volumes looked at"
        if not self.share:
            return f"nothing of the foreground of {counted}"
        beyond = ", ".join(f"{name} {share:.1%}" for name, share in self.faces.items() if share)
        return (
            f"{self.share:.1%} of the foreground of {counted}, at most {self.most:.1%} "
            f"({self.most_of}); beyond the faces: {beyond}"
        )


def left_out(cohort: Cohort, steps: Preprocessing) -> LeftOut:
    """Return what a resolved preprocessing leaves out of a cohort, and what it pads.

    Of a large cohort volumes at equal distances in its order are looked at. Foreground is what is
    brighter than a tenth of the range of intensities.
    """
    whole = steps.model_copy(update={"shape": "native"})
    n = len(cohort.entries)
    places = np.unique(np.linspace(0, n - 1, min(n, LOOKED_AT)).round().astype(int))
    outside, beyond = [], []
    for place in places:
        volume = whole.apply(cohort.entries[place].read())
        lost, faces = _outside(volume, steps)
        outside.append(lost)
        beyond.append(faces)
    sizes = np.array([steps.median_size([i.shape], [i.affine]) for i in cohort.infos])
    snug = _size(np.percentile(sizes, FEWEST, axis=0, method="lower"))
    worst = int(np.argmax(outside))
    names = [name for pair in FACES for name in pair]
    return LeftOut(
        share=float(np.mean(outside)),
        faces=dict(zip(names, np.mean(beyond, axis=0).tolist(), strict=True)),
        most=float(outside[worst]),
        most_of=cohort.entries[places[worst]].id,
        looked_at=len(places),
        whole=_size(sizes.max(axis=0)),
        padded=0.0 if steps.fit == "resize" else _shorter(sizes, steps.shape_seen),
        snug=snug,
        padded_then=_shorter(sizes, snug),
    )


def by(sides: Sequence[int]) -> str:
    """Return sides as text, such as `24 x 24 x 24`."""
    return " x ".join(str(side) for side in sides)


def _size(sides: Int[np.ndarray, "3"]) -> Size:
    x, y, z = sides.tolist()
    return x, y, z


def _shorter(sizes: Int[np.ndarray, "n 3"], shape: Size) -> float:
    """Return the share of the volumes that are shorter than a shape along some axis."""
    return float((sizes < shape).any(axis=1).mean())


def _outside(volume: Volume, steps: Preprocessing) -> tuple[float, list[float]]:
    """Return the shares of the foreground that lie outside of the shape, and beyond each face."""
    foreground = volume.voxels > FOREGROUND
    total = int(foreground.sum())
    if not total or steps.fit == "resize":
        return 0.0, [0.0] * 6
    part = cropped(volume, steps.shape_seen, as_monai=steps.fit == "pad-crop")
    moved = part.affine[:3, 3] - volume.affine[:3, 3]
    starts = np.rint(np.linalg.solve(volume.affine[:3, :3], moved)).astype(int)
    faces = []
    for axis, (start, side) in enumerate(zip(starts, part.shape, strict=True)):
        counts = np.moveaxis(foreground, axis, 0).sum(axis=(1, 2))
        faces += [counts[:start].sum() / total, counts[start + side :].sum() / total]
    return 1 - (part.voxels > FOREGROUND).sum() / total, faces
