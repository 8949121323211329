"""Any number of options."""

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from evalsuite.study.protocol.kinds.choice import Options
from evalsuite.study.protocol.kinds.numbered import is_whole
from evalsuite.study.protocol.kinds.question import Question, Text


class Multiple(Question):
    """Any number of unordered options; the answer lists those that apply, 1 for the first.

    A required question wants at least one of them, so give it an option for "none".

    Args:
        options: what the reader may tick.
        exclusive: the option that goes with no other, such as that for "none".
    """

    scale = "none"
    form = "several"
    analysis = "options"
    answered = "any of: {labels}"

    kind: Literal["multiple"] = "multiple"
    options: Options
    exclusive: Text | None = None

    @model_validator(mode="after")
    def _among_options(self) -> "Multiple":
        if self.exclusive is not None and self.exclusive not in self.options:
            msg = (
                f'exclusive is "{self.exclusive}", which is none of the options; '
                f"expected one of {', '.join(self.options)}"
            )
            raise ValueError(msg)
        return self

    @model_serializer(mode="wrap")
    def _as_declared(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `exclusive` out where it is not used, as designs did before there was one."""
        return {k: v for k, v in fields(self).items() if k != "exclusive" or v is not None}

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
        chosen = sorted(int(item) for item in answer)
        if len(chosen) > 1 and self.exclusive in [self.options[item - 1] for item in chosen]:
            raise self.refusal(answer, f'nothing beside "{self.exclusive}"')
        return chosen
