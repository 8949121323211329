"""Evaluations against the same real volumes, made one so that they stand side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from evalsuite.ranking import measured_on
from evalsuite.records import CohortRecord, Estimate, Evaluation
from evalsuite.statistics.differences import differences
from reports.sources import EvaluationData

DIGITS = 6  # to which two values of one number have to agree


@dataclass(frozen=True, slots=True)
class EvaluationFolder:
    """Where one evaluation lies and what its figures show.

    Args:
        folder: of its results.
        figures: by name, PNG files.
        names: how its cohorts are called in the comparison, by its own names; the real one last.
    """

    folder: Path
    figures: Mapping[str, Path]
    names: Mapping[str, str]

    @property
    def cohorts(self) -> tuple[str, ...]:
        """The synthetic cohorts, as they are called in the comparison."""
        return tuple(self.names.values())[:-1]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Evaluations whose numbers may be compared.

    Args:
        evaluation: all synthetic cohorts and estimates as if of one evaluation; a cohort whose
            name another has already has the name of its folder added.
        scores: of all volumes, cohorts called as above.
        runs: one per evaluation that went in.
        remarks: what was left out or renamed, each one sentence.
    """

    evaluation: Evaluation
    scores: pd.DataFrame
    runs: tuple[EvaluationFolder, ...]
    remarks: tuple[str, ...]

    @property
    def cohorts(self) -> tuple[str, ...]:
        """Names of the synthetic cohorts."""
        return tuple(cohort.name for cohort in self.evaluation.synthetic)


def of_subjects(cohort: CohortRecord) -> str:
    """Return of how many subjects the volumes are where some share one, else nothing."""
    return f" of {cohort.shared} subjects" if cohort.shared else ""


def comparisons(evaluations: Sequence[EvaluationData]) -> list[Comparison]:
    """Return the evaluations in groups that may stand side by side, each made one, in order."""
    return [together(group) for group in grouped(evaluations)]


def grouped(evaluations: Sequence[EvaluationData]) -> list[list[EvaluationData]]:
    """Return the evaluations in groups that may stand side by side, in order.

    Two may if their real volumes are the same, preprocessed the same way, by the same protocol
    with the same changes and the same training cohort, and every extractor and metric that both have is the same but for its seed.
    """
    groups: list[list[EvaluationData]] = []
    for data in evaluations:
        own = next((g for g in groups if all(_comparable(other, data) for other in g)), None)
        if own is None:
            groups.append([data])
        else:
            own.append(data)
    return groups


def together(group: Sequence[EvaluationData]) -> Comparison:
    """Return evaluations that may stand side by side as one.

    Args:
        group: at least one, see `grouped`.
    """
    first = group[0].evaluation
    cohorts: dict[str, CohortRecord] = {first.real.name: first.real}
    estimates: dict[tuple[str, str, str], Estimate] = {}
    tables, runs, remarks = [], [], []
    for data in group:
        names = {}
        for cohort in data.evaluation.synthetic:
            name = names[cohort.name] = _free_name(cohort, data.folder, cohorts)
            known = cohorts.get(name)
            warnings = dict.fromkeys((*(known.warnings if known else ()), *cohort.warnings))
            cohorts[name] = replace(cohort, name=name, warnings=tuple(warnings))
            if name != cohort.name:
                remarks.append(f"{cohort.name} of {data.folder} is called {name} here.")
        differing = False
        for estimate in data.evaluation.estimates:
            named = replace(estimate, synthetic=names[estimate.synthetic])
            kept = estimates.setdefault((named.synthetic, named.extractor, named.label), named)
            differing |= f"{kept.value:.{DIGITS}g}" != f"{named.value:.{DIGITS}g}"
        if differing:
            remarks.append(
                f"{data.folder} has other values for numbers that an evaluation before it has, "
                "too (another seed or version); those of the first are shown."
            )
        called = {**names, data.evaluation.real.name: first.real.name}
        columns = {c: data.scores[c].replace(called) for c in ("cohort", "against")}
        tables.append(data.scores.assign(**columns))
        runs.append(
            EvaluationFolder(data.folder, {path.stem: path for path in data.figures}, called)
        )
    scores = pd.concat(tables, ignore_index=True).drop_duplicates(
        ["cohort", "against", "volume", "extractor", "name", "where"]
    )
    del cohorts[first.real.name]
    merged = replace(
        first,
        synthetic=tuple(cohorts.values()),
        estimates=tuple(estimates.values()),
        differences=tuple(differences(scores, measured_on)),
    )
    return Comparison(merged, scores, tuple(runs), tuple(remarks))


def _comparable(first: EvaluationData, second: EvaluationData) -> bool:
    if first.evaluation.real.fingerprint != second.evaluation.real.fingerprint:
        return False
    one, two = _declared(first), _declared(second)
    return all(one[key] == two[key] for key in one.keys() & two.keys())


def _declared(data: EvaluationData) -> dict[str, object]:
    """Return, by what it is, everything of the configuration that moves a number."""
    config: Mapping[str, Any] = data.evaluation.config
    declared: dict[str, object] = {"protocol": data.evaluation.protocol}
    if "preprocessing" in config:
        declared["preprocessing"] = config["preprocessing"], config.get("preprocessing_synthetic")
    if training := config.get("cohorts", {}).get("training"):
        declared["training"] = training
    for kind in ("extractors", "metrics"):
        for name, options in config.get(kind, {}).items():
            declared[f"{kind} {name}"] = {k: v for k, v in options.items() if k != "seed"}
    return declared


def _free_name(cohort: CohortRecord, folder: Path, cohorts: Mapping[str, CohortRecord]) -> str:
    """Return a name that no other cohort has; the same volumes keep the name they have."""
    named = f"{cohort.name} ({folder.name})"
    for name in (cohort.name, named):
        if name not in cohorts or cohorts[name].fingerprint == cohort.fingerprint:
            return name
    return next(n for i in count(2) if (n := f"{named} {i}") not in cohorts)
