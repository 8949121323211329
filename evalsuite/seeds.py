"""Random numbers that follow from a seed and a purpose, whatever was drawn before."""

import numpy as np


def sequence(*parts: int | str) -> np.random.SeedSequence:
    """Return the seeds of a purpose, independent of those of any other parts.

    Args:
        parts: numbers from 0 up and names; zeros at the end count for nothing, as in numpy.

    Example:
        >>> sequence(1, "cases").entropy == sequence(1, "names").entropy
        False
    """
    numbers: list[int] = []
    for part in parts:
        numbers.extend(part.encode() if isinstance(part, str) else [part])
    return np.random.SeedSequence(numbers)


def seed_of(*parts: int | str) -> int:
    """Return a single seed of a purpose, below 2^32; see `sequence`."""
    return int(sequence(*parts).generate_state(1)[0])


def dealt(n: int, step: int, count: int, *parts: int | str) -> list[int]:
    """Return which of n things a step deals out; every epoch is a new order of all of them.

    Args:
        n: how many there are.
        step: from 0.
        count: how many a step takes.
        parts: of the seed; see `sequence`.
    """
    places = range(step * count, (step + 1) * count)
    orders = {
        epoch: np.random.default_rng(sequence(*parts, epoch)).permutation(n).tolist()
        for epoch in {place // n for place in places}
    }
    return [orders[place // n][place % n] for place in places]
