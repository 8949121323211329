"""What the course of a session did to answers and times: learning, fatigue, order."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from evalsuite.records import Caveat
from evalsuite.statistics.multiplicity import COURSE
from evalsuite.statistics.omissions import left_out
from evalsuite.statistics.rated import ALL_CASES, case_truth, rated_by_question
from evalsuite.statistics.ratings.averages import (
    ALONE,
    BOTH,
    cautions,
    mean_rating,
    median_rating,
    no_interval,
    no_median_interval,
)
from evalsuite.statistics.ratings.crossed import (
    ROUNDING,
    UNDEFINED,
    Crossed,
    least_p_of_order,
    over_readers,
)
from evalsuite.statistics.result import ALL, NAN, Result, holm

TIME = "active seconds"
NO_TIMES = Caveat("no-times", "No active time was recorded with the answers.")
NO_SLOPE = Caveat(
    "no-slope",
    "There is no slope: in this order of cases the regressor does not vary within cohorts.",
)
ON_THE_LINE = Caveat("on-the-line", "There is no interval: the answers lie on the line.")
FEWEST_CASES = 8
TOO_FEW = Caveat(
    "too-few-for-slope",
    f"A slope needs {FEWEST_CASES} answers of a reader, but the most is {{most}}.",
)
NO_SUCH_P = Caveat(
    "too-few-for-interval-of-slope",
    "There is no interval: the cases are too few, as no p-value can be below {least_p:.2g}.",
)
REFERENCE = "Obuchowski and Rockette 1995"
QUANTITIES = {
    "trend": "per 10 presentations",
    "first fifth": "less the rest",
    "last fifth": "less the rest",
    "after a real case": "less after a synthetic case",
}


@dataclass(frozen=True, slots=True)
class Course:
    """Where in each reader's session each case was first shown.

    Args:
        cases, readers: rows and columns of the matrices.
        cohorts: the cohort of each case, numbered from 0.
        names: of the cohorts; roles: real or synthetic, or empty.
        regressors: by quantity, its value at each showing; nan where there was none.
        seconds: active time on the case; nan where none, or none above 0, was recorded.
    """

    cases: tuple[str, ...]
    readers: tuple[str, ...]
    cohorts: Int[np.ndarray, " c"]
    names: tuple[str, ...]
    roles: dict[str, str]
    regressors: dict[str, Float[np.ndarray, "c r"]]
    seconds: Float[np.ndarray, "c r"]


def course(
    table: pd.DataFrame, points: Mapping[str, int] | None = None, *, level: float = 0.95
) -> list[Result]:
    """Return how answers and times changed over the reading, and with the case before.

    For every reader the slope of a least squares line within cohorts: on the number of the
    presentation (trend), on whether it is in the first or last fifth (learning and fatigue), and
    on whether the case before was real. Over all readers the mean slope, with an interval that
    holds for other readers and other cases, whether each had their own order or all had the same.
    Times enter as logarithms, and their estimates are ratios: 0.9 is a tenth less time. Training
    is left out; hidden repeats count as presentations, but their answers do not enter.

    Args:
        table: the long table of one study, with or without the truth. Without it there is no
            quantity of the case before, and the slopes are not within cohorts.
        points: by question, how many options it offers.
        level: nominal coverage, between 0 and 1.

    Returns:
        One per question and for the time, quantity and reader (and all of them together), whose
        p-values are corrected over all questions and quantities.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    questions = rated_by_question(table, points)
    session = _course(table)
    results: list[Result] = []
    for rated in questions:
        # A case or a reader with answers to repeats alone has no place in the order.
        answers = pd.DataFrame(np.nan, session.cases, session.readers)
        for cohort, cases in rated.cases.items():
            answers.update(pd.DataFrame(rated.scores[cohort], cases, rated.readers))
        lowest, highest = rated.scale(points)
        span = highest - lowest
        results += _slopes(session, answers.to_numpy(), rated.question, level, "points", span)
    results += _slopes(session, np.log(session.seconds), TIME, level, "ratio", np.inf)
    return holm(results, lambda result: COURSE if result.where["reader"] == ALL else None)


