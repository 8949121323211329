"""Reasons not to trust a number: each told once, and pointed to wherever the number is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from evalsuite.caveats import enumerated, joined, scope, template
from evalsuite.records import Estimate
from reports.evaluations.comparison import Comparison
from reports.glossary import measured_on, title

About = Literal["cohort", "estimate"]
Kind = Literal["cohort", "estimate", "group"]


@dataclass(frozen=True, slots=True)
class Caveat:
    """One reason not to trust some numbers.

    Args:
        text: in the words of who found it, with the values of all that it concerns.
        concerns: what it is about.
        kind: `group` if it is about numbers of groups alone.
    """

    text: str
    concerns: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Caveats:
    """All caveats of a report, numbered from 1; those that differ only in values are one.

    Args:
        numbered: by what carries it, and its sentence without values.
    """

    numbered: dict[tuple[About, str], Caveat]

    @classmethod
    def of(cls, comparisons: Sequence[Comparison]) -> "Caveats":
        """Collect the warnings of cohorts and estimates, those of groups alone last."""
        cohorts: dict[str, list[tuple[str, str]]] = {}
        carried: dict[str, list[tuple[Estimate, str]]] = {}
        everything = [e for comparison in comparisons for e in comparison.evaluation.estimates]
        for comparison in comparisons:
            for cohort in (comparison.evaluation.real, *comparison.evaluation.synthetic):
                for warning in cohort.warnings:
                    cohorts.setdefault(template(warning), []).append((cohort.name, warning))
        for estimate in everything:
            for warning in estimate.warnings:
                carried.setdefault(template(warning), []).append((estimate, warning))
        caveats: dict[tuple[About, str], Caveat] = {
            ("cohort", key): Caveat(
                joined([warning for _, warning in carriers]),
                enumerated(list(dict.fromkeys(name for name, _ in carriers))),
                "cohort",
            )
            for key, carriers in cohorts.items()
        }
        of_groups: dict[tuple[About, str], Caveat] = {}
        for key, owners in carried.items():
            estimates = [estimate for estimate, _ in owners]
            grouped = all(estimate.group for estimate in estimates)
            (of_groups if grouped else caveats)["estimate", key] = Caveat(
                joined([warning for _, warning in owners]),
                scope(estimates, everything, title, measured_on),
                "group" if grouped else "estimate",
            )
        return cls(caveats | of_groups)

    def sentences(self, kinds: Iterable[Kind]) -> tuple[str, ...]:
        """Return the caveats on `cohort`s, `estimate`s or `group`s as numbered sentences."""
        wanted = set(kinds)
        return tuple(
            f"[{number}] {caveat.concerns}: {caveat.text}"
            for number, caveat in enumerate(self.numbered.values(), 1)
            if caveat.kind in wanted
        )

    def marks(self, warnings: Iterable[str], about: About = "estimate") -> str:
        """Return the numbers of caveats in brackets, or nothing."""
        wanted = {(about, template(warning)) for warning in warnings}
        numbers = [str(i) for i, key in enumerate(self.numbered, 1) if key in wanted]
        return f"[{', '.join(numbers)}]" if numbers else ""
