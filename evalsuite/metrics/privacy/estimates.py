"""The numbers that the metric of privacy reports, each beside that of real volumes."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtri

from evalsuite.metrics.privacy import copies, membership
from evalsuite.metrics.privacy.distances import Distances
from evalsuite.metrics.privacy.quantities import (
    AUC,
    AUTHENTICITY,
    BELOW,
    CLOSER,
    COPIES,
    MEDIAN,
    NEAREST_IS_TRAINING,
    NNDR_MEDIAN,
    RATIO,
    RECOGNISED,
)
from evalsuite.metrics.subjects import (
    COARSE_RATE,
    LEVEL,
    median_interval,
    proportion_interval,
)
from evalsuite.records import Caveat, Estimate, Interval, Quantity

NO_HOLDOUT = Caveat(
    "no-hold-out",
    "Needs real volumes that the generator was not trained on: name the training cohort with"
    " --training and a hold-out with --real. Without one it cannot be told whether synthetic volumes"
    " are nearer to those that it saw than to others.",
)
NO_DIVISOR = Caveat(
    "copies-among-real",
    "Half of the real volumes have an exact copy: there is nothing to divide by.",
)


@dataclass(frozen=True, slots=True)
class Space:
    """Where distances were measured.

    Args:
        extractor: empty for voxels.
        distance: what it is, a clause.
        between: the distances.
        synthetic, holdout, training: subjects of the volumes behind them; `holdout` is `training`
            where training volumes stand in for a hold-out.
        warnings: about all that is measured there.
    """

    extractor: str
    distance: str
    between: Distances
    synthetic: Int[np.ndarray, " n"]
    holdout: Int[np.ndarray, " m"]
    training: Int[np.ndarray, " t"]
    warnings: tuple[Caveat, ...]

    @property
    def has_holdout(self) -> bool:
        """Whether there are real volumes that the generator was not trained on."""
        return self.between.to_holdout is not None

    @property
    def unseen(self) -> str:
        """Name of the real volumes that synthetic ones are judged by."""
        return "held-out real volumes" if self.has_holdout else "training volumes, each left out"

    def estimate(
        self,
        quantity: Quantity,
        value: float,
        method: str,
        *,
        interval: Interval | None = None,
        standard_error: float | None = None,
        reference: float | None = None,
        warnings: tuple[Caveat, ...] = (),
    ) -> Estimate:
        """Return an estimate that says where it was measured and on how many volumes."""
        n, t = len(self.synthetic), len(self.training)
        return Estimate(
            name=quantity.name,
            value=value,
            direction=quantity.direction,
            n_real=len(self.between.holdout.closest),
            n_synthetic=n,
            method=f"{method} {t} training volumes; {self.distance}.",
            interval=interval,
            standard_error=standard_error,
            reference=reference,
            warnings=(*self.warnings, *warnings),
            extractor=self.extractor,
        )


def estimates(space: Space, seed: int, rate: float) -> list[Estimate]:
    """Return every estimate of one space.

    Args:
        space: with its distances.
        seed: of the bootstrap.
        rate: share of new real volumes that may be flagged.
    """
    found = [*_closeness(space, seed)]
    for quantity, score, noun in (
        (
            BELOW,
            copies.nearest,
            "distance to the closest training volume (which blurring, too, makes small)",
        ),
        (
            COPIES,
            copies.relative_distance,
            (
                "distance to the closest training volume over the mean one to the"
                f" {copies.NEIGHBOURS} nearest (Carlini et al. 2023)"
            ),
        ),
    ):
        pair = space.between.synthetic, space.between.holdout
        ours, theirs = (score(found.distances) for found in pair)
        method = f"Share of synthetic volumes whose {noun} is below"
        subjects = (space.synthetic, space.holdout)
        found.append(_flagged(space, quantity, ours, theirs, subjects, rate, method))
    genuine = copies.authentic(space.between.synthetic, space.between.training)
    reference = None
    if space.has_holdout:
        reference = float(copies.authentic(space.between.holdout, space.between.training).mean())
    found.append(
        space.estimate(
            AUTHENTICITY,
            float(genuine.mean()),
            "Share of synthetic volumes further from their closest training volume than that one"
            " is from its own closest; Alaa et al. 2022. Reference: held-out real volumes.",
            interval=proportion_interval(genuine, space.synthetic),
            reference=reference,
        )
    )
    return [*found, *_membership(space, rate)]


def _closeness(space: Space, seed: int) -> list[Estimate]:
    pair = (space.between.synthetic, space.between.holdout)
    ours, theirs = (copies.nearest(found.distances) for found in pair)
    median, reference = float(np.median(ours)), float(np.median(theirs))
    subjects = (space.synthetic, space.holdout)
    closer, interval = membership.probability_of_subjects(ours, theirs, subjects)
    ratios, real_ratios = (copies.nearest_neighbour_ratio(found) for found in pair)
    return [
        space.estimate(
            MEDIAN,
            median,
            f"Median distance to the closest training volume. Reference: {space.unseen}.",
            interval=median_interval(ours, space.synthetic),
            reference=reference,
        ),
        space.estimate(
            RATIO,
            median / reference if reference else float("nan"),
            "Median distance to the closest training volume of synthetic volumes over that of"
            f" {space.unseen}; below 1 they are closer.",
            interval=copies.median_ratio_interval(ours, theirs, subjects, seed)
            if theirs.all()
            else None,
            reference=1.0,
            warnings=() if reference else (NO_DIVISOR,),
        ),
        space.estimate(
            CLOSER,
            closer,
            "Probability that a synthetic volume is closer to its closest training volume than one"
            f" of the {space.unseen}, to its own (Mann-Whitney).",
            interval=interval,
            reference=0.5,
        ),
        space.estimate(
            NNDR_MEDIAN,
            float(np.median(ratios)),
            "Median ratio of the distances to the closest and to the second closest training"
            f" volume. Reference: {space.unseen}.",
            interval=median_interval(ratios, space.synthetic),
            reference=float(np.median(real_ratios)),
        ),
    ]


def _flagged(
    space: Space,
    quantity: Quantity,
    values: Float[np.ndarray, " n"],
    calibration: Float[np.ndarray, " m"],
    subjects: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]],
    rate: float,
    method: str,
) -> Estimate:
    """Return the share of values below the threshold that calibration values set."""
    threshold = copies.conformal_threshold(calibration, rate)
    hits = values < threshold.value
    chance = copies.flagged_by_chance(threshold, subjects[1], subjects[0])
    coarse = COARSE_RATE(n=len(calibration), rate=rate, least=threshold.rate)
    return space.estimate(
        quantity,
        float(hits.mean()),
        f"{method} {threshold.value:.4g}, as it is for {threshold.rate:.3g} of new real volumes"
        f" (rank {threshold.rank} of {threshold.calibration} {space.unseen}, conformal); up to"
        f" {chance} of {len(hits)} would be by chance in 95 of 100 cohorts.",
        interval=proportion_interval(hits, subjects[0]),
        reference=threshold.rate,
        warnings=(coarse,) if threshold.rate > rate else (),
    )


def _membership(space: Space, rate: float) -> list[Estimate]:
    """Return what can be told of who was trained on: nan without a hold-out."""
    between = space.between
    if between.to_holdout is None or between.of_holdout is None:
        text = "Compares training volumes with held-out real ones."
        unknown = partial(space.estimate, value=float("nan"), warnings=(NO_HOLDOUT,))
        return [unknown(q, method=text) for q in (NEAREST_IS_TRAINING, AUC, RECOGNISED)]
    share = membership.nearest_is_training(
        between.synthetic, between.to_holdout, space.training, space.holdout
    )
    half = float(ndtri((1 + LEVEL) / 2)) * share.deviation
    found = [
        space.estimate(
            NEAREST_IS_TRAINING,
            share.value,
            "Share of synthetic volumes whose nearest real volume is a training one. Reference: the"
            " share of training volumes among the real ones, which chance gives.",
            interval=Interval(
                max(share.value - half, 0.0),
                min(share.value + half, 1.0),
                LEVEL,
                "normal, spread if other real volumes had been the training ones",
            ),
            standard_error=share.deviation,
            reference=share.expected,
        )
    ]
    members, others = copies.nearest(between.of_training), copies.nearest(between.of_holdout)
    auc, interval = membership.probability_of_subjects(
        members, others, (space.training, space.holdout)
    )
    found.append(
        space.estimate(
            AUC,
            auc,
            "Area under the ROC curve of telling training from held-out volumes by their distance"
            " to the nearest synthetic volume; Chen et al. 2020.",
            interval=interval,
            reference=0.5,
        )
    )
    found.append(
        _flagged(
            space,
            RECOGNISED,
            copies.relative_distance(between.of_training),
            copies.relative_distance(between.of_holdout),
            (space.training, space.holdout),
            rate,
            "Share of training volumes whose distance to the nearest synthetic volume over the"
            f" mean one to the {copies.NEIGHBOURS} nearest is below",
        )
    )
    return found
