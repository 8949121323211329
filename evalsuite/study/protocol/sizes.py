"""The smallest study whose power reaches a target."""

from collections.abc import Callable


def smallest_size(
    power: Callable[[int], float], target: float = 0.8, *, least: int = 2, most: int = 1000
) -> int | None:
    """Return the smallest size of a study whose power reaches the target.

    Args:
        power: by size, such as the number of readers or of cases; does not fall with it.
        target: above 0 and below 1.
        least, most: sizes to look at.

    Returns:
        None where even the largest does not reach it, as where readers differ too much for any
        number of cases.

    Example:
        >>> smallest_size(lambda n: 1 - 0.9**n)
        16
    """
    if power(least) >= target:
        return least
    low, high = least, least
    while power(high) < target:
        if high == most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= target else (middle, high)
    return high
