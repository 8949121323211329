"""What a reader is asked of a case: any questions, and templates of the usual ones."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import Field

from evalsuite.declared import Declared, validated
from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.plugins import available, load
from evalsuite.study.protocol.kinds.analogue import Analogue
from evalsuite.study.protocol.kinds.choice import Choice
from evalsuite.study.protocol.kinds.confidence import Confidence
from evalsuite.study.protocol.kinds.forced_choice import ForcedChoice
from evalsuite.study.protocol.kinds.likert import Likert
from evalsuite.study.protocol.kinds.marks import Marks
from evalsuite.study.protocol.kinds.multiple import Multiple
from evalsuite.study.protocol.kinds.question import Answer, Question
from evalsuite.study.protocol.kinds.text import FreeText

KINDS: dict[str, type[Question]] = {
    name: load("question_kinds", name) for name in available("question_kinds")
}
for _name, _kind in KINDS.items():
    if _kind.model_fields["kind"].default != _name:
        raise EvalsuiteError(
            f'The entry point "{_name}" of evalsuite.question_kinds is a kind that calls itself '
            f'"{_kind.model_fields["kind"].default}". Call both alike.'
        )

if TYPE_CHECKING:
    AnyQuestion = Question
else:  # a question of one of the kinds that are installed, told apart by `kind`
    AnyQuestion = Annotated[reduce(or_, KINDS.values()), Field(discriminator="kind")]


class Asked(Declared):
    """The questions of a study."""

    questions: tuple[AnyQuestion, ...]


def parse_questions(
    values: Sequence[Mapping[str, object]], origin: str = "the design of the study"
) -> tuple[Question, ...]:
    """Return the questions that `model_dump` turned into plain values, as a study stores them.

    Args:
        origin: where they come from, for the messages.

    Raises:
        EvalsuiteError: if they are none, or of a kind that is not installed.
    """
    try:
        return validated(Asked, {"questions": values}, origin).questions
    except EvalsuiteError as error:
        mend = "A kind of question that another package declares needs that package."
        raise EvalsuiteError(f"{error} {mend}") from None


def check_answers(questions: Sequence[Question], answers: object) -> dict[str, Answer]:
    """Return one checked answer for every question of a presentation, in their order.

    Args:
        answers: a mapping from the names of questions to answers, as the browser sent it.

    Raises:
        EvalsuiteError: for the first answer that is missing or impossible, or a name of no
            question.
    """
    if not isinstance(answers, dict):
        raise EvalsuiteError("The answers are no table; expected one answer for each question.")
    known = [question.name for question in questions]
    for name in answers:
        if name not in known:
            raise EvalsuiteError(
                f'There is an answer to "{str(name)[:60]}", which is no question of this study; '
                f"expected {', '.join(known)}."
            )
    return {question.name: question.check(answers.get(question.name)) for question in questions}


# Table 1 of Khader et al., Scientific Reports 13:7303 (2023), shortened; its options A to D are the
# answers 1 to 4.
_PAPER = (
    Choice(
        name="appearance",
        text="Realistic image appearance",
        options=(
            "Overall not recognisable as CT/MRI",
            "Overall unrealistic but generally recognisable as CT/MRI",
            "Overall realistic with only minor unrealistic areas",
            "Can't tell whether fake or not",
        ),
    ),
    Choice(
        name="anatomy",
        text="Anatomical correctness",
        options=(
            "Region not recognisable",
            "Region recognisable but major parts anatomically incorrect",
            "Only minor anatomic incorrectness",
            "Anatomic features correct",
        ),
    ),
    Choice(
        name="consistency",
        text="Consistency between slices",
        options=(
            "No consistent slices",
            "Only few (up to 3) consistent",
            "Majority (more than 10) consistent",
            "All consistent",
        ),
    ),
)

TEMPLATES: dict[str, tuple[Question, ...]] = {
    "paper": _PAPER,
    "turing": (
        Confidence(name="real_or_synthetic", text="Is this volume real or synthetic?", points=6),
    ),
    "likert": (
        Likert(
            name="quality",
            text="How good is the image quality for diagnosis?",
            low="not diagnostic",
            high="excellent",
        ),
    ),
    "analogue": (
        Analogue(
            name="realism",
            text="How realistic is this volume?",
            low="certainly artificial",
            high="indistinguishable from a scan",
        ),
    ),
    "multiple": (
        Multiple(
            name="faults",
            text="What is wrong with this volume?",
            options=(
                "Nothing",
                "Blurring",
                "Noise or texture unlike a scan",
                "Implausible anatomy",
                "Breaks between slices",
                "Artefacts at the border",
                "Something else",
            ),
            exclusive="Nothing",
        ),
    ),
    "marks": (
        Marks(
            name="places",
            text="Where is it wrong?",
            shape="both",
            categories=("Blurred or noisy", "Wrong anatomy", "Broken between slices", "Other"),
        ),
    ),
    "text": (FreeText(name="remarks", text="Remarks"),),
    "2afc": (ForcedChoice(name="real_side", text="Which of the two volumes is real?"),),
}


def of_templates(names: Iterable[str]) -> list[Question]:
    """Return the questions of templates, one after another.

    Raises:
        EvalsuiteError: for a template that there is not.
    """
    questions: list[Question] = []
    for name in names:
        if name not in TEMPLATES:
            raise EvalsuiteError(unknown("template", name, TEMPLATES))
        questions += TEMPLATES[name]
    return questions


def spelled_out(names: Iterable[str]) -> str:
    """Return the questions of templates as YAML, to be changed and put into a design."""
    fields = [
        question.model_dump(mode="json", exclude_none=True) for question in of_templates(names)
    ]
    questions = [{"kind": one.pop("kind"), **one} for one in fields]
    return yaml.safe_dump(
        {"questions": questions}, sort_keys=False, allow_unicode=True, width=float("inf")
    )
