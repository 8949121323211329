"""An audit: volumes in, what of the training volumes the synthetic ones give away out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from evalsuite import __version__
from evalsuite.audited import Audit, Disguised, Sample, Verdict
from evalsuite.auditing.moves import DISGUISES, MOVES, VERSION
from evalsuite.auditing.spaces import Spaces, scored_spaces
from evalsuite.cohorts import forbid_training_on
from evalsuite.config import EvaluationConfig
from evalsuite.errors import EvalsuiteError
from evalsuite.evaluate import NONE_HELD, Ready, ready, settled
from evalsuite.extractors.extractor import Extractor
from evalsuite.feature_tables import feature_tables, loaded_extractors
from evalsuite.machine import usable_device
from evalsuite.memory import Kept, default_budget
from evalsuite.metrics.privacy import METRIC
from evalsuite.metrics.privacy.membership import probability_of_subjects
from evalsuite.metrics.privacy.pairs import shown_pair
from evalsuite.metrics.subjects import coded, count, members
from evalsuite.preprocessed import PreprocessedVolumes
from evalsuite.records import Caveat
from evalsuite.resources import Resources
from evalsuite.seeds import sequence
from evalsuite.statistics import memorisation
from evalsuite.volumes.changed import changed
from evalsuite.volumes.cohort import Cohort

FEWEST = 10  # subjects of the training, and of the hold-out
SHOWN = 6  # pairs in the gallery of each cohort
COARSE = Caveat(
    "coarse-false-alarms",
    "{n} hold-out subjects cannot tell a false-alarm rate below {least:.2g}, which was taken in place"
    " of {rate:.2g}: name a larger hold-out.",
)
WEAK = Caveat(
    "weak-audit",
    "With {m} hold-out subjects and {n} volumes only a leak of {leak:.0%} or more is found with a power"
    " of 80 %: that nothing is proven says little. Name a larger hold-out.",
)
BLIND = Caveat(
    "blind-audit",
    "With {m} hold-out subjects and {n} volumes no leak at all is found with a power of 80 %: that"
    " nothing is proven says nothing. Name a larger hold-out.",
)
IN_HOLDOUT = Caveat(
    "copies-in-hold-out",
    "{n} hold-out volumes are as like a training volume as planted copies are, {volume} most so: if"
    " they show subjects of the training they are no hold-out, and hide copies.",
)


@dataclass(frozen=True, slots=True)
class Design:
    """What is declared of an audit beside the volumes.

    Args:
        rate: of false alarms, of new real volumes.
        planted: training volumes that are planted in each disguise, each of another subject; at
            most those there are.
        moves: whether extractors see the training volumes moved as well, which takes as many
            passes more.
    """

    rate: float = 0.01
    planted: int = 20
    moves: bool = True


USUAL = Design()
Pairs = Mapping[str, Sequence[Mapping[str, Any]]]


def audit(
    config: EvaluationConfig,
    resources: Resources,
    design: Design = USUAL,
    held: Mapping[str, Cohort] = NONE_HELD,
) -> tuple[Audit, Pairs]:
    """Return what synthetic cohorts give away of the training one, and the most suspicious pairs.

    A score of every volume is made in voxels, as a blend, and in whitened features of every
    extractor, of training volumes alone; the least of them counts. Hold-out subjects set the
    threshold on it, so that one false-alarm rate holds for all spaces together, exactly. Copies that
    are planted in disguises tell what would have been found.

    Args:
        config: whose real cohort is the hold-out; `training` must be there.
        held: as for `evaluate`.

    Raises:
        EvalsuiteError: for too few subjects, a hold-out that was trained on, and anything that is
            wrong with settings or volumes.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    device = str(usable_device(resources.device))
    extractors = loaded_extractors(config, config.extractors, resources)
    found = ready(config, extractors, [METRIC], resources, held)
    training = found.training
    if training is None:
        raise EvalsuiteError("An audit needs what the generator was trained on: name --training.")
    forbid_training_on(training, found.real, "")
    for cohort, option in ((training, "--training"), (found.real, "--holdout")):
        if (n := len(set(cohort.subjects))) < FEWEST:
            raise EvalsuiteError(
                f"{option}: an audit needs at least {FEWEST} subjects, but found {n}."
            )
    planted = planted_cohorts(training, design.planted, config.seed)
    spaces = _spaces(config, found, training, planted, extractors, resources, design)
    subjects = coded(found.real.subjects)
    calibration = np.sort(memorisation.by_subject(spaces.least("hold-out"), subjects))
    alarm = memorisation.alarm(calibration, design.rate)
    disguises = tuple(_disguised(name, spaces.least(name), alarm) for name in planted)
    told = [*found.real.warnings, *_told_of_holdout(found.real, spaces, planted, alarm, design)]
    verdicts = [
        _verdict(cohort, training, spaces, calibration, alarm, disguises, told)
        for cohort in found.synthetic
    ]
    chosen = [(METRIC, METRIC.judged({}))]
    record = {
        **settled(config, extractors, found.preparations, chosen),
        **found.own.record(),
        "moves": list(MOVES) if design.moves else [],
        "planted": design.planted,
        "moved and planted by version": VERSION,
        "device": device,
    }
    made = Audit(
        training=_about(training),
        holdout=_about(found.real),
        rate=alarm.rate,
        asked=design.rate,
        rank=alarm.rank,
        spaces=spaces.names,
        disguises=disguises,
        verdicts=tuple(verdicts),
        held_out=tuple(calibration.tolist()),
        planted={name: tuple(spaces.least(name).tolist()) for name in planted},
        record=record,
        seed=config.seed,
        evalsuite=__version__,
        created=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
    )
    return made, _pairs(found, training, spaces)


