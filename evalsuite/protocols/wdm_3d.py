"""The Frechet distance of WDM-3D: MedicalNet's ResNet-50 on volumes in [0, 1]."""

from evalsuite.protocols.protocol import Protocol, Source
from evalsuite.volumes.intensity import NoIntensity, PercentileIntensity
from evalsuite.volumes.preprocessing import Preprocessing

PROTOCOL = Protocol(
    name="wdm-3d",
    summary="3D Frechet distance on MedicalNet's ResNet-50 (23 datasets), as WDM-3D reports it",
    source=Source(
        repository="pfriedri/wdm-3d",
        commit="a93a7ef70849566a4a0a02b5aa27a8a92645b867",
        files=("eval/fid.py", "eval/models/resnet.py", "guided_diffusion/bratsloader.py"),
        licence="MIT",
    ),
    paper="Friedrich P, et al. WDM: 3D wavelet diffusion models for high-resolution medical image "
    "synthesis. Deep Generative Models, MICCAI workshop (2024); arXiv 2402.19043.",
    extractors=("medicalnet-resnet50-23datasets-raw",),
    preprocessing=Preprocessing(
        orientation="native",
        spacing="native",
        shape=(256, 256, 256),
        interpolation="linear",
        intensity=PercentileIntensity(low=0.1, high=99.9),
        intensity_first=True,
        pool=2,
    ),
    preprocessing_synthetic={
        "shape": "native",
        "pool": 1,
        "intensity": NoIntensity().model_dump(mode="json"),
    },
    metrics={"frechet": {}},
    estimator="Frechet distance with sample covariances, one row of 2,048 features per volume; "
    "biased upwards by the number of volumes.",
    n_used="1,000 volumes of each cohort.",
    licences="MedicalNet: MIT, code and weights.",
    disagreements=(
        (
            "Real volumes are mapped to [0, 1] by the code, synthetic ones are taken as they are, even "
            "where a generator leaves that range."
        ),
        (
            "The published call averages blocks of 2 x 2 x 2 voxels of real volumes of 256 cubed for "
            "numbers at 128 cubed. For those at 256 cubed set preprocessing.pool=1."
        ),
        (
            "LIDC-IDRI goes through `utils/preproc_lidc-idri.py` first (1 mm, 256 cubed, clipped from "
            "-1000 to the 99.9 % quantile); this protocol is that of BraTS."
        ),
    ),
    limits=(),
)
