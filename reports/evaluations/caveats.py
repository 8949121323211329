"""Reasons not to trust a number: each told once, and pointed to wherever the number is shown."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalsuite.records import Estimate
from reports.evaluations.comparison import Comparison
from reports.evaluations.glossary import meaning, measured_on

Key = tuple[str, str]  # `cohort`, `estimate` or `group`; the text without figures
NAMED = 3  # titles of numbers before they are only counted


@dataclass(frozen=True, slots=True)
class Caveat:
    """One reason not to trust some numbers.

    Args:
        text: in the words of who found it, with the figures of the first it concerns.
        concerns: what it is about.
        differs: whether its figures are others for others.
    """

    text: str
    concerns: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Caveats:
    """All caveats of a report, numbered from 1.

    Warnings that differ only in figures or in the name of the cohort are one caveat.

    Args:
        numbered: by kind and text without figures.
    """

    numbered: dict[Key, Caveat]

    @classmethod
    def of(cls, comparisons: Sequence[Comparison]) -> "Caveats":
        """Collect the warnings of cohorts and estimates, those of groups last."""
        cohorts: dict[Key, list[tuple[str, str]]] = {}
        carried: dict[str, dict[Key, list[tuple[Estimate, str]]]] = {"estimate": {}, "group": {}}
        everyone: set[str] = set()
        for comparison in comparisons:
            everyone.update(comparison.cohorts)
            for cohort in (comparison.evaluation.real, *comparison.evaluation.synthetic):
                for warning in cohort.warnings:
                    key = ("cohort", _blanked(warning, cohort.name))
                    cohorts.setdefault(key, []).append((cohort.name, warning))
            for estimate in comparison.evaluation.estimates:
                kind = _kind(estimate)
                for warning in estimate.warnings:
                    owners = carried[kind].setdefault((kind, _blanked(warning)), [])
                    owners.append((estimate, warning))
        told = {key: _of_cohorts(found) for key, found in cohorts.items()}
        for owned in carried.values():
            told |= {key: _of_estimates(owners, everyone) for key, owners in owned.items()}
        return cls(told)

    def sentences(self, kinds: Iterable[str]) -> tuple[str, ...]:
        """Return the caveats on `cohort`s, `estimate`s or `group`s as numbered sentences."""
        told = []
        for number, ((kind, _), caveat) in enumerate(self.numbered.items(), 1):
            if kind in kinds:
                more = " (Figures of the first; those of the others differ.)"
                text = f"[{number}] {caveat.concerns}: {caveat.text}"
                told.append(text + more * caveat.differs)
        return tuple(told)

    def of_estimate(self, estimate: Estimate) -> str:
        """Return the numbers of the caveats on an estimate in brackets, or nothing."""
        return self._marks((_kind(estimate), _blanked(w)) for w in estimate.warnings)

    def of_cohort(self, name: str, warnings: Iterable[str]) -> str:
        """Return the numbers of the caveats on a cohort in brackets, or nothing."""
        return self._marks(("cohort", _blanked(w, name)) for w in warnings)

    def _marks(self, keys: Iterable[Key]) -> str:
        wanted = set(keys)
        numbers = [str(i) for i, key in enumerate(self.numbered, 1) if key in wanted]
        return f"[{', '.join(numbers)}]" if numbers else ""


def _kind(estimate: Estimate) -> str:
    return "group" if estimate.group else "estimate"


def _blanked(warning: str, name: str = "") -> str:
    nameless = warning.replace(name, "@") if name else warning
    return re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "#", nameless)


def _of_cohorts(found: Sequence[tuple[str, str]]) -> Caveat:
    names = list(dict.fromkeys(name for name, _ in found))
    text = found[0][1]
    return Caveat(text, _and(names), len(names) > 1)


def _of_estimates(owners: Sequence[tuple[Estimate, str]], everyone: set[str]) -> Caveat:
    """Say what is concerned: numbers, features, cohorts, groups."""
    estimates = [estimate for estimate, _ in owners]
    titles = list(dict.fromkeys(meaning(e).title for e in estimates))
    spaces = list(dict.fromkeys(measured_on(e) for e in estimates))
    names = list(dict.fromkeys(e.synthetic for e in estimates))
    groups = list(dict.fromkeys(e.group for e in estimates if e.group))
    what = _and(titles) if len(titles) <= NAMED else f"{len(titles)} numbers"
    if len(titles) > NAMED and len({meaning(e).chapter for e in estimates}) == 1:
        what += f" from {titles[0]} to {titles[-1]}"
    parts = [what, f"on {_and(spaces)}"]
    if set(names) != everyone:
        parts.append(f"of {_and(names)}")
    if groups:
        parts.append(f"in {_and(groups)}")
    texts = list(dict.fromkeys(text for _, text in owners))
    return Caveat(texts[0], " ".join(parts), len(texts) > 1)


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
