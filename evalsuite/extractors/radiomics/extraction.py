"""The vector of a volume: which features, of which images, in which scale.

The Frechet distance is taken between Gaussians, so a feature of a heavy-tailed law, or one that
mostly tells the size of the region, would speak for the whole vector. `LEFT_OUT`, `PER_VOXEL`,
`LOGARITHMIC` and `COMPRESSED` say what is done about each such feature; the rest is as IBSI
defines it. What units are left, the cohort-level standardisation that `standardise` asks for
takes away.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Float32

from evalsuite.extractors.extractor import ExtractorOptions
from evalsuite.extractors.radiomics.glcm import glcm
from evalsuite.extractors.radiomics.glrlm import glrlm
from evalsuite.extractors.radiomics.glszm import glszm
from evalsuite.extractors.radiomics.grey_levels import bounding_box, discretise, foreground
from evalsuite.extractors.radiomics.intensity import histogram, statistics
from evalsuite.extractors.radiomics.ngldm import ngldm
from evalsuite.extractors.radiomics.ngtdm import ngtdm
from evalsuite.extractors.radiomics.wavelet import WAVELET, bands
from evalsuite.records import Caveat

# Raised whenever a change of this package changes a number; it is part of the fingerprint.
VERSION = 2
N_LEVELS = 32

TEXTURES = {
    "histogram": histogram,
    "glcm": glcm,
    "glrlm": glrlm,
    "glszm": glszm,
    "ngtdm": ngtdm,
    "ngldm": ngldm,
}
# Size zones take as long as the other families together, and dependence counts say of a band what
# its run lengths say; neither is worth 8 times its features.
BAND_TEXTURES = ("histogram", "glcm", "glrlm", "ngtdm")

LEFT_OUT = frozenset(
    {
        # Set by the intensity normalisation, or by a single voxel.
        "statistics.minimum",
        "statistics.maximum",
        "statistics.range",
        # Ratios to a mean that is near 0 in high-pass bands and in z-scored volumes.
        "statistics.coefficient_of_variation",
        "statistics.quartile_coefficient_of_dispersion",
        # Grow with the size of the region; the root mean square and the normalised
        # non-uniformities say the same per voxel.
        "statistics.energy",
        "glrlm.grey_level_non_uniformity",
        "glrlm.size_non_uniformity",
        "glszm.grey_level_non_uniformity",
        "glszm.size_non_uniformity",
        "ngldm.grey_level_non_uniformity",
        "ngldm.size_non_uniformity",
        # Equal to 1, and to the uniformity of the histogram.
        "ngldm.percentage",
        "ngldm.normalised_grey_level_non_uniformity",
    }
)

# Proportional to the number of voxels to this power, and divided by it.
PER_VOXEL = {"ngtdm.coarseness": -1.0, "ngtdm.strength": -1.0, "ngtdm.busyness": 1.0}

# Positive, and of a law that spans orders of magnitude: their logarithm is taken. Emphases are
# means of squares or inverse squares; concentrations, the sums of squared probabilities, become
# Renyi entropies by it.
LOGARITHMIC = frozenset(
    {
        "histogram.uniformity",
        "glcm.joint_maximum",
        "glcm.angular_second_moment",
        "ngtdm.coarseness",
        "ngldm.energy",
        *(
            f"{family}.{name}"
            for family in ("glrlm", "glszm", "ngldm")
            for name in (
                "small_emphasis",
                "large_emphasis",
                "low_grey_level_emphasis",
                "high_grey_level_emphasis",
                "small_low_grey_level_emphasis",
                "small_high_grey_level_emphasis",
                "large_low_grey_level_emphasis",
                "large_high_grey_level_emphasis",
                "normalised_grey_level_non_uniformity",
                "normalised_size_non_uniformity",
            )
        ),
    }
)

# Heavy-tailed as well, but 0 or negative at times: passed through asinh, which is linear near 0,
# logarithmic beyond, and keeps the sign.
COMPRESSED = frozenset(
    {
        "statistics.skewness",
        "statistics.kurtosis",
        "glcm.cluster_shade",
        "glcm.cluster_prominence",
        "glrlm.size_variance",
        "glszm.size_variance",
        "ngldm.size_variance",
        "ngtdm.busyness",
        "ngtdm.complexity",
        "ngtdm.strength",
    }
)


def volume_features(voxels: Float[np.ndarray, "x y z"]) -> dict[str, float]:
    """Return the features of one volume, named `image.family.feature`, in a fixed order.

    The image is the volume itself (`original`) or one of its wavelet bands (`LLL` to `HHH`).
    Every value is finite for any finite volume: a constant region has the values that its one
    grey level gives, and a region of a single voxel counts as constant.

    Args:
        voxels: preprocessed intensities; exact zeros are background (see `foreground`).
    """
    inside = foreground(voxels)
    box = bounding_box(inside)  # so that padding leaves no edge in the wavelet bands
    image, inside = voxels[box].astype(np.float64), inside[box]
    features = _image_features("original", image, inside, tuple(TEXTURES))
    for name, band in bands(image):
        features |= _image_features(name, band, inside, BAND_TEXTURES)
    return features


def _image_features(
    image_name: str,
    image: Float[np.ndarray, "x y z"],
    inside: Bool[np.ndarray, "x y z"],
    textures: tuple[str, ...],
) -> dict[str, float]:
    levels = discretise(image, inside, N_LEVELS)
    families = {"statistics": statistics(image[inside])}
    families |= {family: TEXTURES[family](levels, N_LEVELS) for family in textures}
    n_voxels = int(np.count_nonzero(inside))
    return {
        f"{image_name}.{key}": _scaled(key, value, n_voxels)
        for family, values in families.items()
        for name, value in values.items()
        if (key := f"{family}.{name}") not in LEFT_OUT
    }


def _scaled(key: str, value: float, n_voxels: int) -> float:
    value /= n_voxels ** PER_VOXEL.get(key, 0.0)
    if key in LOGARITHMIC:
        return math.log(value)
    return math.asinh(value) if key in COMPRESSED else value


@dataclass(frozen=True, slots=True)
class RadiomicsExtractor:
    """Radiomics features as an `Extractor`.

    Args:
        feature_names: names of the columns, `image.family.feature`; see `volume_features`.
    """

    name: str = "radiomics"
    warnings: tuple[Caveat, ...] = ()
    parallel: Literal["batch", "process"] = "process"
    standardise: bool = True
    wants: Mapping[str, Any] = field(default_factory=dict)
    slices: None = None
    fingerprint: dict[str, object] = field(
        default_factory=lambda: {
            "algorithm": "IBSI 1 radiomics, 3D, directions merged",
            "version": VERSION,
            "discretisation": f"fixed bin number, {N_LEVELS} over the range of the foreground",
            "foreground": "voxels that are not exactly 0; all where every voxel is 0",
            "wavelet": f"stationary {WAVELET}, one level, mirrored edges",
            "original": ["statistics", *TEXTURES],
            "bands": ["statistics", *BAND_TEXTURES],
        }
    )
    feature_names: tuple[str, ...] = field(
        default_factory=lambda: tuple(volume_features(np.zeros((1, 1, 1))))
    )

    def __call__(self, voxels: Float[np.ndarray, "b x y z"]) -> Float32[np.ndarray, "b d"]:
        """Return one row of features per volume; row i depends on volume i alone."""
        rows = [list(volume_features(volume).values()) for volume in voxels]
        return np.array(rows, np.float32)


def radiomics(options: ExtractorOptions) -> RadiomicsExtractor:  # noqa: ARG001  (needs no option)
    """Compute standard 3D radiomics features (IBSI) of a volume and its wavelet bands; no weights.

    Their Frechet distance is not the FRD of Osuala and Konz et al., whose features are
    `radiomics-frd-v1`: values compare within this suite only. Runs on the processor, whatever the
    device.
    """
    return RadiomicsExtractor()
