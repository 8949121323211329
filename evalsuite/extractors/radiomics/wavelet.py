"""The eight bands of a stationary (undecimated) 3D wavelet transform of one level."""

from collections.abc import Iterator

import numpy as np
import pywt
from jaxtyping import Float
from scipy.ndimage import convolve1d

WAVELET = "coif1"  # as in pyradiomics


def bands(image: Float[np.ndarray, "x y z"]) -> Iterator[tuple[str, Float[np.ndarray, "x y z"]]]:
    """Yield name and coefficients of each band, such as `LLH`: low-pass in x and y, high in z.

    The first level of a stationary transform is plain filtering along each axis. The image goes
    on as its own mirror beyond its edges; periodic continuation, which `pywt.swtn` and
    pyradiomics use, joins opposite faces and gives the high-pass bands an edge that is not there.

    References: Nason and Silverman, in Wavelets and Statistics (1995) 281.
    """
    wavelet = pywt.Wavelet(WAVELET)
    filters = {"L": np.array(wavelet.dec_lo), "H": np.array(wavelet.dec_hi)}
    # Where the image does not vary along an axis its high-pass bands are 0, not rounding errors,
    # whose range discretisation would stretch to a texture.
    rounding = 1e-12 * np.abs(image).max()
    # One branch at a time: all bands at once would be 1 GB for 256 voxels a side.
    for x, along_x in filters.items():
        once = convolve1d(image, along_x, axis=0, mode="reflect")
        for y, along_y in filters.items():
            twice = convolve1d(once, along_y, axis=1, mode="reflect")
            for z, along_z in filters.items():
                band = convolve1d(twice, along_z, axis=2, mode="reflect")
                band[np.abs(band) < rounding] = 0.0
                yield x + y + z, band
