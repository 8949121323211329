"""The kinds of question, and which answers are answers."""

import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import Field, model_validator

from evalsuite.declared import Declared
from evalsuite.errors import EvalsuiteError

Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        json_schema_extra={
            "expected": "1 to 63 small letters, digits, - and _, the first a letter or digit"
        },
    ),
]
Text = Annotated[str, Field(min_length=1, max_length=500)]


class Asked(Declared):
    """What all questions share.

    Args:
        name: short name, the value of the column `question` in every table.
        text: what the reader sees.
        required: whether a case can be submitted without an answer.
    """

    name: Slug
    text: Text
    required: bool = True

    def shown(self) -> dict[str, Any]:
        """Return what the reader's screen needs to draw the question, as JSON values."""
        return self.model_dump(mode="json")

    def _missing(self) -> None:
        """Accept that there is no answer, or refuse."""
        if self.required:
            raise EvalsuiteError(f'The question "{self.name}" has no answer; it needs one.')

    def _wrong(self, answer: object, expected: str) -> EvalsuiteError:
        found = repr(answer)
        found = found if len(found) <= 60 else f"{found[:57]}..."
        return EvalsuiteError(
            f'The answer {found} does not fit the question "{self.name}"; expected {expected}.'
        )


class Ordinal(Asked, ABC):
    """A question whose answers are the whole numbers 1, 2, ... in a meaningful order."""

    @property
    @abstractmethod
    def answers(self) -> int:
        """How many answers there are."""

    @property
    def widest(self) -> float:
        """Difference between the highest and the lowest answer."""
        return self.answers - 1.0

    def check(self, answer: object) -> int | None:
        """Return the answer as a whole number of 1 or more, or None where none is required.

        Raises:
            EvalsuiteError: if it is no answer to this question.
        """
        if answer is None:
            self._missing()
            return None
        if not _is_whole(answer, self.answers):
            raise self._wrong(answer, f"a whole number from 1 to {self.answers}")
        return int(answer)


class Choice(Ordinal):
    """One of several ordered options; the answer is 1 for the first.

    Args:
        options: from the worst to the best.
    """

    kind: Literal["choice"] = "choice"
    options: tuple[Text, ...] = Field(min_length=2, max_length=20)

    @model_validator(mode="after")
    def _distinct(self) -> "Choice":
        _refuse_repeated("option", self.options)
        return self

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return len(self.options)


class Confidence(Ordinal):
    """Real or synthetic, with how sure the reader is: a visual Turing test.

    The answer runs from 1, definitely synthetic, to `points`, definitely real. Six points force a
    decision, five have a middle. An ROC curve over the points is the usual analysis.
    """

    kind: Literal["confidence"] = "confidence"
    points: Literal[5, 6] = 6

    @property
    def options(self) -> tuple[str, ...]:
        """The labels of the points, in order."""
        return _CONFIDENCE[self.points]

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return self.points

    def shown(self) -> dict[str, Any]:
        """Return what the reader's screen needs to draw the question, as JSON values."""
        return {**super().shown(), "options": list(self.options)}


class Likert(Ordinal):
    """Agreement or quality on a short scale of which only the ends are labelled.

    Args:
        points: number of answers; 1 is the end labelled `low`.
        low, high: labels of the two ends.
    """

    kind: Literal["likert"] = "likert"
    points: int = Field(default=5, ge=2, le=11)
    low: Text = "strongly disagree"
    high: Text = "strongly agree"

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return self.points


class Analogue(Asked):
    """A visual analogue scale: a place on a line, from 0 at `low` to 100 at `high`."""

    kind: Literal["analogue"] = "analogue"
    low: Text
    high: Text

    @property
    def widest(self) -> float:
        """Difference between the highest and the lowest answer."""
        return 100.0

    def check(self, answer: object) -> float | None:
        """Return the answer in [0, 100], or None where none is required.

        Raises:
            EvalsuiteError: if it is no answer to this question.
        """
        if answer is None:
            self._missing()
            return None
        if not _is_number(answer) or not 0 <= answer <= 100:
            raise self._wrong(answer, "a number from 0 to 100")
        return float(answer)


