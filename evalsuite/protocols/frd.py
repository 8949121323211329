"""The Frechet radiomics distance, both versions, as the package frd-score computes it."""

from evalsuite.protocols.protocol import Protocol, Source
from evalsuite.volumes.intensity import NoIntensity
from evalsuite.volumes.preprocessing import Preprocessing

SOURCE = Source(
    repository="RichardObi/frd-score",
    commit="bf05c71fc44e461ab123bd273e58390b90f9cf54",
    files=("src/frd_score/frd.py", "src/frd_score/configs/extraction_3d.yaml"),
    licence="Apache-2.0",
)
# The extractors take volumes as on disk and do the rest as frd-score and pyradiomics do.
AS_ON_DISK = Preprocessing(
    orientation="native", spacing="native", shape="native", intensity=NoIntensity()
)
LICENCES = "No weights. frd-score: Apache-2.0; pyradiomics: BSD-3-Clause; neither is used here."

V1 = Protocol(
    name="frd-v1",
    summary="Frechet radiomics distance, version 1: logarithm of the distance of z-scores",
    source=SOURCE,
    paper="Konz N, Osuala R, et al. Frechet radiomic distance (FRD): a versatile metric for "
    "comparing medical imaging datasets. Medical Image Analysis (2026) 103943; arXiv 2412.01496.",
    extractors=("radiomics-frd-v1",),
    preprocessing=AS_ON_DISK,
    metrics={"frd": {}},
    estimator="Natural logarithm of the squared Frechet distance of z-scores by the real cohort, "
    "with sample covariances; biased upwards by the number of volumes.",
    n_used="As many as there are; compare only equal numbers.",
    licences=LICENCES,
    disagreements=(
        (
            "The paper takes the logarithm of the distance (equation 3), the code that of the "
            "squared distance, which is twice as much; published values are of the code."
        ),
        (
            "The paper speaks of about 464 features, which are those of images in two dimensions; "
            "the configuration for volumes yields 1,014."
        ),
        (
            "Thirteen diagnostics of pyradiomics about the volume, such as its mean on disk, are "
            "kept as features because they are numbers."
        ),
    ),
)
V0 = Protocol(
    name="frd-v0",
    summary="Frechet radiomics distance, version 0: distance of features in a common range",
    source=SOURCE,
    paper="Osuala R, et al. Towards learning contrast kinetics with multi-condition latent "
    "diffusion models. MICCAI (2024); arXiv 2403.13890.",
    extractors=("radiomics-frd-v0",),
    preprocessing=AS_ON_DISK,
    metrics={"frd": {}},
    estimator="Squared Frechet distance of features that are scaled to 0 and 7.4567 at the extremes "
    "of both cohorts together, with sample covariances; biased upwards by the number of volumes.",
    n_used="As many as there are; compare only equal numbers.",
    licences=LICENCES,
    disagreements=(
        (
            "The documentation counts about 94 features; volumes yield 107, shape among them, which "
            "is that of the whole volume and so tells the field of view."
        ),
        (
            "Grey levels are bins of 25 in the units of the file: intensities from 0 to 1 have a "
            "single level."
        ),
    ),
)
