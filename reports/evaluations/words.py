"""The plain words for each number of an evaluation and each score of a volume."""

from typing import Literal

Chapter = Literal["distance", "overlap", "diversity", "slices", "anatomy", "privacy", "other"]
# By name: title, sentence.
NUMBERS: dict[Chapter, dict[str, tuple[str, str]]] = {
    "distance": {
        "frechet_distance": (
            "Fréchet distance",
            (
                "how far apart the cohorts lie, judged by the mean and the spread of their features; "
                "it is too high where volumes are few, so it is read against what two real samples of "
                "the same sizes would have (within real)."
            ),
        ),
        "frechet_distance_infinity": (
            "Fréchet distance, any size",
            (
                "the Fréchet distance that endlessly many volumes would have, which cohorts of "
                "different sizes may be compared by; about 0 if they are alike."
            ),
        ),
        "mmd_rbf": (
            "MMD",
            (
                "maximum mean discrepancy, a difference between the cohorts in any property of their "
                "features; about 0, perhaps a little below, if they are alike."
            ),
        ),
        "mmd_rbf_p_value": (
            "MMD, p-value",
            (
                "how often chance alone would give an MMD as large if real and synthetic were alike; "
                "below 0.05 they differ beyond chance, above it no difference was found, which does "
                "not prove that there is none. Each is of one test; the summary corrects them for "
                "their number."
            ),
        ),
        "kid": (
            "KID",
            (
                "kernel inception distance, the MMD with a polynomial kernel, which weighs unusual "
                "volumes more; about 0 if the cohorts are alike."
            ),
        ),
        "kid_p_value": ("KID, p-value", "the same for the KID."),
    },
    "overlap": {
        "precision": (
            "Precision",
            (
                "share of synthetic volumes that lie among real ones; low if many look like no real "
                "volume."
            ),
        ),
        "recall": (
            "Recall",
            (
                "share of real volumes that lie among synthetic ones; low if kinds of real volumes are "
                "never generated."
            ),
        ),
        "density": (
            "Density",
            (
                "how thickly real volumes surround the synthetic ones; about 1 if the cohorts are "
                "alike, and it may be more."
            ),
        ),
        "coverage": (
            "Coverage",
            "share of real volumes that have a synthetic one in their neighbourhood.",
        ),
    },
    "diversity": {
        "ms_ssim": (
            "Likeness (MS-SSIM)",
            (
                "how alike two volumes of the same cohort are, 1 if identical; above the real cohort "
                "the synthetic volumes vary too little."
            ),
        ),
        "ms_ssim_difference": (
            "Likeness above real (MS-SSIM)",
            (
                "the likeness within the synthetic cohort less that within the real one; above 0 the "
                "synthetic volumes vary too little."
            ),
        ),
        "ssim": ("Likeness (SSIM)", "the same at full resolution only."),
    },
    "slices": {
        "slice_consistency": (
            "Consistency",
            (
                "how usual the most unusual slice of a volume is, median over volumes; real volumes "
                "are judged by the same rule."
            ),
        ),
        "slice_faults": (
            "Volumes with a faulty slice",
            (
                "share of volumes with a slice so unusual that only the share given as within real of "
                "new real volumes has one."
            ),
        ),
        "slice_similarity": (
            "Likeness of neighbours",
            "correlation of each slice with the next; too high is too smooth, too low is broken.",
        ),
        "slice_profile_outside": (
            "Neighbours out of range",
            (
                "share of slices whose correlation with the next is beyond what 95 % of real volumes "
                "have at that place."
            ),
        ),
        "slice_power_ratio": (
            "Detail across slices",
            (
                "fine detail across slices over that within them; unlike real where slices were made "
                "one by one or blurred along one axis."
            ),
        ),
        "slice_brightness_jump": (
            "Brightness steps",
            "change of brightness from slice to slice, in percent.",
        ),
        "slice_brightness_period": (
            "Brightness stripes",
            "how strongly the brightness repeats at regular distances.",
        ),
        "slice_sharpness_jump": (
            "Sharpness steps",
            "how far the sharpness of a slice departs from that of its neighbours.",
        ),
        "slice_frechet": (
            "Fréchet distance of slices",
            "how far apart single slices of both cohorts lie, by simple texture.",
        ),
    },
    "anatomy": {
        "anatomy_volume": (
            "Volume apart",
            (
                "how far apart the volumes of a structure lie in both cohorts, in standard "
                "deviations of the real ones; about the value within real if they are alike."
            ),
        ),
        "anatomy_surface": ("Surface apart", "the same for the area of its surface."),
        "anatomy_sphericity": (
            "Roundness apart",
            "the same for its sphericity, which is 1 for a ball and less for any other shape.",
        ),
        "anatomy_right": (
            "Position apart, left to right",
            "the same for how far the centre of the second structure lies right of the first.",
        ),
        "anatomy_anterior": (
            "Position apart, back to front",
            "the same for how far it lies in front of the first.",
        ),
        "anatomy_superior": (
            "Position apart, bottom to top",
            "the same for how far it lies above the first.",
        ),
        "anatomy_faults": (
            "Faulty structures",
            (
                "share of volumes in which the structure is missing, in several parts, or has "
                "cavities or tunnels; read it against the real share, as segmentations have such "
                "faults, too."
            ),
        ),
    },
    "privacy": {
        "dcr_median": (
            "Closest training volume",
            (
                "median distance of a synthetic volume to the closest training volume; much below that "
                "of real volumes the generator never saw (within real), it copies, much above, its "
                "volumes are unlike real ones."
            ),
        ),
        "dcr_ratio": (
            "Closest, over real",
            "that distance over the one of real volumes; below 1 synthetic volumes are closer.",
        ),
        "dcr_closer": (
            "Chance to be closer",
            (
                "probability that a synthetic volume is closer to training than an unseen real one; "
                "0.5 is no difference."
            ),
        ),
        "nndr_median": (
            "Closest over second",
            (
                "distance to the closest training volume over that to the second closest; near 0 one "
                "training volume stands out as the model."
            ),
        ),
        "dcr_below": (
            "Suspiciously close",
            (
                "share closer to training than all but the share given as within real of unseen real "
                "volumes; blurred volumes are close, too, without being copies."
            ),
        ),
        "copies": (
            "Copies",
            (
                "share that is close to one training volume in particular; about the share given as "
                "within real is flagged by chance."
            ),
        ),
        "authenticity": (
            "Authenticity",
            "share further from their closest training volume than that one is from its own.",
        ),
        "nearest_is_training": (
            "Nearest is from training",
            (
                "share whose nearest real volume is a training one; more than within real betrays "
                "memory."
            ),
        ),
        "membership_auc": (
            "Membership attack, AUC",
            (
                "how well an attacker tells by the synthetic volumes who was in the training; 0.5 is "
                "guessing, 1 always right."
            ),
        ),
        "membership_recognised": (
            "Members recognised",
            (
                "share of training volumes such an attacker finds at the rate of false alarms given as "
                "within real."
            ),
        ),
    },
}

SCORES: dict[str, tuple[str, str]] = {
    "anatomy_outlyingness": (
        "Most unusual measure",
        (
            "of any structure, in robust standard deviations from the real median; above 3 or so "
            "the anatomy is unusual."
        ),
    ),
    "nearest_real_distance": (
        "Distance to the nearest real volume",
        "by features; large for a volume that is like no real one.",
    ),
    "distance_to_real_mean": (
        "Distance to the real mean",
        "by features; large for a volume far from the average real one.",
    ),
    "realism": (
        "Realism",
        "above 1 the volume lies within the neighbourhood of a real one, near 0 far from all.",
    ),
    "slice_consistency": (
        "Slice consistency",
        "0 or above for slices as in most real volumes, far below for a slice that stands out.",
    ),
    "dcr": (
        "Distance to training",
        "to the closest training volume; small for a copy, and for a blurred volume.",
    ),
    "nndr": (
        "Closest over second closest",
        "distance to the closest training volume over that to the second; near 0 for a copy.",
    ),
    "dcr_relative": (
        "Closest over 50 closest",
        (
            "distance to the closest training volume over the mean one to the 50 closest; small for a "
            "copy."
        ),
    ),
}
