"""The one sentence on whom or what a statistic does not rest on."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool


def left_out(why: str, left: Bool[np.ndarray, " n"], of: Sequence[str] | str) -> tuple[str, ...]:
    """Return the sentence that says who or what was left out, and why; none for nobody.

    Args:
        why: as it follows "as", without a full stop.
        left: who or what was left out.
        of: their names; or a noun in the plural, such as "cases", where they are only counted.

    Example:
        >>> left_out("they gave no answer", np.array([True, False]), ("A", "B"))
        ('Left out, as they gave no answer: A.',)
        >>> left_out("nobody answered them", np.array([True, False]), "cases")
        ('Left out, as nobody answered them: 1 of 2 cases.',)
    """
    if not left.any():
        return ()
    told = [f"{left.sum()} of {left.size} {of}"]
    if not isinstance(of, str):
        told = [name for name, out in zip(of, left, strict=True) if out]
    return (f"Left out, as {why}: {', '.join(told)}.",)
