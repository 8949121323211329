"""What a study is to show: endpoints and hypotheses, written down before the reading."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from evalsuite.declared import Declared
from evalsuite.study.protocol.kinds.question import Question, Slug

Figure = Literal["auc", "choice", "difference", "agreement"]
Hypothesis = Literal["superiority", "non-inferiority", "equivalence"]
GUESSING = 0.5
ROLES = ("real", "synthetic")
FIGURES: dict[str, str] = {
    "auc": "the area under the ROC curve with which readers tell real from synthetic cases",
    "choice": "the share of pairs in which readers find the real case",
    "difference": "the difference of the mean answers, real less synthetic",
    "agreement": "the agreement between readers (Krippendorff's alpha)",
}


class Endpoint(Declared):
    """One number and what is to be shown of it.

    Args:
        question: by whose answers it is measured.
        figure: `auc`: area under the ROC curve of a question that asks how sure a reader is that a
            case is real. `choice`: share of right answers to a forced choice. `difference`: of the
            mean answers, real less synthetic. `agreement`: Krippendorff's alpha.
        hypothesis: `superiority`: real cases are ahead, that is `auc` and `choice` are above 0.5,
            `difference` is above 0, each by more than the margin, and `agreement` is above the margin.
            `non-inferiority`: synthetic cases are behind by less than the margin. `equivalence`:
            they are neither behind nor ahead by the margin or more.
        margin: in the unit of the figure; for `superiority` it may be left out, and is 0 then.
        cohort: the synthetic one; may be left out where there is one only.
    """

    question: Slug
    figure: Figure
    hypothesis: Hypothesis
    margin: float = Field(default=0.0, ge=0)
    cohort: Slug | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Endpoint":
        if self.figure == "agreement" and self.hypothesis != "superiority":
            msg = (
                f"the agreement on {self.question} has the hypothesis {self.hypothesis}; expected "
                "superiority, which says that it is above the margin"
            )
            raise ValueError(msg)
        if self.hypothesis != "superiority" and self.margin == 0:
            msg = f"the {self.hypothesis} of {self.question} needs a margin above 0"
            raise ValueError(msg)
        return self

    @property
    def none(self) -> float:
        """The figure where readers find no difference, or agree by chance only."""
        return GUESSING if self.figure in ("auc", "choice") else 0.0

    @property
    def ends(self) -> tuple[float, float]:
        """Return between which numbers the figure is to be shown to lie; infinite for no end."""
        low, high = self.none - self.margin, self.none + self.margin
        if self.hypothesis == "superiority":
            return high, float("inf")
        return (low, high) if self.hypothesis == "equivalence" else (float("-inf"), high)

    def shown_by(self, low: float, high: float) -> bool | None:
        """Tell whether an interval lies where the hypothesis says; None if there is no interval."""
        if math.isnan(low) or math.isnan(high):
            return None
        return self.ends[0] < low and high < self.ends[1]

    def claim(self) -> str:
        """Return what is to be shown, as a clause."""
        low, high = self.ends
        of = f" ({self.cohort})" if self.cohort else ""
        what = f"{FIGURES[self.figure]}, by the question “{self.question}”{of},"
        if self.hypothesis == "superiority":
            return f"{what} is above {low:g}"
        if self.hypothesis == "equivalence":
            return f"{what} lies between {low:g} and {high:g}"
        return f"{what} is below {high:g}"


class Plan(Declared):
    """What is to be shown, fixed with the design before the first answer.

    Args:
        primary: decides on the study.
        secondary: are confirmatory only if the primary endpoint is shown.
        alpha: one-sided level of every test, below one half; equivalence takes two such tests.
        multiplicity: of the secondary endpoints. `holm`: corrected by Holm's method;
            `fixed-sequence`: each is tested if all before it were shown; `none`: they stay
            exploratory.
        rationale: why these margins, in a sentence or two; quoted by the report.
    """

    primary: Endpoint
    secondary: tuple[Endpoint, ...] = ()
    alpha: float = Field(default=0.025, gt=0, lt=0.5)
    multiplicity: Literal["holm", "fixed-sequence", "none"] = "holm"
    rationale: str = ""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The primary one, then the secondary ones."""
        return self.primary, *self.secondary

    @property
    def hash(self) -> str:
        """SHA-256 of the plan as canonical JSON."""
        return digest(self.model_dump(mode="json"))

    def sentences(self) -> list[str]:
        """Return the plan in words."""
        primary = (
            f"The primary hypothesis is {self.primary.hypothesis}: {self.primary.claim()}, tested "
            f"at the one-sided level {self.alpha:g}."
        )
        secondary = [f"Secondary: {e.hypothesis}, that {e.claim()}." for e in self.secondary]
        corrected = [MULTIPLICITY[self.multiplicity]] if secondary else []
        return [primary, *secondary, *corrected, *([self.rationale] if self.rationale else [])]

    def faults(
        self, questions: Sequence[Question], roles: Mapping[str, str], readers: int
    ) -> list[str]:
        """Return what of the plan the design does not allow.

        Args:
            questions: of the design.
            roles: real or synthetic, by cohort.
            readers: how many there are.
        """
        known = {question.name: question for question in questions}
        faults = [
            fault
            for endpoint in self.endpoints
            for fault in _faults(endpoint, known.get(endpoint.question), list(known), roles)
        ]
        if readers < 2 and any(endpoint.figure == "agreement" for endpoint in self.endpoints):
            faults.append("the plan is about agreement, which takes two readers or more")
        if len(set(self.endpoints)) < len(self.endpoints):
            faults.append("two endpoints of the plan are the same")
        return faults


