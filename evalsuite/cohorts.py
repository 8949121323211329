"""The cohorts of an evaluation: read, checked, and refused where they must not be compared."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from evalsuite.config import CohortSource, EvaluationConfig
from evalsuite.errors import EvalsuiteError, VolumeError
from evalsuite.metrics.metric import Metric
from evalsuite.pairing import masks_of, refuse_moved_regions
from evalsuite.progress import Progress
from evalsuite.records import CohortRecord
from evalsuite.resources import Resources
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.cohort import Cohort, find_leaks, leakage
from evalsuite.volumes.labels import Segmentations, check_labels, label_files
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.sources import read_cohort
from evalsuite.volumes.subjects import shared_sentence, shared_subjects

TRAINING = "training"  # name of the cohort that the generator was trained on


def listed_cohort(
    path: str,
    name: str,
    role: Literal["real", "synthetic"],
    config: EvaluationConfig,
    held: Mapping[str, Cohort],
) -> Cohort:
    """Return a cohort that a configuration names, not yet read.

    Args:
        path: of the configuration.
        name: as in the results.
        held: by such a path, the cohorts that are no files a path could name.

    Raises:
        EvalsuiteError: if there is none.
    """
    stated = config.stated()
    if path not in held:
        return read_cohort(path, name=name, role=role, stated=stated)
    entries = [replace(e, stated=e.stated.before(stated)) for e in held[path].entries]
    return replace(held[path], name=name, role=role, source=path, entries=tuple(entries))


def checked_cohorts(
    config: EvaluationConfig,
    steps: Sequence[Preprocessing],
    resources: Resources,
    held: Mapping[str, Cohort],
) -> list[Cohort]:
    """Return the cohorts of an evaluation, the real one first; for `held` see `listed_cohort`.

    Raises:
        EvalsuiteError: for volumes with faults, and steps that are impossible.
    """
    real, *synthetic = names = [config.real.name or "real", *map(cohort_name, config.synthetic)]
    refuse_one_name(names)
    cohorts = [listed_cohort(config.real.path, real, "real", config, held)]
    for source, name in zip(config.synthetic, synthetic, strict=True):
        cohorts.append(listed_cohort(source.path, name, "synthetic", config, held))
    # One volume tells whether the steps are possible; its faults are told with those of all.
    with suppress(VolumeError):
        first = resources.index.check(cohorts[0].entries[0])
        for one in steps:
            one.resolve([first.shape], [first.affine])
    checked: list[Cohort] = []
    for cohort in cohorts:
        checked.append(check(cohort, config, resources, checked[0] if checked else None))
    return checked


def check(
    cohort: Cohort, config: EvaluationConfig, resources: Resources, real: Cohort | None = None
) -> Cohort:
    """Return a cohort as `check_cohort` does, with progress, and little read that was before."""
    with resources.progress(f"checking {cohort.name}", len(cohort.entries)) as advance:
        return check_cohort(
            cohort,
            skip_invalid=config.skip_invalid,
            advance=advance,
            real=real,
            check=resources.index.check,
            first=resources.part,
        )


def cohort_name(source: CohortSource) -> str:
    """Return the name of a synthetic cohort: the user's, or that of its file or folder."""
    path = Path(source.path)
    return source.name or (path.stem if path.is_file() else path.name) or "synthetic"


def refuse_one_name(names: Sequence[str]) -> None:
    """Raise EvalsuiteError if two cohorts have one name."""
    for name in names:
        if names.count(name) > 1:
            raise EvalsuiteError(
                f'Two cohorts are called "{name}". Name them, such as --synthetic NAME=DIR.'
            )


def training_cohort(
    config: EvaluationConfig,
    names: Sequence[str],
    resources: Resources,
    held: Mapping[str, Cohort],
) -> Cohort | None:
    """Return the checked cohort that the generator was trained on, if it was named."""
    if config.training is None:
        return None
    if TRAINING in names:
        raise EvalsuiteError(
            f'A cohort is called "{TRAINING}", which is the name of the one that --training names. '
            "Name it otherwise, such as --real NAME=DIR."
        )
    cohort = listed_cohort(config.training.path, TRAINING, "real", config, held)
    return check(cohort, config, resources)


