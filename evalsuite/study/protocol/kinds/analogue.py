"""A place on a line."""

from typing import Literal

from evalsuite.study.protocol.kinds.numbered import is_number
from evalsuite.study.protocol.kinds.question import Question, Text


class Analogue(Question):
    """A visual analogue scale: a place on a line, from 0 at `low` to 100 at `high`.

    Args:
        low, high: what the ends of the line are called.
    """

    scale = "interval"
    form = "line"
    answered = "a place on a line from 0, {low}, to 100, {high}"
    summary = "a line from 0 to 100"

    kind: Literal["analogue"] = "analogue"
    low: Text
    high: Text

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the line."""
        return 0.0, 100.0

    def taken(self, answer: object) -> float:
        """Return the answer in [0, 100]."""
        if not is_number(answer) or not 0 <= answer <= 100:
            raise self.refusal(answer, "a number from 0 to 100")
        return float(answer)
