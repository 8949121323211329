"""The visual Turing test: real or synthetic, and how sure."""

from typing import Literal

from evalsuite.study.protocol.kinds.numbered import Numbered

LABELS = {
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


class Confidence(Numbered):
    """Real or synthetic, with how sure the reader is: a visual Turing test.

    The answer runs from 1, definitely synthetic, to `points`, definitely real. Six points force a
    decision, five have a middle. An ROC curve over the points is the usual analysis.

    Args:
        points: how many degrees there are.
    """

    scale = "ordinal"
    analysis = "turing"
    shows = "case"

    kind: Literal["confidence"] = "confidence"
    points: Literal[5, 6] = 6

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the points, in order."""
        return LABELS[self.points]
