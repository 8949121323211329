"""Any number of options."""

from typing import Literal

from evalsuite.study.protocol.kinds.choice import Options
from evalsuite.study.protocol.kinds.numbered import is_whole
from evalsuite.study.protocol.kinds.question import Question


class Multiple(Question):
    """Any number of unordered options; the answer lists those that apply, 1 for the first.

    A required question wants at least one of them, so give it an option for "none".
    """

    scale = "none"
    form = "several"
    analysis = "options"
    answered = "any of: {labels}"

    kind: Literal["multiple"] = "multiple"
    options: Options

    @property
    def labels(self) -> tuple[str, ...]:
        """The options."""
        return self.options

    def taken(self, answer: object) -> list[int]:
        """Return the numbers of the options that apply, ascending."""
        if (
            not isinstance(answer, list)
            or not all(is_whole(item, len(self.options)) for item in answer)
            or len(set(answer)) < len(answer)
        ):
            raise self.refusal(
                answer,
                f"a list of whole numbers from 1 to {len(self.options)}, each at most once",
            )
        return sorted(int(item) for item in answer)
