"""The power of exactly the study that a design declares, for exactly its primary hypothesis.

Studies are simulated by the model of `evalsuite.study.protocol.power`, with the readers, cases and
allocation of the design, and each is analysed and judged as the report will.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri

from evalsuite.errors import EvalsuiteError
from evalsuite.statistics.agreement.krippendorff import krippendorff_alphas
from evalsuite.statistics.agreement.rows import Resampling
from evalsuite.statistics.ratings.contrasts import mean_difference
from evalsuite.statistics.resample import over_drawn
from evalsuite.statistics.roc.choice import Choices, choice_merits
from evalsuite.statistics.roc.merits import Merits, auc_merits
from evalsuite.statistics.roc.mrmc import obuchowski_rockette
from evalsuite.statistics.roc.readings import Readings
from evalsuite.study.protocol.allocation import Allocation, allocated
from evalsuite.study.protocol.design import StudyDesign
from evalsuite.study.protocol.plan import Plan
from evalsuite.study.protocol.power import Components, share_of
from evalsuite.study.protocol.schedule import showings
from evalsuite.study.truth import CaseTruth

Ratings = Float[np.ndarray, "k j"]
USUAL = {"difference": 0.5, "auc": 0.1, "choice": 0.1, "agreement": 0.2}  # beyond the margin
DRAWS = 200  # of the bootstrap of agreement in each simulated study


@dataclass(frozen=True, slots=True)
class PlanPower:
    """What a study of one size achieves of its plan.

    Args:
        readers: how many there are.
        cases: how many in all, or pairs.
        per_reader: the most that one reader reads.
        truth: the figure that is taken as true, less what it is where there is no difference.
        power, low, high: probability that the primary hypothesis is shown, with a 95 % interval
            for the chance of the simulation (Wilson).
        half_width: mean half width of the interval that decides.
        replicates: simulated studies.
    """

    readers: int
    cases: int
    per_reader: int
    truth: float
    power: float
    low: float
    high: float
    half_width: float
    replicates: int


def usual_truth(plan: Plan) -> float:
    """Return the difference to plan for: none, or for superiority one that is worth finding."""
    endpoint = plan.primary
    superior = endpoint.hypothesis == "superiority"
    return endpoint.margin + USUAL.get(endpoint.figure, 0.0) if superior else 0.0


def plan_power(
    design: StudyDesign,
    plan: Plan,
    readers: Sequence[int],
    cases: Sequence[int],
    *,
    truth: float,
    components: Components,
    replicates: int,
    seed: int,
) -> list[PlanPower]:
    """Return the power of the primary hypothesis at every combination of readers and cases.

    Args:
        design: gives cohorts, pairing, and the allocation with its cap per reader.
        plan: of the design.
        readers: numbers of readers.
        cases: numbers of cases in each cohort; 0 stands for those of the design.
        truth: difference of the figure from none, as `PlanPower`.
        components: variances of the ratings.
        replicates: studies simulated per combination.
        seed: of all draws; the figures of one combination do not depend on the others.

    Raises:
        EvalsuiteError: for a truth that no figure can have, and sizes that the allocation does not
            allow.
    """
    if plan.primary.figure == "agreement" and not 0 < truth < 1:
        raise EvalsuiteError(
            f"Agreement that is to be shown is above 0 and below 1, but the difference is {truth:g}."
        )
    if plan.primary.none and not abs(truth) < plan.primary.none:
        raise EvalsuiteError(
            f"A figure differs from guessing, 0.5, by less than 0.5, but the difference is {truth:g}."
        )
    table = []
    for n_readers in readers:
        for n_cases in cases:
            sized = _sized(design, n_readers, n_cases)
            real, synthetic = _read(sized, plan)
            draw = np.random.default_rng([seed, n_readers, n_cases])
            judged = [
                _simulated(draw, plan, real, synthetic, truth, components)
                for _ in range(replicates)
            ]
            low, high = np.array(judged).T
            shown = sum(bool(plan.primary.shown_by(*ends)) for ends in judged)
            per_reader = sum(c.cases for c in sized.cohorts) // (2 if sized.paired else 1)
            table.append(
                PlanPower(
                    n_readers,
                    sized.presentations,
                    min(per_reader, sized.allocation.cap or per_reader),
                    truth,
                    *share_of(shown, replicates),
                    float(np.nanmean(high - low) / 2) if np.isfinite(high - low).any() else np.nan,
                    replicates,
                )
            )
    return table


def most_cases(design: StudyDesign, readers: int) -> int:
    """Return how many cases of each cohort so many readers can read under the cap of a design."""
    cap, each = design.allocation.cap, len(design.cohorts) // (2 if design.paired else 1)
    return max(readers * cap // each, 2) if cap else 10**6


def _sized(design: StudyDesign, readers: int, cases: int) -> StudyDesign:
    """Return a design of that size; a cap that no longer binds falls away."""
    cohorts = tuple(
        cohort.model_copy(update={"cases": cases or cohort.cases}) for cohort in design.cohorts
    )
    names = tuple(f"reader {i}" for i in range(readers))
    sized = design.model_copy(update={"cohorts": cohorts, "readers": names})
    if (sized.allocation.cap or 0) >= sized.presentations:
        sized = sized.model_copy(update={"allocation": Allocation()})
    if fault := sized.allocation.fault(sized.presentations, readers):
        raise EvalsuiteError(f"{fault}.")
    return sized


def _read(
    design: StudyDesign, plan: Plan
) -> tuple[Bool[np.ndarray, "m j"], Bool[np.ndarray, "n j"]]:
    """Return who reads which real and which synthetic cases of the primary endpoint; or pairs."""
    truths = [
        CaseTruth(f"{c.name} {i}", "reading", c.name, c.role, "", "", "", "", "")
        for c in design.cohorts
        for i in range(c.cases)
    ]
    ids = {c.name: [t.case for t in truths if t.cohort == c.name] for c in design.cohorts}
    given = showings(design, {"reading": ids}, seed=None)["reading"]
    rows = allocated(
        design.allocation,
        [showing for of_one in given.values() for showing in of_one],
        {truth.case: truth for truth in truths},
        "power",
        readers=len(design.readers),
    )
    wanted = plan.primary.cohort
    sides = []
    for role in ("real", "synthetic"):
        shown = [
            showing
            for cohort in design.cohorts
            if cohort.role == role and (role == "real" or wanted in (None, cohort.name))
            for showing in given[cohort.name]
        ]
        read = np.array([[s in row for row in rows] for s in shown], bool)
        sides.append(read.reshape(len(shown), len(rows)))
    return sides[0], sides[1]


def _simulated(
    draw: np.random.Generator,
    plan: Plan,
    real: Bool[np.ndarray, "m j"],
    synthetic: Bool[np.ndarray, "n j"],
    truth: float,
    components: Components,
) -> tuple[float, float]:
    """Return the interval by which one simulated study is judged."""
    figure, level = plan.primary.figure, 1 - 2 * plan.alpha
    if figure == "agreement":
        return _agreement(draw, np.concatenate([real, synthetic]), truth, components, level)
    reader = np.sqrt(components.reader) * draw.standard_normal(synthetic.shape[1])
    shift = truth
    if figure != "difference":
        varying = components.reader_cohort + components.case + components.reader_case
        shift = float(np.sqrt(2 * varying) * ndtri(0.5 + truth))

    def ratings(read: Bool[np.ndarray, "k j"], mean: float) -> Ratings:
        k, j = read.shape
        of_cohort = np.sqrt(components.reader_cohort) * draw.standard_normal(j)
        of_case = np.sqrt(components.case) * draw.standard_normal((k, 1))
        rest = np.sqrt(components.reader_case) * draw.standard_normal((k, j))
        return np.where(read, mean + reader + of_cohort + of_case + rest, np.nan)

    y = ratings(synthetic, 0.0)
    x = ratings(synthetic if figure == "choice" else real, shift)
    return _ENDS[figure](x, y, level)


def _agreement(
    draw: np.random.Generator,
    read: Bool[np.ndarray, "k j"],
    truth: float,
    components: Components,
    level: float,
) -> tuple[float, float]:
    """Return the interval of Krippendorff's alpha on an interval scale, ratings left unrounded.

    Cases vary so much, beside readers and the rest as they are, that alpha of all is the truth: it
    is the share of the variance that is due to cases.
    """
    k, j = read.shape
    per_answer = components.reader + components.reader_cohort + components.reader_case
    of_case = np.sqrt(per_answer * truth / (1 - truth)) * draw.standard_normal((k, 1))
    of_reader = np.sqrt(components.reader + components.reader_cohort) * draw.standard_normal(j)
    rest = np.sqrt(components.reader_case) * draw.standard_normal((k, j))
    ratings = np.where(read, of_case + of_reader + rest, np.nan)
    (alpha,) = Resampling(DRAWS, level, int(draw.integers(2**31))).bootstrapped(
        lambda draws: krippendorff_alphas(ratings, draws, "interval")[:, None],
        cases=k,
        readers=j,
        over=over_drawn(j),
        compares_readers=True,
        strata=np.zeros(k, int),
    )
    return alpha.low, alpha.high


def _difference(x: Ratings, y: Ratings, level: float) -> tuple[float, float]:
    both = ~np.isnan(x).all(axis=0) & ~np.isnan(y).all(axis=0)
    return mean_difference(x[:, both], y[:, both]).interval(level)


def _area(x: Ratings, y: Ratings, level: float) -> tuple[float, float]:
    readers = tuple(map(str, range(x.shape[1])))
    return _mean(auc_merits(Readings("", ("",), readers, x.T[None], y.T[None])), level)


def _choice(x: Ratings, y: Ratings, level: float) -> tuple[float, float]:
    readers, pairs = tuple(map(str, range(x.shape[1]))), np.arange(len(x))
    right = np.where(np.isnan(x - y), np.nan, x > y).T[None]
    return _mean(choice_merits(Choices("", ("",), readers, right, pairs, pairs)), level)


def _mean(merits: Merits, level: float) -> tuple[float, float]:
    (mean,) = obuchowski_rockette(merits, level=level).treatments
    return mean.low, mean.high


_ENDS: dict[str, Callable[[Ratings, Ratings, float], tuple[float, float]]] = {
    "difference": _difference,
    "auc": _area,
    "choice": _choice,
}
