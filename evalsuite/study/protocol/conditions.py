"""Questions that are asked of some cases only, and whether that tells what a case is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.design import StudyDesign
from evalsuite.study.protocol.kinds.question import Question
from evalsuite.study.protocol.questions import parse_questions
from evalsuite.study.truth import CaseTruth

ASKED = "asked"  # in the design that the app knows: by question, the cases it is asked of
TELLS = 0.1  # by how much the share of real cases may differ before it is worth a warning


def asked_of_some(design: StudyDesign, truths: Iterable[CaseTruth]) -> dict[str, list[str]]:
    """Return the cases that each question with `only` is asked of, by question."""
    cases = list(truths)
    return {
        question.name: sorted(t.case for t in cases if question.only.fits(t.cohort, t.stratum))
        for question in design.questions
        if question.only
    }


def questions_of(design: Mapping[str, Any], cases: Sequence[str]) -> tuple[Question, ...]:
    """Return what is asked of a case, or of a pair with one of the cases that a question is for.

    Args:
        design: as the app knows it.
        cases: what is shown.
    """
    asked = design.get(ASKED, {})
    return tuple(
        question
        for question in parse_questions(design["questions"])
        if question.name not in asked or not set(cases).isdisjoint(asked[question.name])
    )


def check_blinding(
    design: StudyDesign, truths: Iterable[CaseTruth], asked: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return a sentence where what is asked of a case makes it likelier to be real or synthetic.

    A pair shows one of each, and its questions are the same whichever is which.

    Args:
        asked: see `asked_of_some`.

    Raises:
        EvalsuiteError: if a case is asked nothing, or what it is asked tells which it is.
    """
    cases = list(truths)
    if not asked or design.paired:
        return []
    of_case = {t.case: tuple(q for q in asked if t.case in set(asked[q])) for t in cases}
    always = len(design.questions) > len(asked)
    roles: dict[tuple[str, ...], Counter[str]] = {}
    for truth in cases:
        roles.setdefault(of_case[truth.case], Counter())[truth.role] += 1
    if not always and () in roles:
        cohorts = sorted({t.cohort for t in cases if not of_case[t.case]})
        raise EvalsuiteError(
            f"Some cases of {', '.join(cohorts)} are asked nothing: every question has an `only` "
            "that leaves them out. Ask a question of all cases."
        )
    overall = Counter(truth.role for truth in cases)
    if len(overall) < 2:
        return []
    sentences = []
    share = overall["real"] / overall.total()
    for pattern, count in sorted(roles.items(), reverse=True):
        what = f"asked {', '.join(pattern)}" if pattern else f"not asked {', '.join(asked)}"
        if len(count) < 2:
            raise EvalsuiteError(
                f"Readers could tell that a case is {next(iter(count))} by what they are asked: "
                f"all {count.total()} cases that are {what} are. Let the `only` of the questions "
                "take in real and synthetic cohorts alike, and leave out both."
            )
        here = count["real"] / count.total()
        if abs(here - share) > TELLS:
            sentences.append(
                f"Of the cases that are {what}, {here:.0%} are real, of all {share:.0%}: a reader "
                "who counts could guess by the questions. Take as many cases of either kind."
            )
    return sentences
