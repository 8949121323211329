"""How well readers agree with one another: all coefficients of a study as a tidy table."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from evalsuite.records import Caveat
from evalsuite.statistics.agreement.intraclass import icc_results
from evalsuite.statistics.agreement.kappa import (
    column_kappas,
    fleiss_kappas,
    gwet_acs,
    mean_quadratic_kappas,
    quadratic_weights,
)
from evalsuite.statistics.agreement.krippendorff import Scale, krippendorff_alphas
from evalsuite.statistics.agreement.rows import (
    Resampling,
    has_quadratic_kappa,
    kappa_name,
    named,
)
from evalsuite.statistics.agreement.usable import Usable, bootstrapped, usable, why_undefined
from evalsuite.statistics.answers import Answers, answers_by_question
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.resample import Draws
from evalsuite.statistics.result import ALL, Result

# The lowest of benchmarks/results/agreement_intervals.json.
LEVELS_APART = Caveat(
    "readers-at-levels-apart",
    "Where readers rate at levels far apart, which few readers need not show, 95 % intervals of this "
    "coefficient held the truth in as few as 86 % of simulated studies.",
)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient for any number of readers, as the table needs it.

    Args:
        replicates: its value in every replicate.
        takes_single: whether cases with one answer count, for the shares of the answers.
        skewed: whether few readers make it skewed; see `Resampling.bootstrapped`.
        warnings: what to know about its settings.
    """

    name: str
    method: str
    reference: str
    replicates: Callable[[Float[np.ndarray, "c r"], Draws], Float[np.ndarray, " b"]]
    takes_single: bool = False
    skewed: bool = False
    warnings: tuple[Caveat, ...] = ()


