"""How many readers and cases a study needs: simulated readings, each analysed as the study will be.

Every reader rates every case of a real and of a synthetic cohort of equal size. The rating of case
k of cohort i by reader j is

    y_ijk = mean_i + reader_j + (reader x cohort)_ij + case_k(i) + (reader x case)_jk(i),

all effects but the mean normal and independent, so that a result holds for other readers and
other cases than those of the study (model: Hillis, Statistics in Medicine 33 (2014) 330-360, the
design with cases nested within test).
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError

LEVEL = 0.05  # of the two-sided test, and of each of the two one-sided ones
POINTS = 5  # of the scale of the default variances
AT_ONCE = 1_000_000  # ratings in memory
FEW = 5  # readers, below which there is a warning


@dataclass(frozen=True, slots=True)
class Components:
    """The variances of a rating, in points squared.

    The defaults are those of five radiologists on a five-point scale, rounded: the 69 cases
    without disease of Van Dyke et al., Seventh SCMR Workshop (1993), the mean of both techniques;
    `reader_cohort` is there how readers differ between the techniques. They make a study hard, as
    reading synthetic volumes is: two readers' ratings of a case correlate by 0.2. Replace them by
    those of a pilot, `reader_cohort` above all, which no number of cases makes up for.

    Args:
        reader: some readers are stricter than others, with all cases alike.
        reader_cohort: how far readers differ in what they make of one cohort.
        case: some cases look better than others, to all readers.
        reader_case: one reader on one case, with whatever would change on a second reading.
    """

    reader: float = 0.11
    reader_cohort: float = 0.035
    case: float = 0.15
    reader_case: float = 0.44

    def __post_init__(self) -> None:
        if not all(np.isfinite(v) and v >= 0 for v in astuple(self)):
            raise EvalsuiteError(
                f"A variance cannot be negative, but the variance components are {astuple(self)}."
            )

    def on(self, points: int) -> "Components":
        """Return these variances, of a scale of five points, for a scale of so many.

        Its ends mean the same, and so a step between them more or less.
        """
        if points < 2:
            raise EvalsuiteError(f"A scale has at least 2 points, but got {points}.")
        return Components(*(v * ((points - 1) / (POINTS - 1)) ** 2 for v in astuple(self)))


@dataclass(frozen=True, slots=True)
class Power:
    """What a study of one size achieves.

    Args:
        readers: how many, each of whom rates all cases.
        cases: how many in each of the two cohorts.
        difference: true difference between the mean ratings that `detected` is about.
        margin: the difference to be ruled out.
        level: of the two-sided test, and of each of the two one-sided ones.
        detected, detected_low, detected_high: probability that the study finds the difference,
            with a 95 % interval for the chance of the simulation (Wilson).
        ruled_out, ruled_out_low, ruled_out_high: probability that it shows a difference smaller
            than the margin, where there is none.
        half_width: mean half width of the 95 % confidence interval of the difference, in points,
            where there is none.
        replicates: simulated studies.
        warnings: reasons not to rely on such a study, each one plain sentence.
    """

    readers: int
    cases: int
    difference: float
    margin: float
    level: float
    detected: float
    detected_low: float
    detected_high: float
    ruled_out: float
    ruled_out_low: float
    ruled_out_high: float
    half_width: float
    replicates: int
    warnings: tuple[str, ...] = ()


TYPICAL = Components()


def power(
    readers: Sequence[int],
    cases: Sequence[int],
    *,
    difference: float,
    margin: float,
    components: Components = TYPICAL,
    questions: int = 1,
    replicates: int = 2000,
    seed: int = 0,
) -> list[Power]:
    """Return the power of every combination of a number of readers and of cases.

    The difference is tested on the two-sided level 0.05 (`contrast` says how). It is ruled out by
    two one-sided tests on the level 0.05, that is if the 90 % confidence interval lies within the
    margin (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680).

    Args:
        readers: numbers of readers, each at least 2.
        cases: numbers of cases in each cohort, each at least 2.
        difference: in mean rating, real less synthetic, 0 or more; at 0 `detected` is the rate of
            false alarms.
        margin: in mean rating, above 0.
        components: variances of the ratings.
        questions: how many comparisons are corrected together by Holm's method, whose first
            step, Bonferroni's, every one of them passes at its level.
        replicates: studies simulated per combination.
        seed: of all draws; the figures of one combination do not depend on the others.

    Raises:
        EvalsuiteError: for numbers that no study can have.
    """
    check_size(readers, cases, questions)
    _check(difference, margin, components, replicates)
    level = LEVEL / questions
    table = []
    for n_readers in readers:
        for n_cases in cases:
            draw = np.random.default_rng([seed, n_readers, n_cases])
            at_once = max(1, AT_ONCE // (2 * n_readers * n_cases))
            detected, excluded, widths = 0, 0, 0.0
            for start in range(0, replicates, at_once):
                count = min(at_once, replicates - start)
                effects = _effects(draw, (count, 2, n_readers, n_cases), components)
                none = contrast(effects)
                shifted = replace(none, difference=none.difference + difference)
                detected += int((abs(shifted.difference) > shifted.half_width(level)).sum())
                excluded += int((abs(none.difference) + none.half_width(2 * level) < margin).sum())
                widths += float(none.half_width(LEVEL).sum())
            table.append(
                Power(
                    n_readers,
                    n_cases,
                    difference,
                    margin,
                    level,
                    *share_of(detected, replicates),
                    *share_of(excluded, replicates),
                    widths / replicates,
                    replicates,
                    few_readers(n_readers),
                )
            )
    return table


@dataclass(frozen=True, slots=True)
class Contrast:
    """The analysis of r studies: real less synthetic, one entry per study.

    Args:
        difference: of the mean ratings.
        from_readers, from_cases: the parts of its variance due to the choice of either.
        alone: its variance for these readers alone, due to the choice of cases.
        df_readers, df_cases: the degrees of freedom of these parts.
    """

    difference: Float[np.ndarray, " r"]
    from_readers: Float[np.ndarray, " r"]
    from_cases: Float[np.ndarray, " r"]
    alone: Float[np.ndarray, " r"]
    df_readers: int
    df_cases: int

    def half_width(self, level: float) -> Float[np.ndarray, " r"]:
        """Return half the width of the interval of coverage 1 - level; 0 if nothing varies.

        The quantile is the mean of those of both degrees of freedom, weighted by the parts of the
        variance (Cochran, Biometrics 20 (1964) 191-195). In 6.3 million simulated studies of 2 to
        10 readers and 15 to 100 cases it kept the level 0.05 at 0.022 to 0.061; Satterthwaite's
        degrees of freedom and those of Hillis (2014) let it rise to 0.12 and 0.13 with two readers.
        As in the analysis of a study it is no less than for these readers alone, which keeps the
        level at 0.010 to 0.055 with two readers and at 0.025 to 0.050 with four or more.
        """
        from scipy.special import stdtrit

        of_readers, of_cases = (
            float(stdtrit(df, 1 - level / 2)) for df in (self.df_readers, self.df_cases)
        )
        weighted = self.from_readers * of_readers + self.from_cases * of_cases
        half: np.ndarray = np.sqrt(self.from_readers + self.from_cases)
        np.divide(weighted, half, out=half, where=half > 0)
        return np.asarray(np.maximum(half, of_cases * np.sqrt(self.alone)))


def contrast(ratings: Float[np.ndarray, "r 2 j k"]) -> Contrast:
    """Return the analysis of variance of studies with random readers and cases.

    With J readers and K cases in each cohort, and mean squares of reader x cohort (RT), case
    within cohort (C) and reader x case within cohort (RC),

        Var(difference) = 2 / (J K) (MS_RT + max(MS_C - MS_RC, 0)),

    the denominator of the quasi-F of Hillis (2014) for cases nested within tests.

    Args:
        ratings: by study, cohort (real first), reader and case; at least two of each of the last.
    """
    _, _, n_readers, n_cases = ratings.shape
    of_reader = ratings.mean(axis=3)
    of_case = ratings.mean(axis=2)
    of_cohort = of_case.mean(axis=2)
    by_reader = of_reader[:, 0] - of_reader[:, 1]
    rest = ratings - of_reader[..., None] - of_case[:, :, None] + of_cohort[..., None, None]
    ms_rt = n_cases / 2 * by_reader.var(axis=1, ddof=1)
    ms_c = n_readers * of_case.var(axis=2, ddof=1).mean(axis=1)
    ms_rc = np.einsum("rijk,rijk->r", rest, rest) / (2 * (n_readers - 1) * (n_cases - 1))
    scale = 2 / (n_readers * n_cases)
    return Contrast(
        difference=by_reader.mean(axis=1),
        from_readers=scale * ms_rt,
        from_cases=scale * np.maximum(ms_c - ms_rc, 0),
        alone=scale * np.maximum(ms_c, ms_rc),
        df_readers=n_readers - 1,
        df_cases=2 * (n_cases - 1),
    )


def _effects(
    draw: np.random.Generator, size: tuple[int, int, int, int], components: Components
) -> Float[np.ndarray, "r 2 j k"]:
    studies, cohorts, readers, cases = size
    effects: Float[np.ndarray, "r 2 j k"] = np.sqrt(components.reader_case) * draw.standard_normal(
        size
    )
    effects += np.sqrt(components.case) * draw.standard_normal((studies, cohorts, 1, cases))
    effects += np.sqrt(components.reader) * draw.standard_normal((studies, 1, readers, 1))
    effects += np.sqrt(components.reader_cohort) * draw.standard_normal(
        (studies, cohorts, readers, 1)
    )
    return effects


def share_of(successes: int, trials: int) -> tuple[float, float, float]:
    """Return a proportion and the ends of Wilson's 95 % interval (JASA 22 (1927) 209-212)."""
    from scipy.stats import binomtest

    low, high = binomtest(successes, trials).proportion_ci(method="wilson")
    return successes / trials, float(low), float(high)


