"""From the long table of a study to one matrix of answers per question and cohort."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError
from evalsuite.records import Caveat
from evalsuite.statistics.answers import CHOICE, Answers, answers_by_question
from evalsuite.statistics.omissions import left_out

NO_TRUTH = Caveat(
    "no-truth",
    "The table does not say which cases are real, as before a study is closed, so cohorts are "
    "not told apart.",
)
CLUSTERED = Caveat(
    "cases-of-one-subject",
    "The {cases} cases of {cohort} show {subjects} subjects only. Cases of one subject are alike, and "
    "what takes cases as independent is too sure.",
)
ALL_CASES = "all cases"
TICKED = 2.0
OPTIONS, TURING = "options", "turing"  # analyses: of lists of options; of whether a case is real


@dataclass(frozen=True, slots=True)
class Rated:
    """The first answers to one question, cohort by cohort.

    Args:
        question, analysis, points, ends: as in `Answers`.
        readers: columns of every matrix.
        cases: rows of each cohort's matrix, by cohort.
        scores: the matrix of each cohort; nan where there is no answer.
        roles: real or synthetic, by cohort; empty where the truth is not told.
        warnings: what to know of all of it.
        subjects: whom each case shows, by cohort; empty where the table does not tell.
    """

    question: str
    analysis: str
    points: int
    ends: tuple[float, float]
    readers: tuple[str, ...]
    cases: dict[str, tuple[str, ...]]
    scores: dict[str, Float[np.ndarray, "c r"]]
    roles: dict[str, str]
    warnings: tuple[Caveat, ...]
    subjects: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def scale(self, points: Mapping[str, int] | None) -> tuple[float, float]:
        """Return the ends of the scale; infinite where it is not told how many options it has."""
        if self.points == 0:
            return self.ends
        known = self.question in (points or {})
        return (1.0, float(self.points)) if known else (-np.inf, np.inf)

    def cohorts(self, role: str) -> list[str]:
        """Return the names of the real or of the synthetic cohorts."""
        return [cohort for cohort, its in self.roles.items() if its == role]


def rated_by_question(
    table: pd.DataFrame, points: Mapping[str, int] | None = None, *, nominal: bool = False
) -> list[Rated]:
    """Return the answers to every question that rates what is shown; choices are left out.

    Args:
        table: the long table of one study, with or without the truth.
        points: by question, how many options it offers.
        nominal: also of questions whose options have no order, and so no mean.

    Raises:
        EvalsuiteError: as `answers_by_question`.
    """
    truth, subjects = case_truth(table), _subjects(table)
    return [
        _rated(answers, truth, subjects)
        for answers in answers_by_question(table, points)
        if answers.scale != "nominal" or (nominal and answers.analysis != CHOICE)
    ]


def ticked_by_question(
    table: pd.DataFrame, points: Mapping[str, int] | None = None
) -> Iterator[tuple[int, Rated]]:
    """Yield every option of every multiple-choice question with 2 where it was ticked, else 1.

    Args:
        table: the long table of one study; answers are lists of options from 1, or such as JSON.
        points: by question, how many options it offers; else the largest that was ticked.

    Raises:
        EvalsuiteError: if an answer is no list of options; as `answers_by_question`.
    """
    asked = table[table["analysis"] == OPTIONS] if "analysis" in table.columns else table.iloc[:0]
    for name, rows in asked.groupby("question", sort=False):
        ticked = [_ticked(answer, str(name)) for answer in rows["answer"]]
        largest = max((option for options in ticked if options for option in options), default=0)
        for option in range(1, (points or {}).get(str(name), largest) + 1):
            codes = [np.nan if t is None else 1.0 + (option in t) for t in ticked]
            alone = rows.assign(scale="ordinal", analysis="ratings", answer=codes)
            yield from ((option, rated) for rated in rated_by_question(alone, {str(name): 2}))


def _ticked(answer: object, question: str) -> list[int] | None:
    """Return the options of one answer; None where there is none."""
    given: object = answer
    if isinstance(answer, str) and answer:
        try:
            given = json.loads(answer)
        except ValueError:
            given = answer
    if given is None or given == "" or (isinstance(given, float) and np.isnan(given)):
        return None
    if not isinstance(given, list) or not all(isinstance(option, int) for option in given):
        raise EvalsuiteError(
            f'The answer {answer!r} does not fit the question "{question}"; '
            "expected a list of options such as [1, 3]."
        )
    return given


def case_truth(table: pd.DataFrame) -> pd.DataFrame:
    """Return cohort and role by case, of the cases whose truth is told."""
    if not {"case", "cohort", "role"} <= set(table.columns):
        return pd.DataFrame(columns=["cohort", "role"])
    truth = table[["case", "cohort", "role"]].replace("", np.nan).dropna()
    return truth.astype(str).drop_duplicates("case").set_index("case")


def _subjects(table: pd.DataFrame) -> "pd.Series[str]":
    """Return whom each case shows; nothing where the table does not tell."""
    if not {"case", "subject"} <= set(table.columns):
        return pd.Series(dtype=str)
    told = table[["case", "subject"]].replace("", np.nan).dropna().astype(str)
    return told.drop_duplicates("case").set_index("case")["subject"]


def _rated(answers: Answers, truth: pd.DataFrame, subjects: "pd.Series[str]") -> Rated:
    warnings = answers.warnings
    cases = pd.Index(answers.cases)
    if truth.empty:
        of_case = pd.Series(ALL_CASES, index=cases)
        roles = {ALL_CASES: ""}
        warnings = (*warnings, NO_TRUTH)
    else:
        of_case = truth["cohort"].reindex(cases)
        named = truth.drop_duplicates("cohort").set_index("cohort")["role"]
        roles = {name: str(named[name]) for name in sorted(of_case.dropna().unique())}
        roles = dict(sorted(roles.items(), key=lambda item: item[1] != "real"))
        unknown = of_case.isna().to_numpy(bool)
        warnings = (*warnings, *left_out("their cohort is not told", unknown, "cases"))
    rows = {name: np.flatnonzero((of_case == name).to_numpy(bool)) for name in roles}
    cases_of = {name: tuple(answers.cases[i] for i in index) for name, index in rows.items()}
    whom = {
        name: tuple(subjects.get(case, case) for case in cases) for name, cases in cases_of.items()
    }
    for name, shown in whom.items():
        if len(set(shown)) < len(shown):
            several = CLUSTERED(cases=len(shown), cohort=name, subjects=len(set(shown)))
            warnings = (*warnings, several)
    return Rated(
        answers.question,
        answers.analysis,
        answers.points,
        answers.ends,
        answers.readers,
        cases_of,
        {name: answers.first[index] for name, index in rows.items()},
        roles,
        warnings,
        {} if subjects.empty else whom,
    )