def agreement_between_readers(
    table: pd.DataFrame,
    *,
    points: Mapping[str, int] | None = None,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> list[Result]:
    """Return every coefficient of agreement of all readers for every question.

    Ordinal scales: mean quadratic weighted kappa of the pairs of readers, Fleiss' kappa, Gwet's
    AC2, Krippendorff's ordinal alpha, the six ICCs. Interval scales: interval alpha and ICCs.
    Nominal ones: kappa (of two options), Fleiss' kappa, AC1, nominal alpha.
    Hidden repeats and training are left out. Missing answers are allowed: kappa and alpha take the
    cases that two or more readers answered, the ICCs those that all did. Each ICC has a second row with the interval of the F distribution.

    Intervals draw cases, within cohorts where these are known, and readers where there are three
    or more; otherwise they speak of these readers only. Those of the mean kappa and of AC1 and AC2,
    which a few readers make skewed, are by the jackknife over both. In simulations (2 to 20
    readers, 60 or 100 cases, five points) 95 % intervals covered 93 to 98 %, those of Fleiss'
    kappa 98 to 99 % for 3 to 5 readers; with 3 to 6 readers, 15 or 20 cases and four points 97 to
    100 %, and where readers shift the whole scale much those of AC2 86 to 94 %, of kappa 91 to 97 %.

    Args:
        table: the long table of one study.
        points: by question, how many options it offers; AC2 depends on it.
        level: nominal coverage, between 0 and 1.
        replicates: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        One per question, coefficient and interval.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    resampling = Resampling(replicates, level, seed)
    results: list[Result] = []
    for answers in answers_by_question(table, points):
        results += _coefficient_results(answers, resampling)
        if answers.scale != "nominal":
            results += icc_results(answers, resampling)
    return results


def agreement_of_pairs(table: pd.DataFrame, *, level: float = 0.95) -> list[Result]:
    """Return the quadratic weighted kappa of every two readers for every question.

    On two categories that is Cohen's unweighted kappa; on an interval scale it is Lin's
    concordance correlation (with 1/n), and so named; more options without order have none. Intervals are over cases, by the delta
    method on Fisher's z, and speak of these readers only.

    Args:
        table: the long table of one study.
        level: nominal coverage, between 0 and 1.

    Returns:
        One per question and pair.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    resampling = Resampling(level=level)
    results: list[Result] = []
    for answers in filter(has_quadratic_kappa, answers_by_question(table)):
        name, reference = kappa_name(answers.scale)
        i, j = np.triu_indices(len(answers.readers), k=1)
        kappas = resampling.kappas(answers.first[:, i], answers.first[:, j], readers=2)
        results += [
            named(
                kappa,
                name,
                answers.question,
                f"{answers.readers[a]} and {answers.readers[b]}",
                answers=2 * kappa.counts["cases"],
                method="on common cases",
                reference=reference,
            )
            for a, b, kappa in zip(i, j, kappas, strict=True)
        ]
    return results


def _coefficient_results(answers: Answers, resampling: Resampling) -> Iterator[Result]:
    """Yield the coefficients that allow missing answers."""
    coefficients = _coefficients(answers)
    reason = why_undefined(answers.first)
    rests_on = {single: usable(answers, shared=not single) for single in (False, True)}
    results: dict[str, Result] = {}
    for single, skewed in product(rests_on, (False, True)):
        rated = rests_on[single]
        alike = [c for c in coefficients if (c.takes_single, c.skewed) == (single, skewed)]
        together = _together(alike, rated, resampling, reason, skewed=skewed)
        results |= {c.name: value for c, value in zip(alike, together, strict=True)}
    for coefficient in coefficients:
        rated = rests_on[coefficient.takes_single]
        used, notes = ~np.isnan(rated.ratings), rated.notes
        if coefficient.replicates is mean_quadratic_kappas and not reason:
            used, of_pairs = _in_pairs(rated)
            notes += of_pairs
        readers, cases = (int(used.any(axis=axis).sum()) for axis in (0, 1))
        result = results[coefficient.name]
        if (
            coefficient.name.startswith("Gwet")
            and result.interval == "jackknife"
            and result.bounded
        ):
            notes += (LEVELS_APART,)
        yield named(
            replace(result, counts={"readers": readers, "cases": cases}),
            coefficient.name,
            answers.question,
            ALL,
            answers=int(used.sum()),
            method=coefficient.method,
            reference=coefficient.reference,
            warnings=(*coefficient.warnings, *notes),
        )


def _together(
    coefficients: list[Coefficient],
    usable: Usable,
    resampling: Resampling,
    reason: Caveat | None,
    *,
    skewed: bool,
) -> list[Result]:
    """Return the coefficients of the same answers, resampled together."""
    if not coefficients:
        return []
    return bootstrapped(
        lambda draws: np.column_stack([c.replicates(usable.ratings, draws) for c in coefficients]),
        usable.ratings,
        usable.strata,
        resampling,
        reason,
        len(coefficients),
        skewed=skewed,
    )


def _coefficients(answers: Answers) -> list[Coefficient]:
    def alpha(scale: Scale) -> Coefficient:
        return Coefficient(
            f"Krippendorff alpha ({scale})",
            f"{scale} differences, all pairs of readers",
            "Krippendorff 2011",
            lambda ratings, draws: krippendorff_alphas(ratings, draws, scale),
        )

    if answers.scale == "interval":
        return [alpha("interval")]
    categories = np.arange(1.0, answers.points + 1)
    nominal = answers.scale == "nominal"
    weights = None if nominal else quadratic_weights(categories)
    kappa = Coefficient(
        "Cohen kappa" if nominal else "quadratic weighted kappa",
        "mean over pairs of readers" + ("" if nominal else ", quadratic weights"),
        "Cohen 1968; Light 1971",
        mean_quadratic_kappas,
        skewed=True,
    )
    return [
        *([kappa] if has_quadratic_kappa(answers) else []),
        Coefficient(
            "Fleiss kappa",
            "unweighted, all pairs of readers",
            "Fleiss 1971",
            lambda ratings, draws: fleiss_kappas(ratings, draws, categories),
            takes_single=True,
        ),
        Coefficient(
            "Gwet AC1" if nominal else "Gwet AC2",
            f"{'unweighted' if nominal else 'quadratic weights'}, {answers.points} categories",
            "Gwet 2008" if nominal else "Gwet 2014",
            lambda ratings, draws: gwet_acs(ratings, draws, categories, weights),
            takes_single=True,
            skewed=True,
            warnings=answers.warnings,
        ),
        alpha("nominal" if nominal else "ordinal"),
    ]


def _in_pairs(usable: Usable) -> tuple[Bool[np.ndarray, "c r"], tuple[Caveat, ...]]:
    """Return the answers within pairs of readers that have a kappa, and which pairs have none."""
    i, j = np.triu_indices(len(usable.readers), k=1)
    first, second = usable.ratings[:, i], usable.ratings[:, j]
    without = np.isnan(column_kappas(first, second, np.ones((1, len(first))))[0])
    used = np.zeros(usable.ratings.shape, bool)
    for a, b in zip(i[~without], j[~without], strict=True):
        used[:, [a, b]] |= ~np.isnan(usable.ratings[:, [a, b]]).any(axis=1, keepdims=True)
    if without.all():
        return ~np.isnan(usable.ratings), ()
    names = [f"{usable.readers[a]} and {usable.readers[b]}" for a, b in zip(i, j, strict=True)]
    why = "they have no kappa (no common case, or only equal answers)"
    return used, left_out(why, without, names)
