"""The audit of a study's blinding: whether trivial cues tell real from synthetic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from evalsuite.errors import EvalsuiteError
from evalsuite.study.blinding.advice import advice, strength
from evalsuite.study.blinding.cues import IS, SAMENESS, Cues, case_cues, table
from evalsuite.study.blinding.separation import Separation, separations

FOLDS = 5
REPEATS = 10
PERMUTATIONS = 1999
ALPHA = 0.05
FEW = 4  # of each role, below which no split can be told from chance
THIN = 20  # of each role, below which a weak leak easily goes unseen
NAMED = 5  # cues named in the sentences before the rest is only counted
METHOD = (
    "Area under the ROC curve (Mann-Whitney) with Newcombe's interval (2006, method 5) for each "
    "cue alone; a ridge classifier on the ranks of all cues, cross-validated {repeats} times with "
    "{folds} folds; p-values by {permutations} permutations of the roles, adjusted for all cues "
    "and the classifier (Westfall and Young 1993: maxT over cues, then minP with the "
    "classifier); a leak is p < 0.05."
)


@dataclass(frozen=True, slots=True)
class Cue:
    """How well one trivial cue tells real from synthetic.

    Args:
        name: in words.
        auc: 0.5 if it tells nothing, 1 if it tells all; at least 0.5, whichever role is higher
            (for the classifier below 0.5 if it guesses worse than chance).
        low, high: 95 % interval of `auc` for this cue alone.
        p: p-value adjusted for all cues and the classifier.
        higher: the role with the higher values; empty for the classifier.
        leaks: whether `p` is below 0.05.
    """

    name: str
    auc: float
    low: float
    high: float
    p: float
    higher: str
    leaks: bool


@dataclass(frozen=True, slots=True)
class Audit:
    """What trivial cues tell of the roles of the cases.

    Args:
        n_real, n_synthetic: cases.
        leaks: whether any cue or the classifier leaks; under no difference in 5 % of audits.
        classifier: all cues together.
        cues: those that differ between cases, the best separating one first.
        same: those that are the same in every case.
        appearance: cues a reader may rightly judge, such as sharpness; no part of the verdict.
        warnings: reasons to doubt the verdict, each one plain sentence.
        method: how it was done.
        seed: of permutations and folds.
    """

    n_real: int
    n_synthetic: int
    leaks: bool
    classifier: Cue
    cues: tuple[Cue, ...]
    same: tuple[str, ...]
    appearance: tuple[Cue, ...]
    warnings: tuple[str, ...]
    method: str
    seed: int

    @property
    def leaking(self) -> tuple[Cue, ...]:
        """The cues that leak, the best separating one first."""
        return tuple(cue for cue in self.cues if cue.leaks)

    def sentences(self) -> tuple[str, ...]:
        """Return the verdict, each leaking cue with what to do, and the warnings."""
        verdict = "Trivial cues tell" if self.leaks else "No trivial cue was found that tells"
        summary = (
            f"{verdict} real from synthetic in {self.n_real} real and {self.n_synthetic} "
            f"synthetic prepared cases: all cues together reach AUC {_told(self.classifier)}."
        )
        sentences = [summary]
        leaking = self.leaking
        for cue in leaking[:NAMED]:
            what = cue.name.removeprefix(SAMENESS)
            sentences.append(
                f"Leak, {strength(cue.auc)}: {what} is {_how(cue.name)} in {cue.higher} cases "
                f"(AUC {_told(cue)}). {advice(what)}"
            )
        if len(leaking) > NAMED:
            more = ", ".join(cue.name for cue in leaking[NAMED:])
            sentences.append(f"{len(leaking) - NAMED} more cues leak: {more}.")
        if self.leaks and not leaking:
            first = ", ".join(cue.name for cue in self.cues[:3])
            sentences.append(
                "No single cue leaks, but together they do; the strongest alone are "
                f"{first}. Look at these first."
            )
        sentences += [
            f"Not counted, since a reader may rightly judge it: {cue.name} is higher in "
            f"{cue.higher} cases (AUC {_told(cue)}). {advice(cue.name)}"
            for cue in self.appearance
            if cue.leaks
        ]
        return (*sentences, *self.warnings)


def audit(
    cases: Mapping[str, Path | bytes],
    synthetic: Mapping[str, bool],
    *,
    seed: int,
    folds: int = FOLDS,
    repeats: int = REPEATS,
    permutations: int = PERMUTATIONS,
    advance: Callable[[], None] = lambda: None,
) -> Audit:
    """Try to tell real from synthetic cases of a study by trivial cues, as a reader might.

    Args:
        cases: by id, the prepared file or its bytes.
        synthetic: by id, whether the case is synthetic.
        seed: of permutations and folds; the same gives the same audit.
        folds, repeats: of the cross-validation.
        permutations: of the roles, which give the p-values.
        advance: called once for every case.

    Raises:
        EvalsuiteError: if a case cannot be read, or one of the roles is missing.
    """
    of_cases: list[tuple[Cues, Cues]] = []
    _require_roles(cases, synthetic)
    for case, source in cases.items():
        try:
            content = source if isinstance(source, bytes) else source.read_bytes()
            of_cases.append(case_cues(content))
        except OSError as error:
            raise EvalsuiteError(
                f"Case {case}: {source!s} cannot be read: {error.strerror}."
            ) from error
        except EvalsuiteError as error:
            raise EvalsuiteError(f"Case {case}: {error}") from error
        advance()
    roles = np.array([bool(synthetic[case]) for case in cases])
    return _audit(
        [c for c, _ in of_cases],
        [a for _, a in of_cases],
        roles,
        seed=seed,
        folds=folds,
        repeats=repeats,
        permutations=permutations,
    )


def _audit(
    cues: list[Cues],
    appearance: list[Cues],
    synthetic: Bool[np.ndarray, " n"],
    *,
    seed: int,
    folds: int,
    repeats: int,
    permutations: int,
) -> Audit:
    separate = partial(
        separations,
        synthetic=synthetic,
        seed=seed,
        folds=folds,
        repeats=repeats,
        permutations=permutations,
    )
    names, values, same = table(cues)
    singles, of_all = separate(values)
    single_cues = [_cue(name, s) for name, s in zip(names, singles, strict=True)]
    apart_names, apart_values, _ = table(appearance, sameness=False)
    apart, _ = separate(apart_values)
    n_synthetic = int(synthetic.sum())
    n_real = len(synthetic) - n_synthetic
    leaks = of_all.p < ALPHA
    classifier = Cue("all cues together", of_all.auc, of_all.low, of_all.high, of_all.p, "", leaks)
    return Audit(
        n_real=n_real,
        n_synthetic=n_synthetic,
        leaks=classifier.leaks or any(cue.leaks for cue in single_cues),
        classifier=classifier,
        cues=tuple(sorted(single_cues, key=lambda cue: (cue.p, -cue.auc))),
        same=same,
        appearance=tuple(_cue(n, s) for n, s in zip(apart_names, apart, strict=True)),
        warnings=_warnings(n_real, n_synthetic, names),
        method=METHOD.format(repeats=repeats, folds=folds, permutations=permutations),
        seed=seed,
    )


def _cue(name: str, separation: Separation) -> Cue:
    """Return the cue with its AUC turned to the side of the role that has the higher values."""
    if separation.auc < 0.5:
        auc, low, high, higher = 1 - separation.auc, 1 - separation.high, 1 - separation.low, "real"
    else:
        auc, low, high, higher = separation.auc, separation.low, separation.high, "synthetic"
    return Cue(name, auc, low, high, separation.p, higher, separation.p < ALPHA)


def _warnings(n_real: int, n_synthetic: int, names: list[str]) -> tuple[str, ...]:
    warnings = []
    counts = f"{n_real} real and {n_synthetic} synthetic cases"
    fewest = min(n_real, n_synthetic)
    if fewest < FEW:
        warnings.append(
            f"With {counts} no leak could be told from chance. Take at least {THIN} of each."
        )
    elif fewest < THIN:
        warnings.append(
            f"With {counts} only a strong leak can be told from chance. "
            f"Take at least {THIN} of each to see weaker ones."
        )
    fields = [n.removeprefix("header: ") for n in names if n.startswith("header: ")]
    if fields:
        warnings.append(
            f"The headers of the cases are not all the same ({', '.join(fields[:NAMED])}). "
            "Prepare all cases of the study anew, in one go."
        )
    return tuple(warnings)


def _require_roles(cases: Mapping[str, object], synthetic: Mapping[str, bool]) -> None:
    missing = [case for case in cases if case not in synthetic]
    if missing:
        have = "case has" if len(missing) == 1 else "cases have"
        raise EvalsuiteError(
            f"{len(missing)} {have} no entry in the truth of the study, first {missing[0]}. "
            "Audit the folder and the truth of one study."
        )
    flags = {bool(synthetic[case]) for case in cases}
    if len(flags) < 2:
        have = "no" if not flags else "only synthetic" if True in flags else "only real"
        raise EvalsuiteError(
            f"The audit needs real and synthetic cases, but got {have} ones. "
            "Add the other cohort to the study."
        )


def _how(name: str) -> str:
    if name.startswith(SAMENESS):
        return "more often the same"
    return "more frequent" if IS in name else "higher"


def _told(cue: Cue) -> str:
    return f"{cue.auc:.2f}, 95 % interval {cue.low:.2f} to {cue.high:.2f}"
