"""The simulated population of brains as a generator: to try what follows on a sampler."""

from collections.abc import Iterator

from evalsuite.volumes.population import simulate
from evalsuite.volumes.volume import Volume


def simulated_brains(
    n: int, seed: int, spacing: float = 4.0, variability: float = 1.0
) -> Iterator[Volume]:
    """Deform one template at random; to try the suite with, never to support a claim."""
    for index in range(n):
        yield simulate(index, seed=seed, spacing=spacing, variability=variability)
