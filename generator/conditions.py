"""What a generator can be told of a volume: columns of its table, and its label map.

A number is told standardised by the training volumes' mean and deviation, a class by its place
among theirs; nan stands for what is not told.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.processes import world
from evalsuite.volumes.cohort import Cohort
from generator import distributed
from generator.config import MIRRORED, Kind

Named = str | Mapping[str, str | float] | None
MOST_CLASSES = 8  # different numbers in a column that still count as classes


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a generator was trained on.

    Args:
        name: of the column.
        classes: its values in alphabetical order; none for a column of numbers.
        mean, deviation: of numbers, by which they are standardised.
        low, high: of numbers, the range of the training volumes.
        default: the class of samples for which none is named; empty: they are not told.
    """

    name: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0
    low: float = 0.0
    high: float = 0.0
    default: str = ""

    def __str__(self) -> str:
        """Return name and values."""
        values = ", ".join(self.classes) or f"{self.low:g} to {self.high:g}"
        return f"{self.name} ({values})"

    def coded(self, value: str | float) -> float:
        """Return the number that stands for a value.

        Raises:
            EvalsuiteError: for a class that is none, and a number out of the range of training.
        """
        if self.classes:
            if str(value) not in self.classes:
                raise EvalsuiteError(unknown("class", str(value), self.classes))
            return float(self.classes.index(str(value)))
        number = _number(str(value))
        if number is None or not self.low <= number <= self.high:
            raise EvalsuiteError(
                f'The generator was trained on a "{self.name}" of {self.low:g} to {self.high:g}, '
                f"which {value} is not."
            )
        return (number - self.mean) / self.deviation


@dataclass(frozen=True, slots=True)
class Conditioning:
    """All that a generator can be told.

    Args:
        columns: of the table of its training volumes.
        structures: values of the label maps, in rising order; none without them.
    """

    columns: tuple[Column, ...] = ()
    structures: tuple[int, ...] = ()

    @property
    def map_channels(self) -> int:
        """Channels of a label map on the grid of the latents, see `label_maps.shares`."""
        return 8 * (len(self.structures) + 1) if self.structures else 0

    def named(self, values: Named) -> dict[str, str | float]:
        """Return what was named by column; the name of an only column may be left out.

        Raises:
            EvalsuiteError: for a column or value that the generator does not know.
        """
        if values is None:
            return {}
        if not self.columns:
            told = values if isinstance(values, str) else ", ".join(values)
            raise EvalsuiteError(
                f'This generator was trained without classes and cannot sample "{told}".'
            )
        if isinstance(values, str):
            if len(self.columns) > 1:
                names = " and ".join(f"{column.name}=VALUE" for column in self.columns)
                raise EvalsuiteError(
                    f'The class "{values}" may be of several columns. Name it as {names}.'
                )
            values = {self.columns[0].name: values}
        for name in values:
            if name not in {column.name for column in self.columns}:
                raise EvalsuiteError(unknown("column", name, [c.name for c in self.columns]))
        self.coded(values)
        return dict(values)

    def coded(self, values: Mapping[str, str | float]) -> list[float]:
        """Return one number for each column; nan for those not named that have no default."""
        told: dict[str, str | float] = {c.name: c.default for c in self.columns if c.default}
        told.update(values)
        return [
            column.coded(told[column.name]) if column.name in told else math.nan
            for column in self.columns
        ]

    def card(self) -> dict[str, Any]:
        """Return what the card of a generator keeps of it; see `conditioning_of`."""
        return {
            "columns": [asdict(c) | {"classes": list(c.classes)} for c in self.columns],
            "structures": list(self.structures),
        }


