"""The MS-SSIM of Medical Diffusion: pairs of volumes of a cohort, `evaluation/pytorch_ssim`."""

from evalsuite.protocols.protocol import Protocol, Published, Source
from evalsuite.volumes.intensity import MinMaxIntensity
from evalsuite.volumes.preprocessing import Preprocessing

PROTOCOL = Protocol(
    name="medical-diffusion",
    summary="MS-SSIM over pairs of synthetic volumes, as Medical Diffusion computes it",
    source=Source(
        repository="FirasGit/medicaldiffusion",
        commit="da3d92a20700144d4c1411903d8ee4ded73a76f2",
        files=("evaluation/pytorch_ssim/__init__.py", "evaluation/test.ipynb"),
        licence="none stated",
    ),
    paper="Khader F, et al. Denoising diffusion probabilistic models for 3D medical image "
    "generation. Scientific Reports 13 (2023) 7303.",
    preprocessing=Preprocessing(
        orientation="native",
        spacing="native",
        fit="pad-crop",
        interpolation="linear",
        intensity=MinMaxIntensity(range=(-1, 1)),
        intensity_first=True,
    ),
    metrics={
        "ms_ssim": {
            "pairs": 1000,
            "convention": "medical-diffusion",
            "data_range": 1.0,
            "sigma": 1.5,
            "k1": 0.01,
            "k2": 0.03,
        }
    },
    free=("preprocessing.shape", "preprocessing.fit"),
    estimator="Mean over random pairs of different volumes of one cohort; unbiased for all pairs.",
    n_used="1,000 pairs of independently generated volumes; for real ones 20 passes over the data "
    "in batches of two.",
    licences="No weights.",
    disagreements=(
        (
            "The paper says MS-SSIM (Wang et al. 2003); the code multiplies the similarity of the "
            "coarsest scale into the product once for each finer one (to the power 4 x 0.1333), so its "
            "values are lower."
        ),
        "Its constants are for a range of 1, its volumes lie in [-1, 1].",
        (
            "The Gaussian has no window: sigma 1.5, cut off after 6 voxels, at the border mirrored with "
            "the outer voxel twice, and averaged over the whole volume."
        ),
        "The notebook names `train_loader`, which it never makes.",
    ),
    limits=(
        (
            "Real volumes are mapped from their minimum and maximum to [-1, 1] as by torchio's "
            "RescaleIntensity; what CropOrPad adds is 0, the middle of that range. Where a side is odd "
            "and another even, CropOrPad may start one voxel later."
        ),
        "All pairs are of different volumes; subjects are drawn about equally often.",
    ),
    published=(
        Published(
            dataset="ADNI, 998 volumes of 64 x 64 x 64 voxels",
            method="real volumes",
            number="MS-SSIM",
            value=0.7443,
            citation="medicaldiffusion, output in evaluation/test.ipynb, after three passes",
        ),
    ),
)
