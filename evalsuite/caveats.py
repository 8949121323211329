"""Reasons not to trust numbers: each told once, with its values and what it holds for."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from evalsuite.output import finite
from evalsuite.records import Caveat, CohortRecord, Estimate, Evaluation, Scope

NAMED = 3  # numbers, features or groups before they are only counted
Key = tuple[str, ...]
Kind = Literal["cohort", "estimate", "group"]


@dataclass(frozen=True, slots=True)
class Notes:
    """The caveats of cohorts and of estimates, numbered from 1; those of groups alone are last.

    Args:
        cohorts, estimates: by key, the caveats with what carries them.
        everything: all estimates, with and without caveats.
    """

    cohorts: dict[Key, list[tuple[Caveat, CohortRecord]]]
    estimates: dict[Key, list[tuple[Caveat, Estimate]]]
    everything: Sequence[Estimate]

    @classmethod
    def of(cls, *evaluations: Evaluation) -> Self:
        """Collect the caveats of evaluations that are shown together."""
        estimates = [estimate for evaluation in evaluations for estimate in evaluation.estimates]
        told: dict[Key, list[tuple[Caveat, CohortRecord]]] = {}
        for cohort in (cohort for evaluation in evaluations for cohort in evaluation.cohorts):
            for caveat in cohort.warnings:
                told.setdefault(caveat.key, []).append((caveat, cohort))
        carried: dict[Key, list[tuple[Caveat, Estimate]]] = {}
        for estimate in estimates:
            for caveat in estimate.warnings:
                carried.setdefault(caveat.key, []).append((caveat, estimate))
        ordered = sorted(carried, key=lambda key: all(e.group for _, e in carried[key]))
        return cls(told, {key: carried[key] for key in ordered}, estimates)

    def marks(self, wanted: Iterable[Key]) -> str:
        """Return the numbers of caveats in brackets, or nothing."""
        own = set(wanted)
        numbers = [str(i) for i, k in enumerate((*self.cohorts, *self.estimates), 1) if k in own]
        return f"[{', '.join(numbers)}]" if numbers else ""

    def sentences(
        self,
        title: Callable[[Estimate], str] = lambda estimate: estimate.key,
        measured_on: Callable[[Estimate], str] = lambda estimate: estimate.extractor or "voxels",
        kinds: Iterable[Kind] = ("cohort", "estimate", "group"),
    ) -> dict[Key, str]:
        """Return each caveat by its key, with its number and what it holds for.

        Args:
            title, measured_on: how a number and its features are called.
            kinds: what they are about; `group` stands for groups alone.
        """
        told: dict[Key, tuple[Kind, str, list[Caveat]]] = {}
        for key, of_cohorts in self.cohorts.items():
            names = enumerated(dict.fromkeys(cohort.name for _, cohort in of_cohorts))
            told[key] = "cohort", names, [caveat for caveat, _ in of_cohorts]
        for key, held in self.estimates.items():
            estimates, caveats = [e for _, e in held], [caveat for caveat, _ in held]
            kind: Kind = "group" if all(e.group for e in estimates) else "estimate"
            about = concerned(caveats[0], estimates, self.everything, title, measured_on)
            told[key] = kind, about, caveats
        return {
            key: f"[{number}] {about}: {joined(caveats)}"
            for number, (key, (kind, about, caveats)) in enumerate(told.items(), 1)
            if kind in kinds
        }


def keys(caveats: Iterable[Caveat]) -> set[Key]:
    """Return what tells caveats apart that are told once each."""
    return {caveat.key for caveat in caveats}


def joined(caveats: Sequence[Caveat]) -> str:
    """Return caveats with one key as one sentence, its numbers as ranges.

    Args:
        caveats: at least one; all with the key of the first.
    """
    first = caveats[0]
    values = {
        name: value if isinstance(value, str) else _Range([c.values[name] for c in caveats])
        for name, value in first.values.items()
    }
    return first.template.format(**values) if values else first.template


def to_json(caveats: Iterable[Caveat]) -> list[dict[str, object]]:
    """Return caveats as JSON values."""
    return [finite(asdict(caveat)) for caveat in caveats]


def from_json(told: Iterable[str | Mapping[str, Any]], scope: Scope) -> tuple[Caveat, ...]:
    """Return the caveats that `to_json` was given.

    Args:
        told: those written before caveats had codes are plain sentences, or templates with values;
            they are their own codes.
        scope: of those.
    """
    caveats = []
    for one in told:
        kept: Mapping[str, Any] = {"template": one} if isinstance(one, str) else one
        values = {k: math.nan if v is None else v for k, v in kept.get("values", {}).items()}
        code = kept.get("code", kept["template"])
        caveats.append(Caveat(code, kept["template"], kept.get("scope", scope), values))
    return tuple(caveats)


def concerned(
    caveat: Caveat,
    estimates: Sequence[Estimate],
    everything: Sequence[Estimate],
    title: Callable[[Estimate], str],
    measured_on: Callable[[Estimate], str],
) -> str:
    """Return what carries a caveat: numbers, unless it is about features, cohorts, groups.

    Cohorts and groups are left out where they are those of everything.

    Args:
        estimates: at least one.
        everything: all estimates of the evaluation.
        title, measured_on: how a number and its features are called.
    """
    features = enumerated(dict.fromkeys(map(measured_on, estimates)))
    titles = list(dict.fromkeys(map(title, estimates)))
    several = len(titles) > NAMED
    what = f"{titles[0]} and {len(titles) - 1} other numbers" if several else enumerated(titles)
    parts = [features if caveat.scope == "extractor" else f"{what} on {features}"]
    cohorts = list(dict.fromkeys(e.synthetic for e in estimates))
    if set(cohorts) != {e.synthetic for e in everything}:
        parts.append(f"of {enumerated(cohorts)}")
    groups, known = ({e.group: None for e in some} for some in (estimates, everything))
    if set(groups) != set(known):
        each = len(groups) > 1 and set(groups) == set(known) - {""}
        named = [group or "all volumes together" for group in groups]
        parts.append("in every group" if each else f"in {enumerated(named)}")
    return " ".join(parts)


def enumerated(parts: Iterable[object]) -> str:
    """Return a list as a sentence has it; nothing for none."""
    *most, last = [str(part) for part in parts] or [""]
    return f"{', '.join(most)} and {last}" if most else last


class _Range:
    """The numbers of one field in several sentences, which `str.format` asks for their text."""

    def __init__(self, numbers: Sequence[Any]) -> None:
        self._ends = min(numbers), max(numbers)

    def __format__(self, form: str) -> str:
        low, high = (format(end, form) for end in self._ends)
        return low if low == high else f"{low} to {high}"
