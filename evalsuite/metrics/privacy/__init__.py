"""Privacy: what a generator gives away of the volumes it was trained on.

Every question is asked in each feature space and in voxel space, and answered beside the answer
for real volumes that the generator never saw: a distance alone says nothing.
"""

import numpy as np
import torch
from jaxtyping import Float, Int

from evalsuite.metrics.distances import MEMORY
from evalsuite.metrics.features import checked_features
from evalsuite.metrics.metric import (
    FalsePositiveRate,
    Finding,
    Metric,
    UndefinedError,
    Views,
    judging_options,
)
from evalsuite.metrics.privacy import copies
from evalsuite.metrics.privacy.distances import (
    Coarse,
    Distances,
    all_voxel_distances,
    coarse,
    feature_distances,
    pose,
)
from evalsuite.metrics.privacy.estimates import Space, estimates
from evalsuite.metrics.privacy.pairs import shown_pair
from evalsuite.metrics.privacy.quantities import DCR, DCR_RELATIVE, NNDR, QUANTITIES, SCORES
from evalsuite.metrics.subjects import coded
from evalsuite.records import Caveat, Detail, Scores

FEWEST = 3  # a volume, its nearest neighbour and the next
SHOWN = 6  # closest pairs in the gallery
NEEDS = "The privacy metric"
NO_TRAINING = Caveat(
    "no-training-cohort",
    "No training cohort was named: the real cohort was taken for it, and the distances of its"
    " volumes to one another for those of a hold-out. If the generator was not trained on it, this"
    " says nothing of privacy.",
)
TOO_FEW = Caveat(
    "too-few-for-privacy",
    f"{NEEDS} needs at least {FEWEST} volumes in each cohort, but got {{n}} {{role}} ones.",
)
SEEN = Caveat(
    "real-in-training",
    "{both} of {n} real volumes are in the training cohort too, or show a subject of it, and were "
    "left out of the hold-out.",
)
IN_VOXELS = (
    "sqrt(2 - 2 r) with r the correlation of voxels, the greatest over mirrored axes and"
    " displacements of a few voxels"
)
IN_FEATURES = "Euclidean distance of features, which a mirrored or displaced copy may escape"


@judging_options
def compute(
    real: Views,
    synthetic: Views,
    *,
    seed: int = 0,
    memory: int = MEMORY,
    training: Views | None = None,
    false_positive_rate: FalsePositiveRate = 0.05,
) -> list[Finding]:
    """Return what synthetic volumes give away of training volumes, in voxels and in features.

    In every space, each with what held-out real volumes have as the reference:

    - `dcr_median`, `dcr_ratio`, `dcr_closer`: distance to the closest training volume; its median,
      the ratio of the medians, the probability that a synthetic volume is closer than a held-out
      one. Closer than the reference is memory, much further is a lack of likeness.
    - `nndr_median`: the same over the distance to the second closest, in [0, 1].
    - `dcr_below`: share of synthetic volumes closer to a training volume than all but a calibrated
      share of held-out ones. Volumes that are blurred or all alike are close without being copies.
    - `copies`: the same by the distance over the mean one to the 50 nearest training volumes,
      small only where a volume is near one in particular.
    - `authenticity`: share further from their closest training volume than its own closest is.
    - `nearest_is_training`: share whose nearest real volume is a training one, not a held-out one.
    - `membership_auc`, `membership_recognised`: an attacker who knows the synthetic volumes takes
      real ones near them for training volumes; the area under that ROC curve (0.5: guesses), and
      the share of training volumes that are recognised at the calibrated false-positive rate.

    A generator of noise passes: privacy is worth nothing without fidelity.

    Args:
        real: the hold-out, which the generator was not trained on. Without `training` it is taken
            for the training cohort, and what needs a hold-out is nan.
        synthetic: what was generated.
        seed: of the bootstrap.
        memory: bytes for blocks of distances, which change nothing; coarse voxels stand beside it.
        training: what the generator was trained on.
        false_positive_rate: share of new real volumes that may be flagged as copies.

    Raises:
        ValueError: for a rate outside (0, 1), fewer than 3 volumes in a cohort, volumes of
            different shapes, values that are not finite.

    References:
        Alaa et al., ICML (2022); Carlini et al., USENIX Security (2023); Chen et al., GAN-Leaks,
        ACM CCS (2020) (the attack on a full black box).
    """
    trained = training or real
    x, y, z = real.volumes[0].shape
    shape = (x, y, z)
    seen, new = coarse(trained.volumes, shape), coarse(synthetic.volumes, shape)
    held = coarse(real.volumes, shape) if training else None
    unseen, warnings = _unseen(real, training, seen, held)
    for role, n in (
        ("training", len(trained.names)),
        ("held-out real", len(unseen)),
        ("synthetic", len(synthetic.names)),
    ):
        if n < FEWEST:
            raise UndefinedError(TOO_FEW(n=n, role=role))
    if held:
        held = held._replace(values=held.values[torch.from_numpy(unseen)])
    whose = {
        "synthetic": synthetic.codes,
        "holdout": coded(real.codes[unseen].tolist()),
        "training": trained.codes,
    }
    between = all_voxel_distances(seen, held, new, trained.codes)
    spaces = [Space("", IN_VOXELS, between, **whose, warnings=warnings)]
    for name, features in synthetic.features.items():
        learnt, ours = checked_features(trained.features[name], features, metric=NEEDS)
        others = None
        if training:
            others, _ = checked_features(real.features[name], features, metric=NEEDS)
            others = others[torch.from_numpy(unseen)]
        between = feature_distances(learnt, others, ours, trained.codes, memory)
        spaces.append(Space(name, IN_FEATURES, between, **whose, warnings=warnings))

    found: list[Finding] = []
    for space in spaces:
        found += estimates(space, seed, false_positive_rate)
        found += _scores(space, unseen, len(real.names))
        shown = _shown(space, false_positive_rate)
        if not space.extractor:
            shown["pairs"] = _pairs(trained, synthetic, seen, new, space.between)
        found.append(Detail("privacy", shown, extractor=space.extractor))
    return found


