"""Who is tested and who is trained on: by subject, the same for every arm."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.cohort import Cohort

COLUMN = "split"
TRAIN, TEST = "train", "test"
FEWEST_TESTED = 2


@dataclass(frozen=True, slots=True)
class Splits:
    """The subjects of an experiment.

    One test set serves every repeat, so that repeats and tested subjects are crossed and their
    parts in the variance can be told apart. A repeat draws an order of the training subjects; a
    share is its beginning, so that the shares of a repeat are nested.

    Args:
        test: the held-out subjects.
        orders: for each repeat, the training subjects in a random order.
        volumes: by subject, the places of their volumes in the cohort.
        told: whether the manifest named the test set.
    """

    test: tuple[str, ...]
    orders: tuple[tuple[str, ...], ...]
    volumes: Mapping[str, tuple[int, ...]]
    told: bool

    @property
    def tested(self) -> list[int]:
        """Places of the held-out volumes in the cohort."""
        return self._places(self.test)

    def count(self, share: float) -> int:
        """Return how many subjects are a share, in per cent; halves are rounded up."""
        return math.floor(len(self.orders[0]) * share / 100 + 0.5)

    def training(self, share: float, repeat: int) -> list[int]:
        """Return the places of the volumes that a share of a repeat trains on."""
        return self._places(self.orders[repeat][: self.count(share)])

    def _places(self, subjects: Sequence[str]) -> list[int]:
        return [place for subject in subjects for place in self.volumes[subject]]


def subjects(cohort: Cohort) -> list[str]:
    """Return the subject of each volume of a checked cohort; a file without one is its own.

    Raises:
        EvalsuiteError: if two subjects have the same volume, which would lie on both sides.
    """
    names = [entry.subject or entry.id for entry in cohort.entries]
    first: dict[str, int] = {}
    for i, info in enumerate(cohort.infos):
        j = first.setdefault(info.voxel_digest, i)
        if names[i] != names[j]:
            raise EvalsuiteError(
                f"{cohort.entries[i].id} is a copy of {cohort.entries[j].id}, which is of another "
                "subject: one could be trained on and the other tested. Remove one of them."
            )
    return names


def split(
    cohort: Cohort, *, shares: Sequence[float], repeats: int, test: float, seed: int
) -> Splits:
    """Hold out subjects and order the others anew for each repeat.

    Args:
        cohort: a checked cohort; where its table has the column `split`, that tells by `train`
            and `test` who is held out.
        shares: in per cent of the training subjects.
        test: share of the subjects to hold out otherwise.

    Raises:
        EvalsuiteError: if subjects are too few, or the column is not to be understood.
    """
    names = subjects(cohort)
    volumes: dict[str, tuple[int, ...]] = {}
    for place, name in enumerate(names):
        volumes[name] = (*volumes.get(name, ()), place)
    rng = np.random.default_rng(seed)
    everyone = [str(name) for name in rng.permutation(sorted(volumes))]
    sides = _told(cohort, names)
    if sides:
        held = [name for name in everyone if sides[name] == TEST]
    else:
        held = everyone[: math.floor(test * len(everyone) + 0.5)]
    pool = sorted(set(everyone) - set(held))
    if len(held) < FEWEST_TESTED or not pool:
        raise EvalsuiteError(
            f"{cohort.source}: of {len(everyone)} subjects {len(held)} are held out and "
            f"{len(pool)} left to train on; expected at least {FEWEST_TESTED} and 1. "
            "Add subjects or change --test."
        )
    orders = tuple(tuple(str(s) for s in rng.permutation(pool)) for _ in range(repeats))
    splits = Splits(tuple(sorted(held)), orders, volumes, bool(sides))
    _refuse_small_shares(splits, shares, len(pool))
    return splits


def _told(cohort: Cohort, names: Sequence[str]) -> dict[str, str]:
    """Return what the column `split` says of each subject, nothing where there is none."""
    sides: dict[str, str] = {}
    if not any(entry.covariates.get(COLUMN) for entry in cohort.entries):
        return sides
    for entry, name in zip(cohort.entries, names, strict=True):
        side = entry.covariates.get(COLUMN, "")
        if side not in (TRAIN, TEST):
            raise EvalsuiteError(
                f'{cohort.source}: {entry.id} has "{side}" in the column {COLUMN}; '
                f"expected {TRAIN} or {TEST}."
            )
        if sides.setdefault(name, side) != side:
            raise EvalsuiteError(
                f"{cohort.source}: the volumes of {name} are partly {TRAIN} and partly {TEST} in "
                f"the column {COLUMN}; a subject must be on one side."
            )
    return sides


def _refuse_small_shares(splits: Splits, shares: Sequence[float], pool: int) -> None:
    counts: dict[int, float] = {}
    for share in sorted(shares):
        count = splits.count(share)
        if count == 0:
            raise EvalsuiteError(
                f"A share of {share:g} % of {pool} training subjects is not one subject. "
                f"Use at least {math.ceil(5000 / pool) / 100:g} %, or add subjects."
            )
        if count in counts:
            raise EvalsuiteError(
                f"The shares {counts[count]:g} % and {share:g} % are both {count} of {pool} "
                "training subjects. Leave one out, or add subjects."
            )
        counts[count] = share