def times(table: pd.DataFrame, *, level: float = 0.95) -> list[Result]:
    """Return the active seconds on a case, by cohort and reader, on its first showing.

    Over all readers the geometric mean is that of the readers' geometric means and its interval
    holds for other readers and other cases. For the median see `averages`.

    Args:
        table: the long table of one study, with or without the truth.
        level: nominal coverage, between 0 and 1.

    Returns:
        One per cohort, reader (and all of them together) and quantity, in seconds.
    """
    session = _course(table)
    results = []
    for number, cohort in enumerate(session.names):
        logs = np.log(session.seconds[session.cohorts == number])
        for reader, seconds in _columns(session, logs):
            given = ~np.isnan(seconds)
            mean, several = mean_rating(seconds), int(given.any(axis=0).sum()) > 1
            notes: tuple[Caveat, ...] = cautions([seconds]) if given.any() else (NO_TIMES,)
            if reader == ALL and given.any():
                silent = ~given.any(axis=0)
                notes = left_out(f"they have no times of {cohort}", silent, session.readers) + notes
            middle = median_rating(seconds, level)
            place = {"cohort": cohort, "role": session.roles[cohort], "reader": reader}
            for quantity, ends, method, why in (
                (
                    "geometric mean", (mean.value, *mean.interval(level)),
                    "Student t of logarithms", no_interval(mean, seconds),
                ),
                (
                    "median", middle, "inverted interval of the share no longer",
                    no_median_interval(*middle),
                ),
            ):  # fmt: skip
                value, low, high = np.exp(ends).tolist()
                low, high = (NAN, NAN) if low == high else (low, high)
                results.append(
                    Result(
                        where=place,
                        quantity=quantity,
                        value=value,
                        low=low,
                        high=high,
                        level=level,
                        unit="seconds",
                        counts={
                            "readers": int(given.any(axis=0).sum()),
                            "cases": int(given.any(axis=1).sum()),
                            "answers": int(given.sum()),
                        },
                        random="cases and readers" if several else "cases",
                        method=f"{method}; {BOTH if several else ALONE}",
                        reference="Woodruff 1952" if quantity == "median" else REFERENCE,
                        warnings=(*why, *notes),
                    )
                )
    return results


def slope(
    answers: Float[np.ndarray, "c r"],
    regressor: Float[np.ndarray, "c r"],
    cohorts: Int[np.ndarray, " c"],
) -> tuple[Crossed, Bool[np.ndarray, " r"]]:
    """Return the mean over readers of their slopes within cohorts, and whose slopes these are.

    Readers with fewer than `FEWEST_CASES` cases or a constant regressor are left out. For one
    reader the variance is that of ordinary least squares.

    Args:
        answers: nan where there is none.
        regressor: likewise.
        cohorts: of each case, numbered from 0.
    """
    values, influence = [], []
    alone, least_p = UNDEFINED, 2.0
    used = np.zeros(answers.shape[1], bool)
    for i, (y, x) in enumerate(zip(answers.T, regressor.T, strict=True)):
        given = ~np.isnan(y) & ~np.isnan(x)
        n = int(given.sum())
        if n < FEWEST_CASES:
            continue
        groups = np.unique(cohorts[given], return_inverse=True)[1]
        centred_x, centred_y = _within(x[given], groups), _within(y[given], groups)
        squares = float(centred_x @ centred_x)
        if squares < 1e-12:
            continue
        value = float(centred_x @ centred_y) / squares
        rest = centred_y - value * centred_x
        df = n - groups.max() - 2.0
        rest_squares = float(rest @ rest)
        if rest_squares <= n * (ROUNDING * float(np.abs(y[given]).max())) ** 2:
            rest, rest_squares = np.zeros(n), 0.0
        # Whoever saw the cases in another order would be as likely to give the same answers.
        sizes = np.unique(x[given], return_counts=True)[1]
        least_p = min(1.0, least_p * least_p_of_order(*sizes) / 2)
        alone = Crossed(value, 0.0, rest_squares / df / squares, NAN, df, least_p=least_p)
        used[i] = True
        values.append(value)
        influence.append(np.full(len(y), np.nan))
        influence[-1][given] = n * centred_x * rest / squares
    if len(values) < 2:
        return alone, used
    mean = over_readers(np.array(values), [np.stack(influence, axis=1)])
    return replace(mean, least_p=least_p), used


