"""MAISI's 2.5D Frechet distance of CT: `scripts/compute_fid_2-5d_ct.py` of NV-Generate-CTMR."""

from evalsuite.protocols.protocol import Protocol, Published, Source
from evalsuite.volumes.intensity import WindowIntensity
from evalsuite.volumes.preprocessing import Preprocessing

NUMBERS = ("FID, XY plane", "FID, YZ plane", "FID, ZX plane", "FID, mean of the planes")
VALUES = {
    "DDPM": (18.524, 23.696, 25.604, 22.608),
    "LDM": (16.853, 10.191, 10.093, 12.379),
    "HA-GAN": (17.432, 10.266, 13.572, 13.757),
    "MAISI (ddpm-ct)": (3.301, 5.838, 9.109, 6.083),
    "MAISI (rflow-ct)": (2.685, 4.723, 7.963, 5.124),
}

PROTOCOL = Protocol(
    name="maisi-2.5d",
    summary="2.5D Frechet distance of CT on RadImageNet's ResNet-50, as MAISI reports it",
    source=Source(
        repository="NVIDIA-Medtech/NV-Generate-CTMR",
        commit="da438fec6484cdb6f421f8c7051d954ebefff730",
        files=("scripts/compute_fid_2-5d_ct.py", "docs/evaluation.md"),
        licence="Apache-2.0",
    ),
    paper="Guo P, et al. MAISI: Medical AI for Synthetic Imaging. WACV (2025); arXiv 2409.11169.",
    extractors=("radimagenet-resnet50",),
    preprocessing=Preprocessing(
        orientation="RAS",
        spacing=(1.0, 1.0, 1.0),
        shape=(512, 512, 512),
        fit="pad-crop",
        interpolation="linear",
        intensity=WindowIntensity(low=-1000, high=1000, range=None),
        padding=-1000,
    ),
    slices={
        "planes": ["axial", "sagittal", "coronal"],
        "share": 0.4,
        "step": 1,
        "intensity": {"per": "plane", "low": 0.0, "high": 100.0},
        "size": None,
        "interpolation": "bilinear",
        "antialias": False,
        "channels": "repeat",
        "reverse": True,
        "mean": [0.406, 0.456, 0.485],
        "std": [1.0, 1.0, 1.0],
    },
    metrics={"frechet": {}},
    estimator="Frechet distance per plane with sample covariances over all chosen slices of all "
    "volumes, and the mean of the three; biased upwards by the number of volumes. Its planes XY, "
    "YZ and ZX are axial, sagittal and coronal here.",
    n_used="100 volumes of each cohort in the published call (`--num_images 100`), the first ones "
    "by file name; 204 slices per plane at 512 cubed.",
    licences="Weights of RadImageNet: terms of their own, which could not be verified; converted to "
    "PyTorch by Warvito/radimagenet-models (Apache-2.0).",
    disagreements=(
        (
            "The channels of a grey slice are equal, so reversing them changes nothing; of ImageNet's "
            "normalisation only the means are subtracted (0.406, 0.456, 0.485), nothing is divided."
        ),
        (
            "The code can normalise each slice (`norm2d`) but never does: the minimum and maximum are "
            "those of all chosen slices of a volume in one plane."
        ),
        "Empty slices are kept: the code can drop them, its `main` never asks for it.",
    ),
    limits=(
        "Intervals resample subjects; the script gives none.",
        (
            "The script adds 1e-10 to the denominator of the min-max and computes covariances in "
            "single precision: distances agree to about 1e-4."
        ),
    ),
    published=tuple(
        Published(
            dataset="autoPET 2023, 512 x 512 x 512 voxels of 1 mm",
            method=method,
            number=number,
            value=value,
            citation="NV-Generate-CTMR, docs/evaluation.md, table 1",
        )
        for method, values in VALUES.items()
        for number, value in zip(NUMBERS, values, strict=True)
    ),
)
