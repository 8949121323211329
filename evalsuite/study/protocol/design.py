"""A reader study, declared: everything that decides who sees what and is asked what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PositiveFloat, StringConstraints, model_validator

from evalsuite.declared import Declared, either, validated
from evalsuite.errors import EvalsuiteError
from evalsuite.settings import laid_over, read_settings
from evalsuite.study.protocol.allocation import Allocation
from evalsuite.study.protocol.kinds.marks import Marks
from evalsuite.study.protocol.kinds.question import Question, Slug
from evalsuite.study.protocol.plan import Plan, digest
from evalsuite.study.protocol.questions import KINDS, AnyQuestion, of_templates
from evalsuite.study.protocol.windows import (
    Window,
    grey_of,
    odd_windows,
    public,
    spelled_out,
    usual_windows,
)
from evalsuite.volumes.preprocessing import PRESETS, Preprocessing

Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$"
    ),
    Field(json_schema_extra={"expected": "one line of 1 to 100 characters"}),
]


class StudyCohort(Declared):
    """Volumes that stand on one side of the comparison.

    Args:
        name: as in the tables; readers never see it.
        path: a folder, glob, table or BIDS dataset, see `evalsuite.volumes.sources.read_cohort`.
        role: real or synthetic.
        cases: how many of its volumes are read; those for training come on top, of other subjects.
            They are drawn subject by subject, all volumes of one together, as the table's column
            `subject` tells them.
        per_subject: how many volumes of one subject are taken at most; else all.
        stratify_by: a column of the table by whose values the cases are drawn in proportion.
    """

    name: Slug
    path: str = Field(min_length=1)
    role: Literal["real", "synthetic"]
    cases: int = Field(ge=1)
    per_subject: int | None = Field(default=None, ge=1)
    stratify_by: str | None = None


class StudyDesign(Declared):
    """One reader study.

    Beside the fields, a declaration may have `template`: the name of one or a list of several
    templates of `evalsuite.study.protocol.questions.TEMPLATES`, which stand in for `questions`. Without
    either, a paired study asks `2afc` and any other `paper`. The finished design spells out the
    questions and every step of the preparation, so that it means the same to a later version.

    Args:
        name: names its folder and its rows.
        title: what readers see in its place; the name may tell them what is studied.
        cohorts: real and synthetic volumes.
        readers: the name of each reader.
        allocation: which of them reads which cases; by default everyone reads everything. See
            `evalsuite.study.protocol.allocation.Allocation`.
        questions: asked of every case, in this order; one with `only` of some cases alone.
        profile: asked of every reader once, before the first case, such as years of experience.
        paired: show one real and one synthetic volume side by side.
        repeats: how many of the presentations each reader gets a second time, unknowingly.
        training: cases per cohort, with feedback, before the reading.
        seed: of the choice of cases; that of the orders is drawn and kept for the lead alone.
        revisable: whether a reader may go back to a submitted case.
        instructions: shown before the first case.
        consent: what a reader has to agree to; empty asks nothing.
        preset: `mri` or `ct`; the steps that `preparation` leaves out come from it.
        preparation: what is done to every volume, the words of
            `evalsuite.volumes.preprocessing.Preprocessing`. All cases end in one orientation,
            spacing, matrix and range of intensities, so `native` and `zscore` are refused.
        windows: in which readers see the cases, the first at the start: names of usual ones (such
            as `brain`) or tables of name, low and high, in the unit of the preparation. Without
            any there are the usual ones.
        margins: by question, the largest difference between the means of two cohorts that would
            not matter, in points of its answer; for a forced choice, the largest distance of the
            share of right answers from one half.
        plan: what the study is to show, see `evalsuite.study.protocol.plan.Plan`; without one
            every result is exploratory. Readers and the app never learn of it.
        idle_seconds: after so long without a key or pointer a reader counts as away.
    """

    name: Slug
    title: Name = "Reader study"
    cohorts: tuple[StudyCohort, ...] = Field(min_length=1)
    readers: tuple[Name, ...] = Field(min_length=1)
    allocation: Allocation = Allocation()
    questions: tuple[AnyQuestion, ...]
    profile: tuple[AnyQuestion, ...] = ()
    paired: bool = False
    repeats: int = Field(default=0, ge=0)
    training: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    revisable: bool = False
    instructions: str = ""
    consent: str = ""
    preset: Literal["mri", "ct"] = "mri"
    preparation: Preprocessing = Preprocessing()
    windows: tuple[Window, ...] = ()
    margins: dict[str, PositiveFloat] = Field(default_factory=dict)
    plan: Plan | None = None
    idle_seconds: int = Field(default=30, ge=5)

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, values: object) -> object:
        """Replace `template` by its questions and lay the preparation over its preset."""
        if not isinstance(values, Mapping):
            return values
        spelled = dict(values)
        if "template" in spelled and "questions" in spelled:
            msg = "both template and questions are given; keep one of them"
            raise ValueError(msg)
        if "questions" not in spelled:
            default = "2afc" if spelled.get("paired") is True else "paper"
            spelled["questions"] = _from_templates(spelled.pop("template", default))
        spelled["preparation"] = _over_preset(
            spelled.get("preset", "mri"), spelled.get("preparation", {})
        )
        spelled["windows"] = spelled_out(spelled.get("windows", ()))
        return spelled

    @model_validator(mode="after")
    def _consistent(self) -> "StudyDesign":
        faults = [*self._doubled(), *self._mismatched(), *self._unprepared(), *self._odd_margins()]
        faults += odd_windows(self.windows, grey_of(self.preparation))
        if self.plan:
            roles = {cohort.name: cohort.role for cohort in self.cohorts}
            faults += self.plan.faults(self.questions, roles, len(self.readers))
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def presentations(self) -> int:
        """How many different cases, or pairs of cases, are read."""
        cases = sum(cohort.cases for cohort in self.cohorts)
        return cases // 2 if self.paired else cases

    @property
    def hash(self) -> str:
        """SHA-256 of the whole design as canonical JSON."""
        return digest(self.model_dump(mode="json"))

    def public(self) -> dict[str, Any]:
        """Return the part of the design the reader's app may know, as JSON values.

        It lacks the cohorts, the seed, the readers, the margins and the preparation, by which a
        case could be traced to its cohort or the purpose of the study be guessed.
        """
        shared = {
            "name", "title", "questions", "profile", "paired", "revisable", "instructions",
            "consent", "idle_seconds",
        }  # fmt: skip
        grey = grey_of(self.preparation)
        windows = self.windows or usual_windows(grey)
        told = self.model_dump(mode="json", include=shared)
        told["questions"] = [{k: v for k, v in q.items() if k != "only"} for q in told["questions"]]
        return told | public(grey, windows)

    def _doubled(self) -> list[str]:
        faults = []
        for what, names in (
            ("cohorts", [cohort.name for cohort in self.cohorts]),
            ("readers", list(self.readers)),
            ("questions", [question.name for question in self.questions]),
            ("questions of the profile", [question.name for question in self.profile]),
            ("windows", [window.name for window in self.windows]),
        ):
            folded = [name.casefold() for name in names]
            faults += [
                f'two {what} are called "{name}"'
                for i, name in enumerate(names)
                if folded.index(name.casefold()) < i
            ]
        return faults

    def _mismatched(self) -> list[str]:
        """Return what the questions or the pairing ask of the cohorts in vain."""
        real = sum(c.cases for c in self.cohorts if c.role == "real")
        synthetic = sum(c.cases for c in self.cohorts if c.role == "synthetic")
        faults = [] if self.questions else ["the study asks no question"]
        of_pairs = [q.name for q in self.questions if q.shows == "pair"]
        of_one = [q.name for q in self.questions if q.shows == "case"]
        known = {cohort.name for cohort in self.cohorts}
        of_nobody = [
            (q, name)
            for q in self.questions
            if q.only
            for name in q.only.cohorts
            if name not in known
        ]
        unstratified = [
            (q, cohort)
            for q in self.questions
            if q.only and q.only.strata
            for cohort in self.cohorts
            if not cohort.stratify_by and cohort.name in (q.only.cohorts or known)
        ]
        about_cases = [q for q in self.profile if q.shows != "either" or isinstance(q, Marks)]
        own_form = [q for q in self.profile if isinstance(q.form, Path)]
        turing = [q.name for q in self.questions if q.analysis == "turing"]
        if of_pairs and not self.paired:
            faults.append(f'the question "{of_pairs[0]}" compares two volumes; set paired: true')
        if self.paired and not of_pairs:
            kinds = either(name for name, kind in KINDS.items() if kind.shows == "pair")
            faults.append(f"a paired study needs a question of kind {kinds}")
        if self.paired and real != synthetic:
            faults.append(
                "a paired study needs as many real as synthetic cases, "
                f"but found {real} real and {synthetic} synthetic"
            )
        if self.paired and of_one:
            faults.append(f'the question "{of_one[0]}" is about one volume, but paired shows two')
        if turing and not (real and synthetic):
            faults.append(
                f'the question "{turing[0]}" needs a real and a synthetic cohort to tell apart'
            )
        for question, name in of_nobody:
            faults.append(
                f'the question "{question.name}" is only of {name}, which is no cohort; '
                f"expected {either(known)}"
            )
        for question, cohort in unstratified:
            faults.append(
                f'the question "{question.name}" is only of some strata, but {cohort.name} has no '
                "stratify_by"
            )
        if any(q.only for q in self.profile):
            faults.append("only is for questions on cases; profile asks of readers")
        if about_cases:
            faults.append(
                f'profile asks "{about_cases[0].name}" of readers, but its kind '
                f"{about_cases[0].kind} is about cases"
            )
        if own_form:
            faults.append(
                f'profile asks "{own_form[0].name}", but its kind {own_form[0].kind} has a form '
                "that is drawn beside cases only"
            )
        most = min(self.presentations, self.allocation.cap or self.presentations)
        if self.repeats > most:
            faults.append(
                f"repeats is {self.repeats}, but only {most} presentations can be repeated"
            )
        cannot = self.allocation.fault(self.presentations, len(self.readers))
        return [*faults, cannot] if cannot else faults

    def _unprepared(self) -> list[str]:
        """Return the steps that would leave cases told apart by orientation, size or range."""
        steps = self.preparation
        because = "all cases of a study must look alike in it"
        faults = [
            f"preparation.{name} is native, but {because}"
            for name, value in (("orientation", steps.orientation), ("spacing", steps.spacing))
            if value == "native"
        ]
        if steps.intensity.kind == "zscore":
            faults.append(
                "preparation.intensity is zscore, which has no fixed range; "
                "expected percentile or window"
            )
        return faults

    def _odd_margins(self) -> list[str]:
        questions = {question.name: question for question in self.questions}
        faults = []
        for name, margin in self.margins.items():
            if name not in questions:
                faults.append(
                    f'margins has "{name}", which is no question; expected {", ".join(questions)}'
                )
                continue
            widest = questions[name].widest
            if widest is None:
                faults.append(f'margins has "{name}", whose answers have no mean')
            elif margin >= widest:
                faults.append(
                    f'the margin {margin:g} of "{name}" excludes nothing; '
                    f"expected less than {widest:g}"
                )
        return faults


def read_design(values: Mapping[str, Any], origin: str = "the command line") -> StudyDesign:
    """Return the design of plain values.

    Args:
        values: the fields of `StudyDesign`, and perhaps `template`.
        origin: where the values come from, for the messages.

    Raises:
        EvalsuiteError: for unknown, missing, impossible or contradictory values.
    """
    return validated(StudyDesign, values, origin)


def load_design(path: Path, over: Mapping[str, Any] | None = None) -> StudyDesign:
    """Return the design in a YAML or TOML file.

    Args:
        path: the file.
        over: values that win over those of the file.

    Raises:
        EvalsuiteError: for a file that cannot be read, and as `read_design`.
    """
    return read_design(laid_over(read_settings(path), over or {}), str(path))


def write_design(design: StudyDesign, path: Path) -> None:
    """Write the design, everything spelled out, as YAML that `load_design` reads back."""
    text = yaml.safe_dump(design.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")


def _from_templates(names: object) -> list[Question]:
    chosen = [names] if isinstance(names, str) else names
    if not isinstance(chosen, list | tuple) or not chosen:
        msg = "template must be the name of a template or a list of names"
        raise ValueError(msg)
    try:
        return of_templates(map(str, chosen))
    except EvalsuiteError as error:
        raise ValueError(str(error).removesuffix(".")) from None


def _over_preset(preset: object, preparation: object) -> object:
    """Return the steps of the preset with those of the preparation laid over them."""
    if not isinstance(preparation, Mapping) or str(preset) not in PRESETS:
        return preparation
    return laid_over(PRESETS[str(preset)].model_dump(), preparation)
