"""The cohorts of an experiment, checked, and what is to be doubted about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evalsuite.config import CohortSource
from evalsuite.errors import EvalsuiteError
from evalsuite.progress import Progress
from evalsuite.records import Caveat
from evalsuite.utility.config import UtilityConfig
from evalsuite.utility.data import Examples, refuse_no_structures, refuse_other_structures
from evalsuite.utility.splits import Splits, split
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.cohort import Cohort, enumerated, find_leaks, leakage
from evalsuite.volumes.labels import Segmentations, check_labels, label_files
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort

MOST_VOXELS = 96  # of an automatic patch along an axis
NO_SUBJECTS = Caveat(
    "no-subjects-named",
    "{source} names no subjects, so each file counts as one. If a subject has several, give a table "
    'with the columns "path" and "subject".',
    "cohort",
)
DRAWN_BY_SEED = Caveat(
    "held-out-by-seed",
    "The held-out subjects were drawn by the seed. If the generator of {synthetic} was trained on "
    "some of them, the arms with synthetic volumes are flattered: name them in a table with the "
    'column "split" (train or test).',
    "cohort",
)
HELD_OUT = Caveat(
    "held-out-among-unlabelled",
    "{n} unlabelled volumes are of held-out subjects and left out: {names}.",
    "cohort",
)
SMALLER_THAN_PATCHES = Caveat(
    "smaller-than-patches",
    "Most volumes of {cohort} have {size} voxels and are padded with zeros to patches of {patch}, "
    "which real ones are not. Use a smaller --patch.",
    "cohort",
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that the trainings of an experiment look at.

    Args:
        real, synthetic, unlabelled: volumes; `unlabelled` is None where the real training
            volumes take its place.
        seen: places of the unlabelled volumes that are of no held-out subject.
        splits: of the real cohort.
        structures: label values in rising order.
        preprocessing: with a resolved spacing.
        patch: voxels per axis that the networks are trained on.
        warnings: reasons to doubt the experiment.
    """

    real: Examples
    synthetic: Examples
    unlabelled: Examples | None
    seen: tuple[int, ...]
    splits: Splits
    structures: tuple[int, ...]
    preprocessing: Preprocessing
    patch: tuple[int, int, int]
    warnings: tuple[Caveat, ...]

    @property
    def examples(self) -> tuple[Examples, ...]:
        """All cohorts."""
        return tuple(e for e in (self.real, self.synthetic, self.unlabelled) if e is not None)


def prepare(config: UtilityConfig, progress: Progress) -> Prepared:
    """Read and check every file that the experiment needs, before anything is trained.

    Raises:
        EvalsuiteError: for anything wrong with volumes, label maps, subjects or shares.
    """
    steps = config.preprocessing()
    real = _checked(config.real, "real", "real", progress)
    synthetic = _checked(config.synthetic, "synthetic", "synthetic", progress)
    unlabelled = None
    if config.unlabelled is not None:
        unlabelled = _checked(config.unlabelled, "unlabelled", "real", progress)
    _refuse_same_names([cohort for cohort in (real, synthetic, unlabelled) if cohort])
    splits = split(
        real, shares=config.shares, repeats=config.repeats, test=config.test, seed=config.seed
    )
    labels = _labels(real, config.real, "--real-labels", progress)
    of_synthetic: Segmentations | None = None
    if label_files(synthetic, config.synthetic.labels) is not None:
        of_synthetic = _labels(synthetic, config.synthetic, "--synthetic-labels", progress)
        refuse_other_structures(labels, of_synthetic, (real.name, synthetic.name))
    infos = real.infos
    steps = steps.resolve([i.shape for i in infos], [i.affine for i in infos])
    warnings = [*_doubts(real, synthetic, splits), *_leaks(real, synthetic, splits)]
    seen: tuple[int, ...] = ()
    if unlabelled is not None:
        seen, doubts = _not_held_out(unlabelled, real, splits)
        warnings += doubts
    patch = _patch(config, steps, real)
    warnings += [note for c in (synthetic, unlabelled) if c for note in _padded(c, steps, patch)]
    return Prepared(
        real=Examples(real, steps, labels),
        synthetic=Examples(synthetic, steps, of_synthetic),
        unlabelled=Examples(unlabelled, steps) if unlabelled is not None else None,
        seen=seen,
        splits=splits,
        structures=labels.structures,
        preprocessing=steps,
        patch=patch,
        warnings=tuple(warnings),
    )


