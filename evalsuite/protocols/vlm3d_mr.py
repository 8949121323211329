"""The 2.5D Frechet distance of the VLM3D challenge of MR generation."""

from evalsuite.protocols.protocol import Protocol, Source
from evalsuite.volumes.intensity import NoIntensity
from evalsuite.volumes.preprocessing import Preprocessing

PROTOCOL = Protocol(
    name="vlm3d-mr-2.5d",
    summary="2.5D Frechet distance of MRI on SqueezeNet 1.1, as the VLM3D challenge scores it",
    source=Source(
        repository="forithmus/VLM3D-Dockers",
        commit="8ffa4ab2f2db941e65cff76648bae2b145c4f8d5",
        files=(
            "mr_challenges/mrgen_evaluation/fid_2p5d.py",
            "mr_challenges/mrgen_evaluation/score.py",
        ),
        licence="none stated",
    ),
    paper="VLM3D challenge, MR volume generation: mr_challenges/mrgen_evaluation/README.md.",
    extractors=("squeezenet1_1",),
    preprocessing=Preprocessing(
        orientation="native",
        spacing="native",
        interpolation="linear",
        intensity=NoIntensity(),
    ),
    slices={
        "planes": ["axial", "coronal", "sagittal"],
        "share": 1.0,
        "step": 4,
        "intensity": {"per": "slice", "low": 0.5, "high": 99.5},
        "size": 224,
        "interpolation": "bilinear",
        "antialias": False,
        "channels": "repeat",
        "reverse": False,
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
    },
    metrics={"frechet": {}},
    free=("preprocessing.shape",),
    estimator="Frechet distance per plane with sample covariances over every fourth slice of all "
    "volumes, and the mean of the three; biased upwards by the number of volumes. Its planes XY, "
    "XZ and YZ are axial, coronal and sagittal here, after the order of the axes in the file.",
    n_used="13,930 pairs of volumes in the challenge.",
    licences="Code of torchvision's SqueezeNet: BSD-3-Clause; weights trained on ImageNet.",
    disagreements=(
        (
            "It cites the CT track, but takes percentiles of each slice, resizes to 224 x 224, pools "
            "512 features before the classifier and subtracts no mean, none of which that track does."
        ),
        "Slices are named by the order of the axes in the file, whatever the orientation says.",
        "The commit lies on no branch of the repository.",
    ),
    limits=(
        (
            "The code takes volumes of any shape; here all are cut or padded to one, by default the "
            "median of the real cohort. Where all have one shape, as generated volumes have that of "
            "their target, nothing changes."
        ),
    ),
)
