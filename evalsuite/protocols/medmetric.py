"""The package medmetric: MedicalNet's ResNet-50 on volumes standardised over all voxels."""

from evalsuite.protocols.protocol import Protocol, Source
from evalsuite.volumes.intensity import ZScoreIntensity
from evalsuite.volumes.preprocessing import Preprocessing

PROTOCOL = Protocol(
    name="medmetric",
    summary="3D Frechet distance of the package medmetric (MedicalNet's ResNet-50, 23 datasets)",
    source=Source(
        repository="medmetric 0.1.1 (package index)",
        files=("medmetric/extractors/medicalnet.py", "medmetric/metrics/fid.py", "README.md"),
        licence="MIT",
    ),
    paper="None; the README of the package.",
    extractors=("medicalnet-resnet50-23datasets-raw",),
    preprocessing=Preprocessing(intensity=ZScoreIntensity(over="all")),
    metrics={"frechet": {}},
    free=(
        "preprocessing.orientation",
        "preprocessing.spacing",
        "preprocessing.shape",
        "preprocessing.fit",
        "preprocessing.interpolation",
    ),
    estimator="Frechet distance with sample covariances (MONAI's FIDMetric), clamped at 0; biased "
    "upwards by the number of volumes.",
    n_used="The user's.",
    licences="MedicalNet: MIT, code and weights.",
    disagreements=(
        (
            "The package itself normalises nothing; its README asks for a z-score of each volume over "
            "all its voxels, background included, which is followed."
        ),
        "MedicalNet was trained on volumes standardised over their non-zero voxels.",
    ),
    limits=(
        (
            "The package divides by the standard deviation with n - 1 below, here n is: 2e-6 relative "
            "at 64 cubed."
        ),
        "How volumes become arrays is the user's there; here the steps of the evaluation are.",
        (
            "Its MMD (square root, bandwidths by the median distance over both cohorts) and its MS-SSIM "
            "(MONAI's) are not those of evalsuite."
        ),
    ),
)
