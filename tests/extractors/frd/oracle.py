"""What `benchmarks/frd.py` has frd-score compute, and the names that its features have here."""

import re

import numpy as np

# seed, shape, passes of smoothing, spacing, origin and axes (columns) of volumes in RAS+: even
# sides; 2 mm already, axes turned; both coarser and finer, mirrored; oblique.
COS, SIN = np.cos(0.3), np.sin(0.3)
GRIDS = (
    (0, (16, 18, 20), 1, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3)),
    (1, (13, 11, 15), 1, (2.0, 2.0, 2.0), (10.0, -20.0, 30.0), -np.eye(3)[[2, 0, 1]]),
    (2, (9, 24, 17), 2, (2.5, 0.75, 1.5), (-90.25, -126.5, -72.125), np.diag([-1.0, -1.0, 1.0])),
    (
        *(3, (21, 12, 10), 1, (0.9375, 1.25, 3.0), (5.0, 6.0, 7.0)),
        np.array([[COS, -SIN, 0], [SIN, COS, 0], [0, 0, 1]]),
    ),
)
# Pairs of cohorts: first seeds and passes of both, and whether all volumes have one shape.
COHORTS = {
    "smoother": ((100, 1), (200, 2), False),
    "smoother, one shape": ((300, 1), (400, 2), True),
    "alike": ((500, 1), (600, 1), False),
}
EACH = 8


def volume(seed, shape, passes):
    """Return whole numbers that any machine makes alike: noise, means of 3 voxels along each axis."""
    noise = np.random.default_rng(seed).integers(0, 1000, shape)
    for _ in range(passes):
        for axis in range(3):
            noise = (noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)) // 3
    return noise.astype(np.float32)


def grid(seed, shape, passes, spacing, origin, axes):
    """Return voxels and affine of one of the GRIDS."""
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = origin
    return volume(seed, shape, passes), affine


def cohort(first, passes, *, one_shape):
    """Return voxels and affines of a cohort."""
    shapes = [
        (14, 16, 16) if one_shape else (14 + i % 3, 15 + 2 * i % 3, 16 - i % 2) for i in range(EACH)
    ]
    affine = np.diag([1.0, 1.0, 1.0, 1.0] if one_shape else [1.0, 1.25, 1.5, 1.0])
    return [(volume(first + i, shape, passes), affine) for i, shape in enumerate(shapes)]


IMAGES = {"log-sigma-": "log-", "-0-mm-3D": "mm", "wavelet-": ""}
DIAGNOSTICS = {
    "Image-original": "on_disk",
    "Mask-original": "on_disk",
    "Image-interpolated": "resampled",
    "Mask-interpolated": "region",
}
GLCM = {
    "ClusterTendency": "sum_variance",
    "JointEnergy": "angular_second_moment",
    "Imc1": "information_correlation_1",
    "Imc2": "information_correlation_2",
    "Idm": "inverse_difference_moment",
    "Idmn": "normalised_inverse_difference_moment",
    "Id": "inverse_difference",
    "Idn": "normalised_inverse_difference",
    "MaximumProbability": "joint_maximum",
    "SumSquares": "joint_variance",
    "MCC": "maximal_correlation",
}
FIRST_ORDER = {
    "10Percentile": "p10",
    "90Percentile": "p90",
    "RootMeanSquared": "root_mean_square",
}
DIAMETERS = {
    "Maximum3DDiameter": "maximum_3d_diameter",
    **{
        f"Maximum2DDiameter{p}": f"maximum_2d_diameter_{p.lower()}"
        for p in ("Slice", "Column", "Row")
    },
}


def _sizes(small, large, whole, one, level):
    levels = {"Low": "low", "High": "high"}
    return {
        f"{small}Emphasis": "small_emphasis",
        f"{large}Emphasis": "large_emphasis",
        **{f"{k}GrayLevel{level}Emphasis": f"{v}_grey_level_emphasis" for k, v in levels.items()},
        **{
            f"{size}{k}GrayLevelEmphasis": f"{ours}_{v}_grey_level_emphasis"
            for size, ours in ((small, "small"), (large, "large"))
            for k, v in levels.items()
        },
        "GrayLevelNonUniformity": "grey_level_non_uniformity",
        "GrayLevelNonUniformityNormalized": "normalised_grey_level_non_uniformity",
        "GrayLevelVariance": "grey_level_variance",
        f"{whole}NonUniformity": "size_non_uniformity",
        f"{whole}NonUniformityNormalized": "normalised_size_non_uniformity",
        f"{one}Percentage": "percentage",
        f"{one}Variance": "size_variance",
        f"{one}Entropy": "entropy",
    }


FAMILIES = {
    "firstorder": FIRST_ORDER,
    "shape": DIAMETERS,
    "glcm": GLCM,
    "glrlm": _sizes("ShortRun", "LongRun", "RunLength", "Run", "Run"),
    "glszm": _sizes("SmallArea", "LargeArea", "SizeZone", "Zone", "Zone"),
    "gldm": _sizes("SmallDependence", "LargeDependence", "Dependence", "Dependence", ""),
    "ngtdm": {},
}


def ours(name):
    """Return the name that we give to a feature of frd-score."""
    if name.startswith("diagnostics_"):
        whole, value = name.removeprefix("diagnostics_").rsplit("_", 1)
        told = {"VoxelNum": "n_voxels", "VolumeNum": "n_parts"}.get(value, value.lower())
        return f"{DIAGNOSTICS[whole]}.{told}"
    *image, family, feature = name.split("_")
    (prefix,) = image or ["original"]
    for theirs, own in IMAGES.items():
        prefix = prefix.replace(theirs, own)
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", feature).lower()
    named = FAMILIES[family].get(feature, snake)
    return f"{prefix}.{family.replace('firstorder', 'first_order')}.{named}"
