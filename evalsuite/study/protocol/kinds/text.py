"""A remark."""

import unicodedata
from typing import Literal

from pydantic import Field

from evalsuite.errors import EvalsuiteError
from evalsuite.study.protocol.kinds.question import Question

UNSTORED = ("Cc", "Cs")  # Unicode categories: control characters, surrogates


class FreeText(Question):
    """A remark in the reader's own words.

    Args:
        max_length: characters of the longest one.
    """

    scale = "none"
    form = "text"
    analysis = "remarks"
    answered = "in the reader's own words"
    summary = "free text"

    kind: Literal["text"] = "text"
    required: bool = False
    max_length: int = Field(default=2000, ge=1, le=20_000)

    def taken(self, answer: object) -> str | None:
        r"""Return the text without surrounding space, None if nothing is left.

        Lines end in "\n"; other control characters and lone surrogates, which no database
        stores, are dropped. Nothing is escaped: that is for whoever prints it.
        """
        if not isinstance(answer, str):
            raise self.refusal(answer, "text")
        text = answer.replace("\r\n", "\n").replace("\r", "\n")
        text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in UNSTORED)
        text = text.strip()
        if len(text) > self.max_length:
            raise EvalsuiteError(
                f'The answer to the question "{self.name}" has {len(text)} characters; '
                f"expected at most {self.max_length}."
            )
        return text or None
