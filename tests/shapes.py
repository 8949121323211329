"""The shapes that annotations promise, checked while tests run."""

from collections import Counter
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from beartype import beartype

CALLS = 3  # of a function in each test: checking all of them took a third of the tests' time
calls: Counter[Callable[..., Any]] = Counter()  # in the test that runs


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the first calls by beartype; a typechecker for jaxtyping."""
    strict = cache(lambda: beartype(function))  # which takes seconds for all that is imported

    @wraps(function)
    def first_checked(*args: Any, **kwargs: Any) -> Any:
        calls[function] += 1
        return (strict() if calls[function] <= CALLS else function)(*args, **kwargs)

    return first_checked
