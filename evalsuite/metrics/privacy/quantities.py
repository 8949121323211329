"""What the numbers of the metric of privacy mean."""

from dataclasses import replace

from evalsuite.records import Quantity

CARLINI = (
    "Carlini N, et al. Extracting training data from diffusion models. USENIX Security (2023)."
)
MEDIAN = Quantity(
    name="dcr_median",
    title="Closest training volume",
    sentence="median distance of a synthetic volume to the closest training volume; much below that "
    "of real volumes the generator never saw (within real), it copies, much above, its volumes are "
    "unlike real ones.",
    direction="nearer the reference is better",
    range="0 to ∞",
    bias="order statistics, distribution-free",
    chapter="privacy",
)
RATIO = replace(
    MEDIAN,
    name="dcr_ratio",
    title="Closest, over real",
    sentence="that distance over the one of real volumes; below 1 synthetic volumes are closer.",
    bias="bootstrap; the reference is 1",
)
CLOSER = replace(
    MEDIAN,
    name="dcr_closer",
    title="Chance to be closer",
    sentence="probability that a synthetic volume is closer to training than an unseen real one; "
    "0.5 is no difference.",
    range="0 to 1",
    bias="Newcombe; the reference is 0.5",
)
NNDR_MEDIAN = replace(
    MEDIAN,
    name="nndr_median",
    title="Closest over second",
    sentence="distance to the closest training volume over that to the second closest; near 0 one "
    "training volume stands out as the model.",
    range="0 to 1",
)
BELOW = replace(
    MEDIAN,
    name="dcr_below",
    title="Suspiciously close",
    sentence="share closer to training than all but the share given as within real of unseen real "
    "volumes; blurred volumes are close, too, without being copies.",
    direction="lower is better",
    range="0 to 1",
    bias="conformal threshold; exact",
)
COPIES = replace(
    BELOW,
    name="copies",
    title="Copies",
    sentence="share that is close to one training volume in particular; about the share given as "
    "within real is flagged by chance.",
    works=(CARLINI,),
    flagged="Volumes flagged as near copies of a training volume",
    by_group=True,
)
AUTHENTICITY = replace(
    MEDIAN,
    name="authenticity",
    title="Authenticity",
    sentence="share further from their closest training volume than that one is from its own.",
    direction="higher is better",
    range="0 to 1",
    bias="exact",
    works=(
        (
            "Alaa A, et al. How faithful is your synthetic data? Sample-level metrics for evaluating "
            "and auditing generative models. ICML (2022)."
        ),
    ),
)
NEAREST_IS_TRAINING = replace(
    MEDIAN,
    name="nearest_is_training",
    title="Nearest is from training",
    sentence="share whose nearest real volume is a training one; more than within real betrays "
    "memory.",
    range="0 to 1",
    bias="normal, spread over other choices of training volumes",
)
AUC = replace(
    MEDIAN,
    name="membership_auc",
    title="Membership attack, AUC",
    sentence="how well an attacker tells by the synthetic volumes who was in the training; 0.5 is "
    "guessing, 1 always right.",
    range="0 to 1",
    bias="Newcombe; the reference is 0.5",
    works=(
        (
            "Chen D, et al. GAN-Leaks: a taxonomy of membership inference attacks against generative "
            "models. ACM CCS (2020)."
        ),
    ),
)
RECOGNISED = replace(
    BELOW,
    name="membership_recognised",
    title="Members recognised",
    sentence="share of training volumes such an attacker finds at the rate of false alarms given as "
    "within real.",
)
QUANTITIES = (
    MEDIAN, RATIO, CLOSER, NNDR_MEDIAN, BELOW, COPIES, AUTHENTICITY, NEAREST_IS_TRAINING, AUC,
    RECOGNISED,
)  # fmt: skip
DCR = Quantity(
    name="dcr",
    title="Distance to training",
    sentence="to the closest training volume; small for a copy, and for a blurred volume.",
    direction="higher is better",
    range="0 to ∞",
)
NNDR = replace(
    DCR,
    name="nndr",
    title="Closest over second closest",
    sentence="distance to the closest training volume over that to the second; near 0 for a copy.",
    range="0 to 1",
)
DCR_RELATIVE = replace(
    DCR,
    name="dcr_relative",
    title="Closest over 50 closest",
    sentence="distance to the closest training volume over the mean one to the 50 closest; small "
    "for a copy.",
    range="0 to 1",
)
SCORES = (DCR, NNDR, DCR_RELATIVE)
