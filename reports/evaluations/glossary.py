"""What each number of an evaluation and each score of a volume says, in plain words."""

import re
from dataclasses import dataclass

from evalsuite.records import Estimate
from reports.evaluations.words import NUMBERS, SCORES, Chapter

PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a number says.

    Args:
        title: its name for people, short enough for a small panel.
        sentence: one plain sentence.
        chapter: of the report it belongs to.
        quantity: what it shares with the same number of other planes or structures.
    """

    title: str
    sentence: str
    chapter: Chapter
    quantity: str


def meaning(estimate: Estimate) -> Meaning:
    """Return what an estimate says; one that is not known here explains itself by its method."""
    quantity, where = _without_place(estimate.name)
    for chapter, known in NUMBERS.items():
        if quantity in known:
            title, sentence = known[quantity]
            return Meaning(f"{title}, {where}" if where else title, sentence, chapter, quantity)
    title = estimate.name.replace("_", " ")
    return Meaning(title[:1].upper() + title[1:], estimate.method, "other", estimate.name)


def score_meaning(name: str, method: str) -> tuple[str, str]:
    """Return title and sentence of a score per volume; `method` stands in for an unknown one."""
    quantity, plane = _without_place(name)
    if quantity not in SCORES:
        title = name.replace("_", " ")
        return title[:1].upper() + title[1:], method
    title, sentence = SCORES[quantity]
    return (f"{title}, {plane}" if plane else title), sentence


def features(extractor: str) -> str:
    """Return what a number was computed on, for people."""
    return extractor or "voxels"


def scored_on(name: str, extractor: str) -> str:
    """Return what a score was computed on, for people."""
    labelled = not extractor and name.startswith("anatomy_")
    return "label maps" if labelled else features(extractor)


def measured_on(estimate: Estimate) -> str:
    """Return what an estimate was computed on, for people."""
    labelled = not estimate.extractor and meaning(estimate).chapter == "anatomy"
    return "label maps" if labelled else features(estimate.extractor)


def _without_place(name: str) -> tuple[str, str]:
    """Return a name without the plane or the structures it speaks of, and these."""
    head, _, plane = name.rpartition("_")
    if plane in PLANES:
        return head, plane
    if found := re.fullmatch(r"anatomy_(\d+)(?:_(\d+))?_([a-z]+)", name):
        first, second, measure = found.groups()
        return f"anatomy_{measure}", f"{first} to {second}" if second else f"structure {first}"
    return name, ""
