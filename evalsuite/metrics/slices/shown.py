"""What the figure of slices is drawn from."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from evalsuite.metrics.slices.consistency import Deviations, gridded, nearest
from evalsuite.metrics.slices.estimates import SliceMeasures
from evalsuite.metrics.slices.profiles import (
    CUES,
    PERIODS,
    PLANES,
    content,
    frequencies,
    through_plane,
)

SHOWN = 6  # worst volumes
BAND = (0.025, 0.5, 0.975)
ACROSS = (1, 0, 1)  # the plane in which slices across x, y and z show as lines


def bands(cohort: SliceMeasures) -> dict[str, object]:
    """Return quantiles over volumes of the profiles and of the spectra, per plane.

    `similarity`: one (3 quantiles, positions) array per plane; `power`: (3 planes, 3 quantiles,
    frequencies), power across over power within slices. None where no volume has enough slices.
    """
    similarity = []
    for axis in range(3):
        rows = gridded(cohort.profiles, "similarity", axis, cohort.shape[axis])
        similarity.append(_quantiles(rows))
    ratios = np.exp(through_plane(cohort.log_power))
    return {
        "similarity": similarity,
        "power": [_quantiles(ratios[:, axis]) for axis in range(3)],
        "frequencies": frequencies(cohort.spacing),
    }


def _quantiles(rows: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "3 p"] | None:
    known = rows[np.isfinite(rows).all(axis=1)]
    return np.quantile(known, BAND, axis=0) if len(known) else None


def worst(
    names: Sequence[str],
    volumes: Sequence[Float[Tensor, "x y z"]],
    measured: SliceMeasures,
    found: Deviations,
) -> tuple[dict[str, object], ...]:
    """Return the volumes with the largest deviations: where, by which cue, and a picture of each.

    Args:
        names, volumes: of the synthetic cohort.
        measured: the same volumes.
        found: how unlike real volumes they are.
    """
    flat = found.largest.reshape(len(names), -1)
    flat = np.where(np.isfinite(flat), flat, -np.inf)
    order = flat.max(axis=1).argsort(kind="stable")[::-1]
    shown = []
    for i in order[:SHOWN].tolist():
        axis, cue = divmod(int(flat[i].argmax()), len(CUES))
        profile = measured.profiles[i][axis]
        if profile is None:
            break
        place = int(found.place[i, axis, cue])
        values = getattr(profile, CUES[cue].name)
        at, where = _where(CUES[cue].name, place, len(values), profile.start, measured.shape[axis])
        voxels = volumes[i].detach().cpu().double().numpy()
        box = content(voxels)
        across = ACROSS[axis]
        middle = (box[across].start + box[across].stop) // 2
        shown.append(
            {
                "volume": names[i],
                "score": -float(flat[i].max()),
                "plane": PLANES[axis],
                "text": f"{CUES[cue].text}, {where}",
                "at": at,
                "picture": np.take(voxels, middle, across).astype(np.float32),
                "along": sum(a < axis for a in range(3) if a != across),
                "steps": tuple(np.delete(measured.spacing, across).tolist()),
            }
        )
    return tuple(shown)


def _where(cue: str, place: int, values: int, start: int, points: int) -> tuple[float | None, str]:
    """Return the index of the slice, or between slices, where a cue is largest, and its name."""
    if cue == "periodicity":
        return None, f"every {PERIODS[place]} slices"
    i = start + int(nearest(values, points)[place])
    if cue == "interpolation":
        return float(i + 1), f"slice {i + 1}"
    if cue == "sharpness":
        return float(i), f"slice {i}"
    return i + 0.5, f"slices {i} to {i + 1}"