def planted_cohorts(training: Cohort, most: int, seed: int) -> dict[str, Cohort]:
    """Return training volumes of different subjects, drawn at random, in every disguise."""
    random = np.random.default_rng(sequence(seed, "planted copies"))
    people = members(coded(training.subjects))
    order = random.permutation(len(people))
    chosen = [int(random.choice(people[i])) for i in order[:most]]
    others = [int(random.choice(people[i])) for i in np.roll(order, 1)[:most]]
    some = replace(
        training,
        entries=tuple(training.entries[i] for i in chosen),
        infos=tuple(training.infos[i] for i in chosen),
    )
    found = {}
    for disguise in DISGUISES:
        changes, keys = [], []
        for entry, j in zip(some.entries, others, strict=True):
            changes.append(disguise.of(entry, training.entries[j], seed))
            keys.append(f"{VERSION} {disguise.key(entry, training.infos[j].key, seed)}")
        found[disguise.name] = changed(some, f"copies {disguise.name}", changes, keys)
    return found


def _spaces(
    config: EvaluationConfig,
    found: Ready,
    training: Cohort,
    planted: Mapping[str, Cohort],
    extractors: Sequence[Extractor],
    resources: Resources,
    design: Design,
) -> Spaces:
    """Return the scores of all volumes in all spaces."""
    moved = [
        changed(
            training,
            f"training, {name}",
            [move] * len(training.entries),
            [f"{VERSION} {name}"] * len(training.entries),
        )
        for name, move in (MOVES.items() if design.moves else ())
    ]
    others = {
        "hold-out": found.real,
        **{f"synthetic {c.name}": c for c in found.synthetic},
        **planted,
    }
    cohorts = [training, *others.values(), *moved]
    tables = feature_tables(config, cohorts, extractors, found.preparations, resources)
    features = {
        e.name: {c.name: tables[e.name, c.name].values.astype(np.float64) for c in cohorts}
        for e in extractors
    }
    kept = Kept((config.memory or default_budget()) // 2)
    with resources.progress("comparing voxels", len(others) + 1) as advance:
        return scored_spaces(
            {name: PreprocessedVolumes(c, found.own.of(c), kept) for name, c in others.items()},
            PreprocessedVolumes(training, found.own.of(training), kept),
            coded(training.subjects),
            {
                name: (
                    of[training.name],
                    [of[c.name] for c in moved],
                    {key: of[c.name] for key, c in others.items()},
                )
                for name, of in features.items()
            },
            advance,
        )


def _disguised(name: str, scores: Float[np.ndarray, " k"], alarm: memorisation.Alarm) -> Disguised:
    hits = int((scores < alarm.threshold).sum())
    low, high = memorisation.proportion_limits(hits, len(scores))
    return Disguised(name, len(scores), hits, low, high)


def _told_of_holdout(
    holdout: Cohort,
    spaces: Spaces,
    planted: Mapping[str, Cohort],
    alarm: memorisation.Alarm,
    design: Design,
) -> list[Caveat]:
    """Return why the threshold is doubtful."""
    told = []
    if alarm.rate > design.rate:
        told.append(COARSE(n=alarm.subjects, least=alarm.rate, rate=design.rate))
    scores = spaces.least("hold-out")
    usual = float(np.median(np.concatenate([spaces.least(name) for name in planted])))
    like = int((scores < usual).sum())
    if like:
        told.append(IN_HOLDOUT(n=like, volume=holdout.entries[int(scores.argmin())].id))
    return told


def _verdict(
    cohort: Cohort,
    training: Cohort,
    spaces: Spaces,
    calibration: Float[np.ndarray, " s"],
    alarm: memorisation.Alarm,
    disguises: Sequence[Disguised],
    told: Sequence[Caveat],
) -> Verdict:
    key = f"synthetic {cohort.name}"
    scores, closest = spaces.least(key), spaces.closest(key)
    n, flagged = len(scores), int((scores < alarm.threshold).sum())
    value, low, high = memorisation.copies(flagged, n, alarm)
    leak = memorisation.least_leak(n, alarm, 1.0)
    caveats = [*told, *cohort.warnings]
    if leak is None:
        caveats.append(BLIND(m=alarm.subjects, n=n))
    elif leak > n / 5:
        caveats.append(WEAK(m=alarm.subjects, n=n, leak=leak / n))
    p = memorisation.conformal_p(scores, calibration)
    whose = coded(cohort.subjects), np.arange(len(calibration))
    nearer, interval = probability_of_subjects(scores, calibration, whose)
    samples = [
        Sample(
            volume=cohort.entries[i].id,
            training=training.entries[closest[i]].id,
            space=spaces.names[spaces.which(key)[i]],
            score=float(scores[i]),
            p=float(p[i]),
            flagged=bool(scores[i] < alarm.threshold),
            scores={name: float(spaces.of(name, key)[i]) for name in spaces.names},
        )
        for i in scores.argsort(kind="stable").tolist()
    ]
    return Verdict(
        cohort=cohort.name,
        fingerprint=cohort.fingerprint,
        copies=value,
        low=low,
        high=high,
        needed=memorisation.least_flagged(n, alarm),
        leak=leak,
        leaks={d.name: memorisation.least_leak(n, alarm, d.found / d.planted) for d in disguises},
        not_excluded={
            d.name: memorisation.most_copies(flagged, n, alarm, d.low) for d in disguises
        },
        nearer=(nearer, interval.low, interval.high),
        samples=tuple(samples),
        caveats=tuple(dict.fromkeys(caveats)),
        weights_sha256=cohort.weights_sha256,
    )


def _pairs(found: Ready, training: Cohort, spaces: Spaces) -> Pairs:
    """Return for each cohort the volumes most like copies beside their training volumes."""
    kept = Kept(default_budget() // 2)
    known = PreprocessedVolumes(training, found.own.of(training), kept)
    spacing = found.own.real.spacing
    if isinstance(spacing, str):
        spacing = found.real.infos[0].spacing
    pairs: dict[str, list[dict[str, Any]]] = {}
    for cohort in found.synthetic:
        key = f"synthetic {cohort.name}"
        ours = PreprocessedVolumes(cohort, found.own.of(cohort), kept)
        pairs[cohort.name] = []
        for i in spaces.least(key).argsort(kind="stable")[:SHOWN].tolist():
            j = int(spaces.closest(key)[i])
            names = cohort.entries[i].id, training.entries[j].id
            move = spaces.pose(key, i, j)
            pairs[cohort.name].append(shown_pair(names, ours[i], known[j], move, spacing))
    return pairs


def _about(cohort: Cohort) -> dict[str, object]:
    codes: Int[np.ndarray, " n"] = coded(cohort.subjects)
    return {
        "name": cohort.name,
        "source": cohort.source,
        "fingerprint": cohort.fingerprint,
        "volumes": len(cohort.entries),
        "subjects": count(codes),
    }