def _within(x: Float[np.ndarray, " n"], groups: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.asarray(x - (np.bincount(groups, weights=x) / np.bincount(groups))[groups])


def _columns(
    session: Course, answers: Float[np.ndarray, "c r"]
) -> Iterator[tuple[str, Float[np.ndarray, "c r"]]]:
    yield ALL, answers
    for i, reader in enumerate(session.readers):
        yield reader, answers[:, [i]]


def _slopes(
    session: Course,
    answers: Float[np.ndarray, "c r"],
    question: str,
    level: float,
    unit: str,
    span: float,
) -> Iterator[Result]:
    shown: Callable[[float], float] = np.exp if unit == "ratio" else float
    for quantity, regressor in session.regressors.items():
        columns = zip(_columns(session, answers), _columns(session, regressor), strict=True)
        for (reader, y), (_, x) in columns:
            given = ~np.isnan(y) & ~np.isnan(x)
            change, used = slope(y, x, session.cohorts)
            readers = int(used.sum())
            low, high = change.interval(level)
            if quantity != "trend":  # the others are differences of two means
                low, high = max(low, -span), min(high, span)
            notes: tuple[Caveat, ...] = cautions([y[:, used]]) if used.any() else ()
            if reader == ALL and used.any():
                notes = _omitted(session.readers, given, used) + notes
            if unit == "ratio" and np.isnan(y).all():
                notes = (NO_TIMES,)
            elif np.isnan(change.value):
                notes = (_undefined(given), *notes)
            elif np.isnan(low):
                notes = (_without_interval(change), *notes)
            yield Result(
                where={"question": question, "reader": reader},
                quantity=quantity,
                value=float(shown(change.value)),
                low=float(shown(low)),
                high=float(shown(high)),
                level=level,
                unit=f"{unit} {QUANTITIES[quantity]}",
                hypothesis=f"the {'ratio is 1' if unit == 'ratio' else 'difference is 0'}",
                p=change.p_value(),
                family=COURSE,
                counts={"readers": readers, "cases": int(given[:, used].any(axis=1).sum())},
                random="cases and readers" if readers > 1 else "cases",
                method=f"mean slope of least squares within cohorts, Student t; "
                f"{BOTH if readers > 1 else ALONE}",
                reference=REFERENCE,
                warnings=notes,
            )


def _omitted(
    readers: tuple[str, ...], given: Bool[np.ndarray, "c r"], used: Bool[np.ndarray, " r"]
) -> tuple[Caveat, ...]:
    few = given.sum(axis=0) < FEWEST_CASES
    fixed = ~used & ~few
    return (
        *left_out(f"a slope needs {FEWEST_CASES} answers", few, readers),
        *left_out("in their order nothing varies within cohorts", fixed, readers),
    )


def _undefined(given: Bool[np.ndarray, "c r"]) -> Caveat:
    most = int(given.sum(axis=0).max(initial=0))
    if most < FEWEST_CASES:
        return TOO_FEW(most=most)
    return NO_SLOPE


def _without_interval(change: Crossed) -> Caveat:
    return NO_SUCH_P(least_p=change.least_p) if change.varies else ON_THE_LINE


def _course(table: pd.DataFrame) -> Course:
    read = table[table["phase"] == "reading"].sort_values("revision", kind="stable")
    read = read.drop_duplicates(["reader", "position"], keep="last").copy()
    read["reader"], read["case"] = read["reader"].astype(str), read["case"].astype(str)
    read["position"] = pd.to_numeric(read["position"])
    read = read.sort_values(["reader", "position"], kind="stable")
    read["case"] = [_one_name(case) for case in read["case"]]
    truth = _truth(table)
    read["role"] = truth["role"].reindex(read["case"]).to_numpy(object)
    by_reader = read.groupby("reader", sort=False)
    number = by_reader.cumcount().astype(float)
    share = (number + 0.5) / by_reader["position"].transform("size")
    before = by_reader["role"].shift()
    read["trend"] = number / 10
    read["first fifth"] = (share < 0.2).astype(float)
    read["last fifth"] = (share > 0.8).astype(float)
    read["after a real case"] = (before == "real").astype(float).where(before.notna())
    seconds = read["active_seconds"] if "active_seconds" in read.columns else np.nan
    read["active"] = pd.to_numeric(pd.Series(seconds, index=read.index), errors="coerce")
    read["active"] = read["active"].where(read["active"] > 0)
    first = read[pd.to_numeric(read["repeat_of"], errors="coerce").isna()]
    first = first.drop_duplicates(["reader", "case"])
    cases, readers = sorted(first["case"].unique()), sorted(first["reader"].unique())

    def matrix(column: str) -> Float[np.ndarray, "c r"]:
        wide = first.set_index(["case", "reader"])[column].unstack("reader")  # noqa: PD010
        return wide.reindex(index=cases, columns=readers).to_numpy(float)

    single = truth["role"].isin(["real", "synthetic"]).any()  # not so in studies of pairs
    quantities = [q for q in QUANTITIES if q != "after a real case" or single]
    cohort_of = truth["cohort"].reindex(cases).fillna(ALL_CASES) if len(truth) else None
    of_case = [ALL_CASES] * len(cases) if cohort_of is None else cohort_of.tolist()
    named = truth.drop_duplicates("cohort").set_index("cohort")["role"]
    names = sorted(set(of_case), key=lambda name: (named.get(name) != "real", name))
    return Course(
        tuple(cases),
        tuple(readers),
        np.array([names.index(name) for name in of_case], int),
        tuple(names),
        {name: str(named.get(name, "")) for name in names},
        {quantity: matrix(quantity) for quantity in quantities},
        matrix("active"),
    )


def _truth(table: pd.DataFrame) -> pd.DataFrame:
    """Return cohort and role by case; those of a pair name the real side first."""
    truth = case_truth(table)
    sides = [
        sorted(zip(role.split("|"), cohort.split("|"), strict=False))
        if "|" in role
        else [(role, cohort)]
        for role, cohort in zip(truth["role"], truth["cohort"], strict=True)
    ]
    named = pd.DataFrame(
        {
            "cohort": ["|".join(cohort for _, cohort in pair) for pair in sides],
            "role": ["|".join(role for role, _ in pair) for pair in sides],
        },
        index=[_one_name(case) for case in truth.index],
    )
    return named[~named.index.duplicated()]


def _one_name(case: str) -> str:
    """Return the same name for a pair of cases whichever stood on the left."""
    return "|".join(sorted(case.split("|")))
