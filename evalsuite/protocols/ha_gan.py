"""The Frechet distance of HA-GAN: MedicalNet's ResNet-50 on resized volumes in [-1, 1]."""

from evalsuite.protocols.protocol import Protocol, Source
from evalsuite.volumes.intensity import WindowIntensity
from evalsuite.volumes.preprocessing import Preprocessing

PROTOCOL = Protocol(
    name="ha-gan",
    summary="3D Frechet distance on MedicalNet's ResNet-50 (resnet_50.pth), as HA-GAN reports it",
    source=Source(
        repository="batmanlab/HA-GAN",
        commit="1d4f22646412b726811a69aa455a835d96d363d4",
        files=("evaluation/fid_score.py", "preprocess.py", "evaluation/resnet3D.py"),
        licence="none stated",
    ),
    paper="Sun L, et al. Hierarchical amortized GAN for 3D high resolution medical image "
    "synthesis. IEEE J Biomed Health Inform 26 (2022) 3966-3975.",
    extractors=("medicalnet-resnet50-raw",),
    preprocessing=Preprocessing(
        orientation="native",
        spacing="native",
        shape=(256, 256, 256),
        fit="resize",
        interpolation="smoothed",
        border="padding",
        trim=True,
        intensity=WindowIntensity(low=-1024, high=600, range=(-1, 1)),
        intensity_first=True,
        padding=-1,
        axes="zyx",
    ),
    metrics={"frechet": {}},
    estimator="Frechet distance with sample covariances, one row of 2,048 features per volume; "
    "biased upwards by the number of volumes.",
    n_used="2,048 generated volumes (`--num_samples`) against all real ones of a fold.",
    licences="MedicalNet: MIT, code and weights.",
    disagreements=(
        (
            "`fid_score.py` does not run as published (a syntax error, two names that are never "
            "imported); what it computes is plain all the same."
        ),
        (
            "The thresholds -1024 and 600 are those of the CT data; the code says to adapt them, which "
            "counts as a modification here."
        ),
        (
            "Every blank axial plane is left out, not only those at the ends, before the resize: the "
            "proportions of a volume change with it."
        ),
        (
            "The paper trains on and evaluates volumes as they come out of the generator; only real "
            "ones go through `preprocess.py`. Volumes in [-1, 1] of the final size need "
            "`--set preprocessing_synthetic.intensity.kind=none` and no trimming."
        ),
    ),
    limits=(
        "Resizing is scikit-image's, made with SciPy directly; inputs of the network agree to 1e-5.",
    ),
)