def _unseen(
    real: Views, training: Views | None, seen: Coarse, held: Coarse | None
) -> tuple[Int[np.ndarray, " u"], tuple[Caveat, ...]]:
    """Return which real volumes the generator did not see, and what that leaves to doubt.

    One that shows a subject of the training cohort counts as seen.
    """
    if held is None or training is None:
        return np.arange(len(real.names)), (NO_TRAINING,)
    known = {values.numpy().tobytes() for values in seen.values}
    people = set(training.subjects or ()) & set(real.subjects or ())
    unseen = [
        i
        for i, values in enumerate(held.values)
        if values.numpy().tobytes() not in known
        and not (real.subjects and real.subjects[i] in people)
    ]
    both = len(real.names) - len(unseen)
    if not both:
        return np.array(unseen), ()
    return np.array(unseen, dtype=int), (SEEN(both=both, n=len(real.names)),)


def _scores(space: Space, unseen: Int[np.ndarray, " u"], real: int) -> list[Scores]:
    """Return the scores of all volumes; nan for real ones that are in the training cohort too."""
    found = []
    for quantity, score, method in (
        (DCR, _nearest, "Distance to the closest training volume"),
        (
            NNDR,
            copies.nearest_neighbour_ratio,
            "That to the closest over the second closest",
        ),
        (DCR_RELATIVE, _relative, "That to the closest over the 50 nearest"),
    ):
        values = np.full(real, np.nan)
        values[unseen] = score(space.between.holdout)
        ours = score(space.between.synthetic)
        text = f"{method}; {space.distance}."
        found.append(Scores(quantity.name, values, ours, quantity.direction, text, space.extractor))
    return found


def _shown(space: Space, rate: float) -> dict[str, object]:
    """Return what the figure shows: the distances and the thresholds between them."""
    shown: dict[str, object] = {"unseen_are": space.unseen}
    for name, score in (("dcr", _nearest), ("relative", _relative)):
        ours, theirs = (score(d) for d in (space.between.synthetic, space.between.holdout))
        shown[name] = {
            "synthetic": ours,
            "unseen": theirs,
            "threshold": copies.conformal_threshold(theirs, rate),
        }
    return shown


def _pairs(
    training: Views, synthetic: Views, seen: Coarse, new: Coarse, between: Distances
) -> tuple[dict[str, object], ...]:
    """Return the pairs most like copies: a synthetic volume, its training one moved onto it."""
    found: list[dict[str, object]] = []
    relative = _relative(between.synthetic)
    for i in relative.argsort(kind="stable")[:SHOWN].tolist():
        j = int(between.synthetic.closest[i])
        move = pose(new, i, seen, j)
        names = (synthetic.names[i], training.names[j])
        volumes = synthetic.volumes[i], training.volumes[j]
        found.append(
            {
                "dcr": float(between.synthetic.distances[i, 0]),
                "relative": float(relative[i]),
                **shown_pair(names, *volumes, move, synthetic.spacing),
            }
        )
    return tuple(found)


def _nearest(found: copies.Near) -> Float[np.ndarray, " n"]:
    return copies.nearest(found.distances)


def _relative(found: copies.Near) -> Float[np.ndarray, " n"]:
    return copies.relative_distance(found.distances)


METRIC = Metric(
    name="privacy",
    summary="copies of training volumes, closeness to them, and whether they can be told (--training)",
    needs=("features", "volumes", "subjects", "training"),
    compute=compute,
    quantities=QUANTITIES,
    scores=SCORES,
    methods="Memorisation was assessed by the distance to the closest training volume, alone and "
    "relative to the next ones {copies}, by authenticity {authenticity} and by a membership "
    "inference attack {membership_auc}, with unseen real volumes as control",
)