MULTIPLICITY = {
    "holm": "If the primary hypothesis is shown, the secondary ones are tested at that level, "
    "corrected by Holm's method; otherwise they are exploratory.",
    "fixed-sequence": "If the primary hypothesis is shown, the secondary ones are tested at that "
    "level in this order until one is not shown; those that follow are exploratory.",
    "none": "The secondary hypotheses are exploratory.",
}


def plan_of(design: Mapping[str, Any]) -> Plan | None:
    """Return the plan in the plain values of a design; None where it has none."""
    values = design.get("plan")
    return Plan.model_validate(values) if values else None


def digest(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain values as canonical JSON, such as those of a design file."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _faults(
    endpoint: Endpoint, question: Question | None, known: Sequence[str], roles: Mapping[str, str]
) -> list[str]:
    name, figure = endpoint.question, endpoint.figure
    if question is None:
        return [f'the plan is about "{name}", which is no question; expected {", ".join(known)}']
    fits = {
        "auc": question.analysis == "turing",
        "choice": question.analysis == "choice",
        "difference": question.widest is not None and question.analysis != "choice",
        "agreement": question.scale != "none",
    }
    if not fits[figure]:
        which = [f for f, fit in fits.items() if fit]
        sentence = (
            f'the plan has the figure {figure} for "{name}", whose answers have none; '
            f"expected {' or '.join(which) or 'another question'}"
        )
        return [sentence]
    faults = []
    widest = {"auc": 0.5, "choice": 0.5, "difference": question.widest, "agreement": 1.0}[figure]
    if widest is not None and endpoint.margin >= widest:
        faults.append(
            f'the margin {endpoint.margin:g} of "{name}" in the plan leaves nothing to show; '
            f"expected less than {widest:g}"
        )
    real, synthetic = ([c for c, its in roles.items() if its == role] for role in ROLES)
    if figure == "agreement":
        if endpoint.cohort:
            faults.append(f'the agreement on "{name}" is that on all cases; leave out the cohort')
        return faults
    if not real or not synthetic:
        faults.append(
            f'the plan compares real with synthetic cases by "{name}"; name cohorts of both'
        )
    elif endpoint.cohort is None and len(synthetic) > 1:
        faults.append(f'the plan names no cohort for "{name}"; expected {" or ".join(synthetic)}')
    elif endpoint.cohort is not None and endpoint.cohort not in synthetic:
        faults.append(
            f'the plan names {endpoint.cohort} for "{name}"; expected {" or ".join(synthetic)}'
        )
    if figure == "difference" and len(real) > 1:
        faults.append(f'the plan compares means by "{name}"; expected one real cohort')
    return faults