NOTHING = Conditioning()
OF_MIRRORING = Column(MIRRORED, ("no", "yes"), default="no")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a denoiser is told of the volumes of a batch.

    Args:
        columns: codes, one row per volume; None without columns.
        maps: label maps on the grid of the latents, all zero where it is not told; None without.
    """

    columns: Float[Tensor, "b k"] | None = None
    maps: Float[Tensor, "b m u v w"] | None = None

    def to(self, device: torch.device) -> "Condition":
        """Return it on a device."""
        return Condition(*(None if x is None else x.to(device) for x in (self.columns, self.maps)))

    def withheld(self) -> "Condition":
        """Return a condition of the same size that tells nothing."""
        return Condition(
            None if self.columns is None else torch.full_like(self.columns, math.nan),
            None if self.maps is None else torch.zeros_like(self.maps),
        )

    def dropped(self, share: float, generator: torch.Generator) -> "Condition":
        """Return it with all withheld from a share of the volumes, and from others each part alone.

        So the network learns to do with any part of what it may be told.
        """
        columns, maps = self.columns, self.maps
        n = len(columns) if columns is not None else len(maps) if maps is not None else 0
        parts = (0 if columns is None else columns.shape[1]) + (maps is not None)
        drawn = distributed.own(torch.rand(world() * n, parts + 1, generator=generator)) < share
        gone = drawn[:, :1] | (drawn[:, 1:] if parts > 1 else False)
        gone = gone.expand(n, parts)
        if columns is not None:
            columns = columns.masked_fill(gone[:, : columns.shape[1]], math.nan)
        if maps is not None:
            maps = maps.masked_fill(gone[:, -1].reshape(-1, 1, 1, 1, 1), 0.0)
        return replace(self, columns=columns, maps=maps)


class ColumnEmbedding(nn.Module):
    """The sum of what each column says: a vector per class, a small network for a number.

    Args:
        columns: of the generator.
        size: of the vectors.
    """

    def __init__(self, columns: Sequence[Column], size: int) -> None:
        super().__init__()
        self.columns = nn.ModuleList(
            nn.Embedding(len(column.classes) + 1, size)
            if column.classes
            else nn.Sequential(nn.Linear(2, size), nn.SiLU(), nn.Linear(size, size))
            for column in columns
        )

    def forward(self, codes: Float[Tensor, "b k"]) -> Float[Tensor, "b size"]:
        """Return one vector per volume; the last of the classes stands for "not told"."""
        vectors = []
        for module, code in zip(self.columns, codes.unbind(1), strict=True):
            told = ~code.isnan()
            if isinstance(module, nn.Embedding):
                untold = torch.full_like(code, module.num_embeddings - 1)
                vectors.append(module(torch.where(told, code, untold).long()))
            else:
                vectors.append(module(torch.stack([code.nan_to_num(), told.to(code)], dim=1)))
        return torch.stack(vectors).sum(dim=0)


def columns_of(cohort: Cohort, wanted: Mapping[str, Kind]) -> tuple[Column, ...]:
    """Return the columns of a cohort's table that a generator is to be told.

    With `auto` a column is one of numbers if all its values are, and more than a few different
    ones, such as ages; else one of classes.

    Raises:
        EvalsuiteError: if some volumes lack a value, or a column of numbers holds others.
    """
    return tuple(_column(cohort, name, kind) for name, kind in wanted.items())


def codes_of(cohort: Cohort, columns: Sequence[Column]) -> list[list[float]]:
    """Return the codes of each volume of a cohort."""
    return [[column.coded(e.covariates[column.name]) for column in columns] for e in cohort.entries]


def conditioning_of(card: Mapping[str, Any]) -> Conditioning:
    """Return what the generator of a card can be told; older ones had one column of classes."""
    if "conditioning" in card:
        kept = card["conditioning"]
        columns = tuple(
            Column(**{**column, "classes": tuple(column["classes"])}) for column in kept["columns"]
        )
        return Conditioning(columns, tuple(kept["structures"]))
    if not card["classes"]:
        return Conditioning()
    name = card["config"]["diffusion"]["condition"]
    return Conditioning((Column(name, tuple(card["classes"])),))


def _column(cohort: Cohort, name: str, kind: Kind) -> Column:
    values = [entry.covariates.get(name, "") for entry in cohort.entries]
    without = [e.id for e, value in zip(cohort.entries, values, strict=True) if not value]
    if without:
        raise EvalsuiteError(
            f'{cohort.source}: {len(without)} volumes have no "{name}", the first is '
            f"{without[0]}. Fill the column, or leave it out of diffusion.condition."
        )
    numbers = [_number(value) for value in values]
    if kind == "number" and None in numbers:
        raise EvalsuiteError(
            f'{cohort.source}: the column "{name}" holds "{values[numbers.index(None)]}", where '
            "diffusion.condition says that it holds numbers."
        )
    known = [number for number in numbers if number is not None]
    many = len(known) == len(values) and len(set(known)) > MOST_CLASSES
    if kind == "number" or (kind == "auto" and many):
        return Column(
            name,
            mean=float(np.mean(known)),
            deviation=float(np.std(known)) or 1.0,
            low=min(known),
            high=max(known),
        )
    return Column(name, tuple(sorted(set(values))))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
