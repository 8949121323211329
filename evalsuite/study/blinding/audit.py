"""The audit of a study's blinding: whether trivial cues tell real from synthetic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from evalsuite.errors import EvalsuiteError
from evalsuite.study.blinding.advice import advice, precedence, strength
from evalsuite.study.blinding.axes import TOWARDS
from evalsuite.study.blinding.cues import IS, SAMENESS, Case, Cues, read_case, table
from evalsuite.study.blinding.marks import in_usual_steps, place
from evalsuite.study.blinding.placement import POSITION, SIDE, placement_cues
from evalsuite.study.blinding.separation import Peak, Separation, separations

FOLDS = 5
REPEATS = 10
PERMUTATIONS = 1999
ALPHA = 0.05
FEW = 4  # of each role, below which no split can be told from chance
THIN = 20  # of each role, below which a weak leak easily goes unseen
MARK = "a mark at a fixed place"
NAMED = 5  # cues named in the sentences before the rest is only counted
METHOD = (
    "Area under the ROC curve (Mann-Whitney) with Newcombe's interval (2006, method 5) for each "
    "cue alone; a classifier on the ranks of all cues, their squares and principal components, each "
    "weighted by the cube of its correlation with the roles, cross-validated {repeats} times with "
    "{folds} folds; the place at which voxels or layers that stand out from their neighbours "
    "correlate most with the roles, its AUC cross-validated; p-values by {permutations} "
    "permutations of the roles, adjusted for all cues, the classifier and all places (Westfall "
    "and Young 1993: maxT over cues and over places, then minP with the classifier); a leak is "
    "p < 0.05."
)


@dataclass(frozen=True, slots=True)
class Cue:
    """How well one trivial cue tells real from synthetic.

    Args:
        name: in words.
        auc: 0.5 if it tells nothing, 1 if it tells all; at least 0.5, whichever role is higher
            (for the classifier below 0.5 if it guesses worse than chance).
        low, high: 95 % interval of `auc` for this cue alone.
        p: p-value adjusted for all cues, the classifier and all places.
        higher: the role with the higher values, or with the mark; empty for the classifier.
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
        cues: those that differ between cases, the likeliest cause of a leak first.
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
        """The cues that leak, the likeliest cause first."""
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
    subjects: Mapping[str, str] | None = None,
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
        subjects: by id, whom a case shows, or an empty text; of several cases of one the first is
            audited, since such cases are alike and would count as more evidence than they are.
        folds, repeats: of the cross-validation.
        permutations: of the roles, which give the p-values.
        advance: called once for every case.

    Raises:
        EvalsuiteError: if a case cannot be read, or one of the roles is missing.
    """
    found: list[Case] = []
    _require_roles(cases, synthetic)
    audited = _one_of_each(cases, synthetic, subjects or {})
    for case, source in audited.items():
        try:
            content = source if isinstance(source, bytes) else source.read_bytes()
            found.append(read_case(content))
        except OSError as error:
            raise EvalsuiteError(
                f"Case {case}: {source!s} cannot be read: {error.strerror}."
            ) from error
        except EvalsuiteError as error:
            raise EvalsuiteError(f"Case {case}: {error}") from error
        advance()
    roles = np.array([bool(synthetic[case]) for case in audited])
    cues, reliefs, shape = _against_others(found)
    of_each = _audit(
        cues,
        [case.appearance for case in found],
        reliefs,
        shape,
        roles,
        seed=seed,
        folds=folds,
        repeats=repeats,
        permutations=permutations,
    )
    if len(audited) == len(cases):
        return of_each
    left_out = (
        f"{len(cases) - len(audited)} cases show a subject that another case shows too; one case "
        "of each subject was audited."
    )
    return replace(of_each, warnings=(*of_each.warnings, left_out))


def _one_of_each(
    cases: Mapping[str, Path | bytes],
    synthetic: Mapping[str, bool],
    subjects: Mapping[str, str],
) -> dict[str, Path | bytes]:
    """Return the first case of each subject of each role; a case of nobody known is its own."""
    first: dict[object, str] = {}
    for case in cases:
        first.setdefault((synthetic[case], subjects.get(case) or (case,)), case)
    kept = set(first.values())
    return {case: source for case, source in cases.items() if case in kept}


def _against_others(
    cases: list[Case],
) -> tuple[list[Cues], Float[np.ndarray, "n v"], tuple[int, ...]]:
    """Return the cues of each case, its place among the others too, and what stands out in it.

    Cases of several shapes, which their headers tell, have no places in common.
    """
    shapes = {case.shape for case in cases}
    if len(shapes) > 1:
        return [case.cues for case in cases], np.zeros((len(cases), 0)), ()
    shape = shapes.pop()
    placed = placement_cues(np.array([case.portrait for case in cases]))
    cues = [
        case.cues | {name: float(values[i]) for name, values in placed.items()}
        for i, case in enumerate(cases)
    ]
    return cues, in_usual_steps(np.array([case.relief for case in cases]), shape), shape


def _audit(
    cues: list[Cues],
    appearance: list[Cues],
    reliefs: Float[np.ndarray, "n v"],
    shape: tuple[int, ...],
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
    of = separate(values, reliefs)
    distances = _distances(values, synthetic)
    ranked = [(_cue(name, s), d) for name, s, d in zip(names, of.single, distances, strict=True)]
    if of.peak:
        at = reliefs[:, [of.peak.index]]
        mark = _mark(of.peak, at[:, 0], place(of.peak.index, shape), synthetic)
        ranked.append((mark, float(_distances(at, synthetic)[0])))
    cues_found = tuple(cue for cue, _ in sorted(ranked, key=_order))
    apart_names, apart_values, _ = table(appearance, sameness=False)
    apart = separate(apart_values, reliefs[:, :0]).single
    n_synthetic = int(synthetic.sum())
    n_real = len(synthetic) - n_synthetic
    all_cues = of.classifier
    leaks = all_cues.p < ALPHA
    classifier = Cue(
        "all cues together", all_cues.auc, all_cues.low, all_cues.high, all_cues.p, "", leaks
    )
    return Audit(
        n_real=n_real,
        n_synthetic=n_synthetic,
        leaks=leaks or any(cue.leaks for cue in cues_found),
        classifier=classifier,
        cues=cues_found,
        same=same,
        appearance=tuple(_cue(n, s) for n, s in zip(apart_names, apart, strict=True)),
        warnings=_warnings(n_real, n_synthetic, names),
        method=METHOD.format(repeats=repeats, folds=folds, permutations=permutations),
        seed=seed,
    )


def _order(ranked: tuple[Cue, float]) -> tuple[float, ...]:
    """Return by what a cue and its distance are sorted, the likeliest cause of a leak first.

    One fault changes many cues: of those that tell nearly all cases the one that explains the
    others, and among equals what it changes most.
    """
    cue, distance = ranked
    if cue.leaks and strength(cue.auc) == "strong":
        return 0, precedence(cue.name), -distance, -cue.auc
    return 1, cue.p, -cue.auc, -distance


def _distances(
    values: Float[np.ndarray, "n k"], synthetic: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """Return how far apart the means of the roles are, in standard deviations within them."""
    finite = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    real, fake = finite[~synthetic], finite[synthetic]
    within = np.sqrt((real.var(axis=0) + fake.var(axis=0)) / 2)
    apart = np.abs(real.mean(axis=0) - fake.mean(axis=0))
    distances: Float[np.ndarray, " k"] = apart / (within + 1e-9)
    return distances


def _mark(
    peak: Peak, values: Float[np.ndarray, " n"], where: str, synthetic: Bool[np.ndarray, " n"]
) -> Cue:
    """Return the mark as a cue of the role that has it."""
    means = {"real": values[~synthetic].mean(), "synthetic": values[synthetic].mean()}
    role = max(means, key=lambda one: abs(means[one]))
    tone = "bright" if means[role] > 0 else "dark"
    found = peak.separation
    return Cue(
        f"{MARK} that is {tone}, {where},",
        found.auc,
        found.low,
        found.high,
        found.p,
        role,
        found.p < ALPHA,
    )


def _cue(name: str, separation: Separation) -> Cue:
    """Return the cue with its AUC turned to the side of the role that has the higher values.

    Which side of an asymmetry counts as the higher one is arbitrary.
    """
    if separation.auc < 0.5:
        auc, low, high, higher = 1 - separation.auc, 1 - separation.high, 1 - separation.low, "real"
    else:
        auc, low, high, higher = separation.auc, separation.low, separation.high, "synthetic"
    role = "synthetic" if SIDE in name else higher
    return Cue(name, auc, low, high, separation.p, role, separation.p < ALPHA)


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
    if name.startswith(MARK):
        return "found"
    if SIDE in name:
        return "the other one"
    if name.startswith(POSITION):
        return f"further to the {TOWARDS[name.removeprefix(f'{POSITION} ')]}"
    return "more frequent" if IS in name else "higher"


def _told(cue: Cue) -> str:
    return f"{cue.auc:.2f}, 95 % interval {cue.low:.2f} to {cue.high:.2f}"
