"""The one sentence on whom or what a statistic does not rest on."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from evalsuite.records import Caveat

LEFT_OUT = Caveat("left-out", "Left out, as {why}: {who}.")
SOME_LEFT_OUT = Caveat("some-left-out", "Left out, as {why}: {n} of {size} {of}.")


def left_out(why: str, left: Bool[np.ndarray, " n"], of: Sequence[str] | str) -> tuple[Caveat, ...]:
    """Return the sentence that says who or what was left out, and why; none for nobody.

    Args:
        why: as it follows "as", without a full stop.
        left: who or what was left out.
        of: their names; or a noun in the plural, such as "cases", where they are only counted.

    Example:
        >>> print(*left_out("they gave no answer", np.array([True, False]), ("A", "B")))
        Left out, as they gave no answer: A.
        >>> print(*left_out("nobody answered them", np.array([True, False]), "cases"))
        Left out, as nobody answered them: 1 of 2 cases.
    """
    if not left.any():
        return ()
    if isinstance(of, str):
        return (SOME_LEFT_OUT(why=why, n=int(left.sum()), size=left.size, of=of),)
    who = ", ".join(name for name, out in zip(of, left, strict=True) if out)
    return (LEFT_OUT(why=why, who=who),)
