"""Reasons not to trust numbers: each told once, with its values and what it holds for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from evalsuite.records import Caveat, Estimate

NAMED = 3  # numbers, features or groups before they are only counted


@dataclass(frozen=True, slots=True)
class Notes:
    """The caveats of some estimates, numbered from 1 in their order.

    Args:
        carriers: by template, the caveats with the estimates that carry them.
        everything: all estimates, with and without caveats.
    """

    carriers: dict[str, list[tuple[str, Estimate]]]
    everything: Sequence[Estimate]

    @classmethod
    def of(cls, estimates: Sequence[Estimate]) -> Self:
        """Collect the caveats of the estimates."""
        carriers: dict[str, list[tuple[str, Estimate]]] = {}
        for estimate in estimates:
            for caveat in estimate.warnings:
                carriers.setdefault(template(caveat), []).append((caveat, estimate))
        return cls(carriers, estimates)

    def marks(self, caveats: Iterable[str]) -> str:
        """Return the numbers of caveats, or of their templates, in brackets, or nothing."""
        own = set(map(template, caveats))
        numbers = [str(i) for i, key in enumerate(self.carriers, 1) if key in own]
        return f"[{', '.join(numbers)}]" if numbers else ""

    def sentences(self, title: Callable[[Estimate], str] = lambda e: e.key) -> list[str]:
        """Return each caveat with its number and what it holds for.

        Args:
            title: how a number is called.
        """
        return [
            f"[{number}] {scope([e for _, e in held], self.everything, title)}: "
            f"{joined([caveat for caveat, _ in held])}"
            for number, held in enumerate(self.carriers.values(), 1)
        ]


def template(caveat: str) -> str:
    """Return the sentence of a caveat without its values; a plain sentence is its own."""
    return caveat.template if isinstance(caveat, Caveat) else caveat


def kind(caveat: str) -> object:
    """Return what caveats have in common that differ in numbers alone."""
    values = caveat.values.values() if isinstance(caveat, Caveat) else ()
    return template(caveat), *(value for value in values if isinstance(value, str))


def joined(caveats: Sequence[str]) -> str:
    """Return caveats with one template as one sentence: numbers as a range, texts as a list.

    Args:
        caveats: at least one; all with the template of the first.
    """
    first = caveats[0]
    if not isinstance(first, Caveat) or not first.values:
        return first
    values = [c.values for c in caveats if isinstance(c, Caveat)]
    return first.template.format(
        **{name: _Several(v[name] for v in values) for name in first.values}
    )


def scope(
    estimates: Sequence[Estimate],
    everything: Sequence[Estimate],
    title: Callable[[Estimate], str] = lambda estimate: estimate.key,
    measured_on: Callable[[Estimate], str] = lambda estimate: estimate.extractor or "voxels",
) -> str:
    """Return what some estimates have in common: numbers, features, cohorts, groups.

    Cohorts and groups are left out where they are those of everything.

    Args:
        estimates: at least one.
        everything: all estimates of the evaluation.
        title, measured_on: how the number and its features are called.
    """
    titles = list(dict.fromkeys(map(title, estimates)))
    several = len(titles) > NAMED
    what = f"{titles[0]} and {len(titles) - 1} other numbers" if several else enumerated(titles)
    parts = [what, f"on {enumerated(list(dict.fromkeys(map(measured_on, estimates))))}"]
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


class _Several:
    """The values of one field in several sentences, which `str.format` asks for their text."""

    def __init__(self, values: Iterable[float | str]) -> None:
        self._values = list(dict.fromkeys(values))

    def __format__(self, form: str) -> str:
        numbers = [value for value in self._values if not isinstance(value, str)]
        if len(numbers) < len(self._values):
            return enumerated([format(value, form) for value in self._values])
        low, high = format(min(numbers), form), format(max(numbers), form)
        return low if low == high else f"{low} to {high}"
