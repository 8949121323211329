"""Mosaics of volumes for people to look at."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure


def mosaic(rows: Mapping[str, Sequence[Float[np.ndarray, "x y z"]]]) -> Figure:
    """Return the middle slices of volumes in three planes, one block of rows per name.

    Radiological orientation: the patient's right is on the left, in RAS+ volumes. Grey from 0
    to 1.
    """
    columns = max(len(volumes) for volumes in rows.values())
    figure = Figure(figsize=(1.6 * columns + 0.8, 1.6 * 3 * len(rows)), layout="compressed")
    axes = figure.subplots(3 * len(rows), columns, squeeze=False)
    for block, (name, volumes) in enumerate(rows.items()):
        for column in range(columns):
            for plane in range(3):
                ax = axes[3 * block + plane, column]
                ax.set_axis_off()
                if column < len(volumes):
                    ax.imshow(_slice(volumes[column], plane), cmap="gray", vmin=0, vmax=1)
        for plane, title in enumerate(("axial", "coronal", "sagittal")):
            axes[3 * block + plane, 0].set_title(f"{name}, {title}", fontsize=8, loc="left")
    return figure


def _slice(volume: Float[np.ndarray, "x y z"], plane: int) -> Float[np.ndarray, "h w"]:
    x, y, z = (n // 2 for n in volume.shape)
    cut = (volume[:, :, z], volume[:, y, :], volume[x])[plane]
    # Rows run down and the patient's right, or front, is on the left of the image.
    return cut.T[::-1, ::-1]