class Multiple(Asked):
    """Any number of unordered options; the answer lists those that apply, 1 for the first.

    A required question wants at least one of them, so give it an option for "none".
    """

    kind: Literal["multiple"] = "multiple"
    options: tuple[Text, ...] = Field(min_length=2, max_length=20)

    @model_validator(mode="after")
    def _distinct(self) -> "Multiple":
        _refuse_repeated("option", self.options)
        return self

    @property
    def widest(self) -> None:
        """None: the answers have no order."""

    def check(self, answer: object) -> list[int] | None:
        """Return the numbers of the options that apply, ascending, or None for no answer.

        Raises:
            EvalsuiteError: if it is no answer to this question.
        """
        if answer is None or answer == []:
            self._missing()
            return None if answer is None else []
        if (
            not isinstance(answer, list)
            or not all(_is_whole(item, len(self.options)) for item in answer)
            or len(set(answer)) < len(answer)
        ):
            raise self._wrong(
                answer,
                f"a list of whole numbers from 1 to {len(self.options)}, each at most once",
            )
        return sorted(int(item) for item in answer)


class FreeText(Asked):
    """A remark in the reader's own words."""

    kind: Literal["text"] = "text"
    required: bool = False
    max_length: int = Field(default=2000, ge=1, le=20_000)

    @property
    def widest(self) -> None:
        """None: the answers have no order."""

    def check(self, answer: object) -> str | None:
        r"""Return the text without surrounding space, or None for no answer.

        Lines end in "\n"; other control characters and lone surrogates, which no database
        stores, are dropped. Nothing is escaped: that is for whoever prints it.

        Raises:
            EvalsuiteError: if it is no text or is too long.
        """
        if answer is not None and not isinstance(answer, str):
            raise self._wrong(answer, "text")
        text = (answer or "").replace("\r\n", "\n").replace("\r", "\n")
        text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _UNSTORED)
        text = text.strip()
        if not text:
            self._missing()
            return None
        if len(text) > self.max_length:
            raise EvalsuiteError(
                f'The answer to the question "{self.name}" has {len(text)} characters; '
                f"expected at most {self.max_length}."
            )
        return text


class ForcedChoice(Ordinal):
    """Which of two volumes shown side by side is the real one: 1 the left, 2 the right.

    Two-alternative forced choice. It is free of each reader's own threshold for calling a volume
    real: the share of right answers is the area under the ROC curve (Green and Swets, Signal
    Detection Theory and Psychophysics, 1966, chapter 2).
    """

    kind: Literal["forced_choice"] = "forced_choice"

    @property
    def options(self) -> tuple[str, str]:
        """The labels of the two answers, in order."""
        return ("Left", "Right")

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return len(self.options)

    @property
    def widest(self) -> float:
        """Largest distance of the share of right answers from chance."""
        return 0.5

    def shown(self) -> dict[str, Any]:
        """Return what the reader's screen needs to draw the question, as JSON values."""
        return {**super().shown(), "options": list(self.options)}


def _is_number(answer: object) -> TypeGuard[int | float]:
    return isinstance(answer, int | float) and not isinstance(answer, bool)


def _is_whole(answer: object, highest: int) -> TypeGuard[int | float]:
    """Tell whether the answer is one of 1 ... highest; 3.0 is, True is not."""
    return _is_number(answer) and answer in range(1, highest + 1)


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        msg = f'the {what} "{repeated[0]}" appears twice'
        raise ValueError(msg)


_UNSTORED = ("Cc", "Cs")  # Unicode categories: control characters, surrogates

_CONFIDENCE = {
    5: (
        "Definitely synthetic",
        "Probably synthetic",
        "Cannot tell",
        "Probably real",
        "Definitely real",
    ),
    6: (
        "Definitely synthetic",
        "Probably synthetic",
        "Possibly synthetic",
        "Possibly real",
        "Probably real",
        "Definitely real",
    ),
}
