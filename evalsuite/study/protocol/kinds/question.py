"""What a kind of question declares: design, form, scale, export and analyses, in one class.

Schedule, screen, export, statistics and reports read these declarations; none of them knows a kind
by its name. A kind is found by its entry point in `evalsuite.question_kinds`.
"""

import json
from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from evalsuite.declared import Declared
from evalsuite.errors import EvalsuiteError
from evalsuite.records import Scale

Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        json_schema_extra={
            "expected": "1 to 63 small letters, digits, - and _, the first a letter or digit"
        },
    ),
]


def _in_quotes(value: object) -> object:
    if type(value) in (bool, int, float):
        why = ", as YAML reads No as false" if isinstance(value, bool) else ""
        msg = f"expected text, but found {json.dumps(value)}; put it in quotes{why}"
        raise ValueError(msg)
    return value


Text = Annotated[str, BeforeValidator(_in_quotes), Field(min_length=1, max_length=500)]
Answer = int | float | str | list[int] | list[dict[str, Any]] | None


class Only(Declared):
    """Which cases a question is asked of: those of the cohorts and of the strata that are named.

    Args:
        cohorts: their names; all where none is named.
        strata: values of the columns `stratify_by`; all where none is named.
    """

    cohorts: tuple[Slug, ...] = ()
    strata: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _some(self) -> "Only":
        if not self.cohorts and not self.strata:
            msg = "only names neither cohorts nor strata; name some, or leave it out"
            raise ValueError(msg)
        return self

    def fits(self, cohort: str, stratum: str) -> bool:
        """Tell whether a case is among them."""
        within = not self.strata or stratum in self.strata
        return within and (not self.cohorts or cohort in self.cohorts)


class Question(Declared):
    """One question of a study, and what every question of its kind has in common.

    Args:
        name: short name, the value of the column `question` in every table.
        text: what the reader sees.
        required: whether a case can be submitted without an answer.
        only: the cases that it is asked of, or the pairs with one of them; all where it is not
            given. What readers are asked must not tell them what a case is, see
            `evalsuite.study.protocol.conditions`.
        kind: the name of the entry point; a kind declares it as a `Literal` with that default.

    A kind declares of all its questions:
        scale: `nominal` (options without order), `ordinal` (1, 2, ... in order), `interval`
            (numbers between `ends`), or `none` where an answer is no single place on a scale.
        form: by which the reader answers: the name of one of `reader_app/viewer/forms`, or the
            path of a JavaScript module such as these.
        analysis: what is done beside what the scale allows: `turing` where higher answers say that
            a case is surer to be real, `choice` where 1 or 2 says which of a pair is, `options`
            for lists of options, `remarks` for texts, `marks` for places in the volume; the name of nothing else does no harm.
        shows: whether it is asked of one `case`, of a `pair`, or of `either`.
        answered, summary: how it is answered, for a table of questions and for a methods section;
            its fields, `labels` and their number `n` may stand in braces.
    """

    scale: ClassVar[Scale]
    form: ClassVar[str | Path]
    analysis: ClassVar[str] = "ratings"
    shows: ClassVar[Literal["case", "pair", "either"]] = "either"
    answered: ClassVar[str] = "one of: {labels}"
    summary: ClassVar[str] = "{n} options"

    name: Slug
    text: Text
    required: bool = True
    only: Only | None = None
    kind: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the answers 1, 2, ...; none where these are not counted."""
        return ()

    @property
    def ends(self) -> tuple[float, float] | None:
        """The lowest and the highest answer, None where answers are no numbers."""
        countable = self.labels and self.scale != "none"
        return (1.0, float(len(self.labels))) if countable else None

    @property
    def widest(self) -> float | None:
        """The largest difference of two means of answers, None where they have no mean."""
        if self.scale not in ("ordinal", "interval") or self.ends is None:
            return None
        return self.ends[1] - self.ends[0]

    def worded(self, template: str) -> str:
        """Return `answered` or `summary` of this question."""
        fields = self.model_dump()
        return template.format(**fields, labels="; ".join(self.labels), n=len(self.labels))

    @abstractmethod
    def taken(self, answer: object) -> Answer:
        """Return an answer as it is stored, None if there is nothing in it.

        Raises:
            EvalsuiteError: if it is no answer to this question, see `refusal`.
        """

    def check(self, answer: object) -> Answer:
        """Return an answer as it is stored, or None where there is none and none is required.

        Raises:
            EvalsuiteError: if it is no answer to this question.
        """
        stored = None if answer is None else self.taken(answer)
        if self.required and stored in (None, []):
            raise EvalsuiteError(f'The question "{self.name}" has no answer; it needs one.')
        return stored

    def refusal(self, answer: object, expected: str) -> EvalsuiteError:
        """Return what is said of a wrong answer."""
        shown = repr(answer)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return EvalsuiteError(
            f'The answer {shown} does not fit the question "{self.name}"; expected {expected}.'
        )

    def shown(self) -> dict[str, Any]:
        """Return what the reader's screen needs to draw the question, as JSON values."""
        told = {"options": list(self.labels), "ends": self.ends, "scale": self.scale}
        return {**self.model_dump(mode="json", exclude={"only"}), **told}
