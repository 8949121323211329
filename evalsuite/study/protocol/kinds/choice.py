"""One of several ordered options."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from evalsuite.study.protocol.kinds.numbered import Numbered, distinct
from evalsuite.study.protocol.kinds.question import Text

Options = Annotated[tuple[Text, ...], Field(min_length=2, max_length=20), AfterValidator(distinct)]


class Choice(Numbered):
    """One of several ordered options; the answer is 1 for the first.

    Args:
        options: from the worst to the best.
    """

    scale = "ordinal"

    kind: Literal["choice"] = "choice"
    options: Options

    @property
    def labels(self) -> tuple[str, ...]:
        """The options."""
        return self.options
