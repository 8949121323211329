"""Reasons to doubt a statistic for the few readers or cases behind it."""

from evalsuite.records import Caveat

FEW_READERS, FEW_CASES = 6, 20
LITTLE_OF_OTHERS = Caveat(
    "few-readers", "Only {n} readers: the interval says little about other readers."
)
ONE_CASE = Caveat("one-case", "Only 1 case: the interval is rough.")
SOME_CASES = Caveat("few-cases", "Only {n} cases: the interval is rough.")
ONE_READER = Caveat(
    "one-reader", "There is only one reader: the interval speaks of this reader only."
)
FOR_THESE = Caveat(
    "exact-for-these-readers",
    "The interval is the exact one for these readers alone, and conservative.",
)


def few_readers(readers: int) -> tuple[Caveat, ...]:
    """Return a caution where an interval is of other readers and few were drawn from them."""
    return (LITTLE_OF_OTHERS(n=readers),) if readers < FEW_READERS else ()


def few_cases(cases: int) -> tuple[Caveat, ...]:
    """Return a caution where there are few cases."""
    if cases == 1:
        return (ONE_CASE,)
    return (SOME_CASES(n=cases),) if cases < FEW_CASES else ()
