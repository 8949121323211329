"""Where something is wrong: points or boxes in the volume."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from evalsuite.study.protocol.kinds.numbered import distinct, is_number, is_whole
from evalsuite.study.protocol.kinds.question import Question, Text

MARKS = "marks"
DECIMALS = 2  # of a voxel
FORMS = {"point": "points", "box": "boxes", "both": "points and boxes"}
Categories = Annotated[tuple[Text, ...], Field(max_length=9), AfterValidator(distinct)]
Mark = dict[str, Any]


class Marks(Question):
    """Places in the volume that the reader marks; an empty list says that there are none.

    A mark is a table: `voxel`, and `end` for the opposite corner of a box, both along the patient's
    right, anterior and superior, where whole numbers are the middles of voxels; `category`, 1 for
    the first, where there are categories; `side` of a pair, 1 the left.

    Args:
        shape: what can be marked: a `point`, a `box`, or `both`.
        categories: of which each mark has one.
        most: how many marks there can be.
    """

    scale = "none"
    form = "marks"
    analysis = MARKS
    answered = "up to {most} {shapes} in the volume{of}, or that there is nothing to mark"
    summary = "{shapes} in the volume"

    kind: Literal["marks"] = "marks"
    shape: Literal["point", "box", "both"] = "point"
    categories: Categories = ()
    most: int = Field(default=20, ge=1, le=100)

    def worded(self, template: str) -> str:
        """Return `answered` or `summary` of this question."""
        of = f", each one of: {'; '.join(self.categories)}" if self.categories else ""
        return template.format(most=self.most, shapes=FORMS[self.shape], of=of)

    def check(self, answer: object) -> list[Mark] | None:
        """Return the marks as they are stored; none of them is an answer, None is not."""
        if answer is not None:
            return self.taken(answer)
        super().check(answer)
        return None

    def taken(self, answer: object) -> list[Mark]:
        """Return the marks as they are stored: of a box the lower corner first."""
        if not isinstance(answer, list) or len(answer) > self.most:
            raise self.refusal(answer, f"a list of at most {self.most} marks")
        return [self._mark(mark) for mark in answer]

    def check_places(self, marks: Sequence[Mark], shape: Sequence[int], sides: int) -> None:
        """Refuse marks beyond the case, or of no side of a pair.

        Args:
            marks: as `check` returns them.
            shape: voxels of the case.
            sides: 2 for a pair.
        """
        for mark in marks:
            corners: list[list[float]] = [mark[end] for end in ("voxel", "end") if end in mark]
            if ("side" in mark) != (sides > 1):
                raise self.refusal(mark, "a side for each mark in a pair, and none in one volume")
            for place in corners:
                if not all(-0.5 <= at <= n - 0.5 for at, n in zip(place, shape, strict=True)):
                    size = " x ".join(map(str, shape))
                    raise self.refusal(mark, f"a place within the {size} voxels of the case")

    def _mark(self, mark: object) -> Mark:
        known = {"voxel", "end", "category", "side"}
        if not isinstance(mark, dict) or not set(mark) <= known or not _is_place(mark.get("voxel")):
            raise self.refusal(mark, "a mark with the three numbers of its voxel")
        if ("end" in mark) != (self.shape == "box") and self.shape != "both":
            raise self.refusal(mark, "two corners" if self.shape == "box" else "a point, not a box")
        if "end" in mark and not _is_place(mark["end"]):
            raise self.refusal(mark, "three numbers for the opposite corner of a box")
        if self.categories:
            if not is_whole(mark.get("category"), len(self.categories)):
                raise self.refusal(mark, f"a category from 1 to {len(self.categories)}")
        elif "category" in mark:
            raise self.refusal(mark, "no category, as the question has none")
        if "side" in mark and not is_whole(mark["side"], 2):
            raise self.refusal(mark, "the side 1 or 2")
        corners = [
            [round(float(at), DECIMALS) for at in mark[e]] for e in ("voxel", "end") if e in mark
        ]
        ends = [list(map(pick, *corners)) for pick in (min, max)] if len(corners) == 2 else corners
        numbers = {name: int(mark[name]) for name in ("category", "side") if name in mark}
        return dict(zip(("voxel", "end"), ends, strict=False)) | numbers


def _is_place(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(is_number(at) and math.isfinite(at) for at in value)
    )