def _checked(
    source: CohortSource, name: str, role: Literal["real", "synthetic"], progress: Progress
) -> Cohort:
    cohort = read_cohort(source.path, name=source.name or name, role=role)
    with progress(f"checking {cohort.name}", len(cohort.entries)) as advance:
        return check_cohort(cohort, advance=advance)


def _refuse_same_names(cohorts: Sequence[Cohort]) -> None:
    names = [cohort.name for cohort in cohorts]
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise EvalsuiteError(
            f'Two cohorts are named "{twice[0]}". Give each a name of its own, as NAME=DIR.'
        )


def _labels(cohort: Cohort, source: CohortSource, option: str, progress: Progress) -> Segmentations:
    files = label_files(cohort, source.labels)
    if files is None:
        raise EvalsuiteError(
            f"The volumes of {cohort.name} have no label maps. Name their folder with {option}, "
            'or give the table of the volumes a column "label".'
        )
    with progress(f"checking labels of {cohort.name}", len(cohort.entries)) as advance:
        labels = check_labels(cohort, files, advance)
    refuse_no_structures(labels, cohort.name)
    return labels


def _doubts(real: Cohort, synthetic: Cohort, splits: Splits) -> list[Caveat]:
    warnings = [*real.warnings, *synthetic.warnings]
    if not any(entry.subject for entry in real.entries):
        warnings.append(NO_SUBJECTS(source=real.source))
    if not splits.told:
        warnings.append(DRAWN_BY_SEED(synthetic=synthetic.name))
    mixture = real.mixed_spacing()
    return [*warnings, mixture] if mixture else warnings


def _leaks(real: Cohort, synthetic: Cohort, splits: Splits) -> list[Caveat]:
    """Return a caveat on copies of training volumes; refuse those of held-out ones."""
    leaks = find_leaks(real, synthetic)
    held = {real.entries[place].id for place in splits.tested}
    tested = [pair for pair in leaks if pair[0].id in held]
    if tested:
        raise EvalsuiteError(
            f"{leakage(real, synthetic, tested)} They are held out to test with. Remove the copies."
        )
    return [leakage(real, synthetic, leaks)] if leaks else []


def _not_held_out(
    unlabelled: Cohort, real: Cohort, splits: Splits
) -> tuple[tuple[int, ...], list[Caveat]]:
    """Return the places of unlabelled volumes that no test has, and a warning on the others."""
    voxels = {real.infos[place].voxel_digest for place in splits.tested}
    out = [
        place
        for place, (entry, info) in enumerate(
            zip(unlabelled.entries, unlabelled.infos, strict=True)
        )
        if info.voxel_digest in voxels or entry.subject in splits.test
    ]
    seen = tuple(sorted(set(range(len(unlabelled.entries))) - set(out)))
    if not seen:
        raise EvalsuiteError(
            f"{unlabelled.source}: all of its volumes are of subjects held out to test with. "
            "Name other volumes with --unlabelled, or leave it away."
        )
    if not out:
        return seen, []
    names = enumerated([unlabelled.entries[place].id for place in out])
    return seen, [HELD_OUT(n=len(out), names=names)]


def _patch(config: UtilityConfig, steps: Preprocessing, real: Cohort) -> tuple[int, int, int]:
    factor = config.factor
    if config.patch != "auto":
        near = [max(factor, round(side / factor) * factor) for side in config.patch]
        if near != list(config.patch):
            raise EvalsuiteError(
                f"A patch of {_by(config.patch)} does not fit {len(config.channels)} levels of "
                f"channels: its sides must be multiples of {factor}, such as {_by(near)}."
            )
        return config.patch
    median = steps.median_size([i.shape for i in real.infos], [i.affine for i in real.infos])
    if min(median) < factor:
        raise EvalsuiteError(
            f"The volumes of {real.source} have {_by(median)} voxels, but the networks need at "
            f"least {factor} along each axis. Use a finer --spacing, or fewer --channels."
        )
    x, y, z = (min(side, MOST_VOXELS) // factor * factor for side in median)
    return x, y, z


def _padded(cohort: Cohort, steps: Preprocessing, patch: tuple[int, int, int]) -> list[Caveat]:
    size = steps.median_size([i.shape for i in cohort.infos], [i.affine for i in cohort.infos])
    if all(side >= least for side, least in zip(size, patch, strict=True)):
        return []
    return [SMALLER_THAN_PATCHES(cohort=cohort.name, size=_by(size), patch=_by(patch))]


def _by(sides: Sequence[int]) -> str:
    return " x ".join(map(str, sides))