def labels_of(
    config: EvaluationConfig,
    metrics: Sequence[tuple[Metric, dict[str, Any]]],
    real: Cohort,
    synthetic: Sequence[Cohort],
    progress: Progress,
) -> dict[str, Segmentations]:
    """Return the segmentations of the cohorts that have some, by name of the cohort."""
    wanted = [metric.name for metric, _ in metrics if "labels" in metric.needs]
    regions = any("regions" in metric.needs for metric, _ in metrics)
    found = {}
    for cohort, source in zip((real, *synthetic), (config.real, *config.synthetic), strict=True):
        if not wanted and not (regions and cohort is real):
            continue
        files = label_files(cohort, source.labels)
        if files is None and not wanted:
            continue
        if regions and cohort is real:
            refuse_moved_regions(config.steps())
        if files is None:
            raise EvalsuiteError(
                f"The metric {wanted[0]} needs a label map for each volume of {cohort.name}. Name "
                "their folder with --real-labels or --synthetic-labels, or in a column label of "
                "the cohort's table."
            )
        with progress(f"checking label maps of {cohort.name}", len(files)) as advance:
            found[cohort.name] = check_labels(cohort, files, advance)
    return found


def checked_masks(
    config: EvaluationConfig, metrics: Sequence[Metric], real: Cohort, progress: Progress
) -> Segmentations | None:
    """Return the mask of each real volume, None if none were named or no metric looks at them.

    Raises:
        EvalsuiteError: for masks that are not found, or lie on other grids than their volumes.
    """
    looked_at = any({"pairs", "regions"} <= set(metric.needs) for metric in metrics)
    if config.masks is None or config.paired is None or not looked_at:
        return None
    refuse_moved_regions(config.steps())
    listed = read_cohort(config.masks, name="masks", role="real", stated=config.stated())
    files = masks_of(real, listed, config.paired)
    with progress("checking masks", len(files)) as advance:
        return check_labels(real, files, advance)


def with_leaks(real: Cohort, synthetic: Cohort, *, allowed: bool) -> Cohort:
    """Return a synthetic cohort with the caveat that copies of real volumes imply, if allowed."""
    leaks = find_leaks(real, synthetic)
    if not leaks:
        return synthetic
    caveat = leakage(real, synthetic, leaks)
    if not allowed:
        raise EvalsuiteError(f"{caveat} Remove them, or pass --allow-leakage.")
    return replace(synthetic, warnings=(*synthetic.warnings, caveat))


def forbid_training_on(
    training: Cohort, real: Cohort, otherwise: str = ", or pass --allow-leakage"
) -> None:
    """Refuse a hold-out with a volume, or a subject, that the generator was trained on.

    Args:
        otherwise: what else a user may do than to remove them, as the end of a sentence.
    """
    told = []
    if copies := find_leaks(training, real):
        told.append(str(leakage(training, real, copies)))
    if subjects := shared_subjects(training, real):
        told.append(shared_sentence(training, real, subjects))
    if told:
        raise EvalsuiteError(
            f"{' '.join(told)} A hold-out must not have been trained on: remove them from one of "
            f"the two{otherwise}."
        )


def cohort_record(cohort: Cohort) -> CohortRecord:
    """Return what results say of a checked cohort."""
    return CohortRecord(
        name=cohort.name,
        role=cohort.role,
        source=cohort.source,
        fingerprint=cohort.fingerprint,
        volumes=tuple(entry.id for entry in cohort.entries),
        subjects=len(set(cohort.subjects)) if any(e.subject for e in cohort.entries) else None,
        skipped=tuple(str(fault) for fault in cohort.skipped),
        warnings=cohort.warnings,
        weights_sha256=cohort.weights_sha256,
    )
