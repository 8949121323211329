"""A short scale with labelled ends."""

from typing import Any, Literal

from pydantic import Field

from evalsuite.study.protocol.kinds.numbered import Numbered
from evalsuite.study.protocol.kinds.question import Text


class Likert(Numbered):
    """Agreement or quality on a short scale of which only the ends are labelled.

    Args:
        points: number of answers; 1 is the end labelled `low`.
        low, high: labels of the two ends.
    """

    scale = "ordinal"

    kind: Literal["likert"] = "likert"
    points: int = Field(default=5, ge=2, le=11)
    low: Text = "strongly disagree"
    high: Text = "strongly agree"

    @property
    def labels(self) -> tuple[str, ...]:
        """Every answer with its number."""
        middle = (str(point) for point in range(2, self.points))
        return (f"1 {self.low}", *middle, f"{self.points} {self.high}")

    def shown(self) -> dict[str, Any]:
        """Return what the reader's screen needs; it puts the numbers there itself."""
        return {**super().shown(), "options": [self.low, *[""] * (self.points - 2), self.high]}
