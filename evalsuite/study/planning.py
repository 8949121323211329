"""What `evalsuite study power` does from end to end: variances, power, table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

import typer

from evalsuite.errors import EvalsuiteError
from evalsuite.output import show
from evalsuite.study.protocol.power import POINTS, TYPICAL, Components, Power, few_readers, power
from evalsuite.study.protocol.power_of_figures import FigurePower, figure_power

Figure = Literal["ratings", "auc", "choice"]
WHAT = {
    "ratings": "the difference of mean ratings, real less synthetic,",
    "auc": "the area under the ROC curve, less 0.5,",
    "choice": "the share of pairs in which the real volume is chosen, less 0.5,",
}
USUAL = {"ratings": 0.5, "auc": 0.1, "choice": 0.1}  # difference and margin


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is tried where no design says it.

    Args:
        figure: what is tested.
        readers, cases: numbers to try; cases in each cohort, or pairs.
        difference, margin: of the figure; None for the usual ones.
        questions: comparisons that are corrected together.
        replicates, seed: of the simulation of ratings.
    """

    figure: Figure
    readers: Sequence[int]
    cases: Sequence[int]
    difference: float | None
    margin: float | None
    questions: int
    replicates: int
    seed: int


def tell_power(plan: Sizes, variances: Components, source: str, *, as_json: bool) -> None:
    """Print what studies of some sizes achieve.

    Args:
        plan: what is tried.
        variances: of the ratings.
        source: where they come from.
        as_json: print all of it for programs.
    """
    usual = USUAL[plan.figure]
    difference = usual if plan.difference is None else plan.difference
    margin = usual if plan.margin is None else plan.margin
    rows: Sequence[Power | FigurePower]
    if plan.figure == "ratings":
        rows = power(
            plan.readers,
            plan.cases,
            difference=difference,
            margin=margin,
            components=variances,
            questions=plan.questions,
            replicates=plan.replicates,
            seed=plan.seed,
        )
    else:
        rows = figure_power(
            plan.figure,
            plan.readers,
            plan.cases,
            difference=difference,
            margin=margin,
            components=variances,
            questions=plan.questions,
        )
    if as_json:
        show([asdict(row) | {"components": asdict(variances)} for row in rows], as_json=True)
        return
    show([_row(row) for row in rows], as_json=False)
    say = typer.echo
    say(
        f"detected: probability to find {WHAT[plan.figure]} where it is {difference:g}. ruled out: "
        f"to show that it is smaller than {margin:g} where it is 0. half width: of its 95 % "
        f"interval. Each test has the level {rows[0].level:g}.",
        err=True,
    )
    shown = ", ".join(f"{name} {value:.3g}" for name, value in asdict(variances).items())
    say(f"Variances {source}: {shown}.", err=True)
    for sentence in dict.fromkeys(warning for row in rows for warning in row.warnings):
        say(sentence, err=True)


def tell_plan_power(
    path: Path,
    readers: Sequence[int],
    cases: Sequence[int],
    difference: float | None,
    variances: Components,
    source: str,
    *,
    replicates: int,
    seed: int,
    as_json: bool,
) -> None:
    """Print how probable it is that a study shows what its plan says.

    Args:
        path: file of the design.
        readers, cases: numbers to try, cases in each cohort; empty for those of the design.
        difference: what is taken as true; None for none, or what superiority is usually planned for.
        variances, source: of the ratings, and where they come from.
        replicates, seed: of the simulation.
        as_json: print all of it for programs.

    Raises:
        EvalsuiteError: if the design has no plan.
    """
    from evalsuite.study.plan_power import plan_power, usual_truth
    from evalsuite.study.protocol.design import load_design

    design = load_design(path)
    plan = design.plan
    if plan is None:
        raise EvalsuiteError(f"{path}: the design has no plan. Add one, or leave the file out.")
    truth = usual_truth(plan) if difference is None else difference
    rows = plan_power(
        design,
        plan,
        readers or [len(design.readers)],
        cases or [0],
        truth=truth,
        components=variances,
        replicates=replicates,
        seed=seed,
    )
    if as_json:
        about = {"plan": plan.hash, "components": asdict(variances)}
        show([asdict(row) | about for row in rows], as_json=True)
        return
    shown = [
        {
            "readers": row.readers,
            "pairs" if design.paired else "cases": row.cases,
            "per reader": row.per_reader,
            "power": _with_chance(row.power, row.low, row.high),
            "half width": f"{row.half_width:.2g}",
        }
        for row in rows
    ]
    show(shown, as_json=False)
    say = typer.echo
    say(
        f"Plan {plan.hash[:12]}: {plan.sentences()[0]} power: probability that this is shown where "
        f"the figure is {plan.primary.none + truth:g}, of {replicates} simulated studies, each "
        "allocated as the design says and analysed as the report does. half width: of the interval "
        "that decides.",
        err=True,
    )
    components = ", ".join(f"{name} {value:.3g}" for name, value in asdict(variances).items())
    say(f"Variances {source}: {components}.", err=True)
    for sentence in dict.fromkeys(s for row in rows for s in few_readers(row.readers)):
        say(sentence, err=True)


def chosen_variances(
    pilot: Path | None, question: str | None, points: int | None, given: str | None
) -> tuple[Components, str]:
    """Return the variances of ratings and a phrase on where they come from.

    Args:
        pilot: table of an exported study; else the usual variances.
        question: of the pilot.
        points: of the scale that the usual variances are for.
        given: `reader=0.1,case=0.2`: these instead of the others'.

    Raises:
        EvalsuiteError: for options that contradict one another, and as `pilot_components`.
    """
    if question and not pilot:
        raise EvalsuiteError("--question names one of a pilot: add --from STUDY.csv.")
    if pilot and points:
        raise EvalsuiteError("--points is for variances that no pilot tells: leave out one.")
    if pilot:
        from evalsuite.study.pilot import pilot_components

        question, variances = pilot_components(pilot, question)
        source = f"of {question} in {pilot}"
    else:
        points = points or POINTS
        variances, source = TYPICAL.on(points), f"usual on a scale of {points} points"
    if given:
        variances = replace(variances, **_assigned(given))
        source = f"by --components, else {source}"
    return variances, source


def _assigned(text: str) -> dict[str, float]:
    names = [field.name for field in fields(Components)]
    try:
        values = {
            name.strip(): float(value)
            for name, value in (part.split("=") for part in text.split(","))
        }
    except ValueError:
        values = {}
    if not values or not set(values) <= set(names):
        raise EvalsuiteError(
            f"--components {text}: expected variances such as reader=0.1,case=0.2; "
            f"known: {', '.join(names)}."
        )
    return values


def _row(row: Power | FigurePower) -> dict[str, object]:
    shown: dict[str, object] = {
        "readers": row.readers,
        "cases": row.cases,
        "detected": f"{row.detected:.2f}",
        "ruled out": f"{row.ruled_out:.2f}",
        "half width": f"{row.half_width:.2g}",
    }
    if isinstance(row, Power):
        shown["detected"] = _with_chance(row.detected, row.detected_low, row.detected_high)
        shown["ruled out"] = _with_chance(row.ruled_out, row.ruled_out_low, row.ruled_out_high)
    return shown


def _with_chance(share: float, low: float, high: float) -> str:
    return f"{share:.2f} ({low:.2f} to {high:.2f})"
