"""Which of two volumes is real."""

from typing import Literal

from evalsuite.study.protocol.kinds.numbered import Numbered


class ForcedChoice(Numbered):
    """Which of two volumes shown side by side is the real one: 1 the left, 2 the right.

    Two-alternative forced choice. It is free of each reader's own threshold for calling a volume
    real: the share of right answers is the area under the ROC curve (Green and Swets, Signal
    Detection Theory and Psychophysics, 1966, chapter 2).
    """

    scale = "nominal"
    analysis = "choice"
    shows = "pair"
    answered = "left or right"
    summary = "one of two"

    kind: Literal["forced_choice"] = "forced_choice"

    @property
    def labels(self) -> tuple[str, str]:
        """The labels of the two answers, in order."""
        return ("Left", "Right")

    @property
    def widest(self) -> float:
        """Largest distance of the share of right answers from chance."""
        return 0.5
