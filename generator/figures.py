"""Mosaics of volumes for people to look at."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

SIDES = (("R", "A"), ("R", "S"), ("A", "S"))  # left and upper edge of each plane


def by_channel(
    volumes: Mapping[str, Sequence[Float[np.ndarray, "c x y z"]]], channels: Sequence[str]
) -> dict[str, list[Float[np.ndarray, "x y z"]]]:
    """Return the rows of a mosaic: for each channel those of each name, one below the other.

    Args:
        channels: their names; a single one without a name is "".
    """
    return {
        f"{name}, {channel}" if channel else name: [volume[place] for volume in many]
        for place, channel in enumerate(channels)
        for name, many in volumes.items()
    }


def mosaic(
    rows: Mapping[str, Sequence[Float[np.ndarray, "x y z"]]],
    *,
    sides: bool = True,
) -> Figure:
    """Return the middle slices of volumes in three planes, one block of rows per name.

    Radiological orientation: the patient's right is on the left, in RAS+ volumes. Grey from 0
    to 1.

    Args:
        sides: write on the first image which side of the patient its left and upper edges are,
            by which a wrong orientation is seen; False where nobody knows.
    """
    columns = max(len(volumes) for volumes in rows.values())
    sizes = [volume.shape for volumes in rows.values() for volume in volumes]
    x, y, z = np.max(sizes, axis=0).tolist()
    shapes = (y, x), (z, x), (z, y)
    heights = [height for height, _ in shapes] * len(rows)
    width = max(width for _, width in shapes)
    inches = 1.5 / width
    figure = Figure(
        figsize=(columns * 1.55, sum(heights) * inches + 0.25 * len(heights)), layout="constrained"
    )
    axes = figure.subplots(len(heights), squeeze=False, gridspec_kw={"height_ratios": heights})
    pitch = width + max(1, width // 30)
    for block, (name, volumes) in enumerate(rows.items()):
        for plane, title in enumerate(("axial", "coronal", "sagittal")):
            high, wide = shapes[plane]
            # One picture a row is drawn four times as fast as one of each slice; nan is not drawn.
            row = np.full((high, pitch * columns), np.nan, dtype=np.float32)
            for column, volume in enumerate(volumes):
                cut = _slice(volume, plane)
                top, left = (high - cut.shape[0]) // 2, (width - cut.shape[1]) // 2
                place = column * pitch + left
                row[top : top + cut.shape[0], place : place + cut.shape[1]] = cut
            ax = axes[3 * block + plane, 0]
            ax.set_axis_off()
            ax.imshow(row, cmap="gray", vmin=0, vmax=1)
            told = title if sides else f"plane {plane + 1}, orientation not stated"
            ax.set_title(f"{name}, {told}", fontsize=8, loc="left", pad=2)
            if sides:
                for letter, (right, down) in zip(
                    SIDES[plane], ((0.03, 0.5), (0.5, 0.07)), strict=True
                ):
                    across = (width - wide) / 2 + right * wide
                    ax.text(across - 0.5, down * high - 0.5, letter, color="gold", fontsize=7)
    return figure


def _slice(volume: Float[np.ndarray, "x y z"], plane: int) -> Float[np.ndarray, "h w"]:
    x, y, z = (n // 2 for n in volume.shape)
    cut = (volume[:, :, z], volume[:, y, :], volume[x])[plane]
    # Rows run down and the patient's right, or front, is on the left of the image.
    return cut.T[::-1, ::-1]
