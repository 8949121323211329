"""How far the feature maps of both volumes of a pair are apart, place by place, and of strangers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import Extractor, Mapped
from evalsuite.features import FeatureCache
from evalsuite.memory import Kept
from evalsuite.metrics.paired.perceptual import map_distance
from evalsuite.preparation import Preparation
from evalsuite.preprocessed import PreprocessedVolumes
from evalsuite.resources import Resources
from evalsuite.volumes.cohort import Cohort

Apart = dict[tuple[str, str], Float[np.ndarray, "n l"]]


def refuse_without_maps(extractors: Sequence[Extractor]) -> None:
    """Raise EvalsuiteError if no extractor has feature maps."""
    if not any(isinstance(e, Mapped) and e.has_maps for e in extractors):
        names = ", ".join(extractor.name for extractor in extractors)
        raise EvalsuiteError(
            f"The metric paired_perceptual is of feature maps, and {names} has none. Name a network of "
            "convolutions over volumes with --extractor, such as medicalnet-resnet10-23datasets."
        )


def map_distances(
    real: Cohort,
    synthetic: Sequence[Cohort],
    pairs: Mapping[str, Sequence[int]],
    extractors: Sequence[Extractor],
    preparations: Mapping[str, Preparation],
    resources: Resources,
) -> Apart:
    """Return by extractor and cohort the distances of each layer, one row a volume.

    Of a synthetic volume that to its real one, of a real one that to the next real one of another
    subject, nan where there is none of the same shape. They are kept in the cache of features.

    Args:
        pairs: by synthetic cohort, the place of each volume's real one.
    """
    found: Apart = {}
    for extractor in extractors:
        if isinstance(extractor, Mapped) and extractor.has_maps:
            steps = preparations[extractor.name]
            of_extractor = _distances(extractor, steps, real, synthetic, pairs, resources)
            found |= {(extractor.name, cohort): table for cohort, table in of_extractor.items()}
    return found


def _distances(
    extractor: Mapped,
    steps: Preparation,
    real: Cohort,
    synthetic: Sequence[Cohort],
    pairs: Mapping[str, Sequence[int]],
    resources: Resources,
) -> dict[str, Float[np.ndarray, "n l"]]:
    """Return the distances by cohort, see `map_distances`."""
    volumes = {real.name: PreprocessedVolumes(real, steps.of(real), Kept(0))}
    jobs = [(place, real, other) for place, other in strangers(real)]
    for cohort in synthetic:
        onto = [real.infos[place] for place in pairs[cohort.name]]
        volumes[cohort.name] = PreprocessedVolumes(cohort, steps.of(cohort), Kept(0), onto)
        jobs += [(place, cohort, i) for i, place in enumerate(pairs[cohort.name])]

    # Of real volumes the maps of one and of the next are needed, which is its stranger.
    @lru_cache(maxsize=2)
    def maps_of(place: int) -> list[Float[np.ndarray, "c ..."]]:
        return extractor.maps(volumes[real.name][place].numpy())

    def made(place: int, cohort: Cohort, i: int) -> Float[np.ndarray, " l"]:
        own = maps_of(place)
        others = maps_of(i) if cohort is real else extractor.maps(volumes[cohort.name][i].numpy())
        if [maps.shape for maps in own] != [maps.shape for maps in others]:
            return np.empty(0)
        both = zip(map(torch.from_numpy, own), map(torch.from_numpy, others), strict=True)
        return np.array([map_distance(*layer) for layer in both])

    cache, rows = FeatureCache(resources.cache), {}
    name = f"{extractor.name}: feature maps of pairs"
    with resources.progress(name, len(jobs)) as advance:
        for place, cohort, i in sorted(jobs, key=lambda job: job[0]):
            key = f"maps {real.infos[place].key} {steps.of(real).hash} {cohort.infos[i].key}"
            (file,) = cache.paths([key], steps.of(cohort), extractor)
            row = cache.kept(file, extractor, resources.tell)
            if row is None:
                row = made(place, cohort, i)
                cache.store(file, row)
            rows[cohort.name, place if cohort is real else i] = row
            advance()
    layers = max(map(len, rows.values()))
    nothing = np.full(layers, np.nan)
    return {
        cohort.name: np.stack([
            row if len(row := rows.get((cohort.name, i), nothing)) else nothing
            for i in range(len(cohort.entries))
        ])
        for cohort in (real, *synthetic)
    }  # fmt: skip


def strangers(cohort: Cohort) -> list[tuple[int, int]]:
    """Return for each volume the next one of another subject, the first following the last."""
    subjects = cohort.subjects
    n = len(subjects)
    found = []
    for place in range(n):
        others = (other % n for other in range(place + 1, place + n))
        other = next((other for other in others if subjects[other] != subjects[place]), None)
        if other is not None:
            found.append((place, other))
    return found
