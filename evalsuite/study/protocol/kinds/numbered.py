"""Questions whose answers are numbered 1, 2, ..., and what is a number at all."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeGuard

from evalsuite.study.protocol.kinds.question import Question


class Numbered(Question):
    """A question that is answered by one of its `labels`, 1 for the first."""

    form = "options"

    def taken(self, answer: object) -> int:
        """Return the answer as a whole number of 1 or more."""
        if not is_whole(answer, len(self.labels)):
            raise self.refusal(answer, f"a whole number from 1 to {len(self.labels)}")
        return int(answer)


def is_number(answer: object) -> TypeGuard[int | float]:
    """Tell whether the answer is a number; True is none."""
    return isinstance(answer, int | float) and not isinstance(answer, bool)


def is_whole(answer: object, highest: int) -> TypeGuard[int | float]:
    """Tell whether the answer is one of 1 ... highest; 3.0 is, True is not."""
    return is_number(answer) and answer in range(1, highest + 1)


def distinct(options: Sequence[str]) -> Sequence[str]:
    """Return options of which no two are the same, or raise ValueError."""
    repeated = [option for option, count in Counter(options).items() if count > 1]
    if repeated:
        msg = f'the option "{repeated[0]}" appears twice'
        raise ValueError(msg)
    return options