def few_readers(readers: int) -> tuple[str, ...]:
    """Return a sentence where readers are few."""
    if readers >= FEW:
        return ()
    sentence = (
        f"With {readers} readers little can be said about other readers, and the figures hang on "
        "the assumed reader_cohort variance."
    )
    return (sentence,)


def check_size(readers: Sequence[int], cases: Sequence[int], questions: int) -> None:
    """Raise EvalsuiteError for sizes that no study can have."""
    for what, numbers in (("readers", readers), ("cases in each cohort", cases)):
        if not numbers or min(numbers) < 2:
            raise EvalsuiteError(
                f"A result that holds for others needs at least 2 {what}, but got {list(numbers)}."
            )
    if questions < 1:
        raise EvalsuiteError(f"At least 1 comparison is made, but got {questions}.")


def _check(difference: float, margin: float, components: Components, replicates: int) -> None:
    if not (np.isfinite(difference) and difference >= 0):
        raise EvalsuiteError(f"The difference must be 0 or more, but got {difference:g}.")
    if not (np.isfinite(margin) and margin > 0):
        raise EvalsuiteError(f"The margin must be above 0, but got {margin:g}.")
    if components.reader_cohort + components.case + components.reader_case == 0:
        raise EvalsuiteError(
            "With no variance but that between readers every study is right; "
            "expected at least one other component above 0."
        )
    if replicates < 1:
        raise EvalsuiteError(f"At least 1 replicate is needed, but got {replicates}.")
