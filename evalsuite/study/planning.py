"""What `evalsuite study power` does from end to end: variances, power, table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache, partial
from math import isfinite
from pathlib import Path
from typing import Literal

import typer

from evalsuite.errors import EvalsuiteError
from evalsuite.output import show
from evalsuite.study.protocol.power import POINTS, TYPICAL, Components, Power, few_readers, power
from evalsuite.study.protocol.power_of_figures import FigurePower, figure_power
from evalsuite.study.protocol.sizes import smallest_size

Figure = Literal["ratings", "auc", "choice"]
WHAT = {
    "ratings": "the difference of mean ratings, real less synthetic,",
    "auc": "the area under the ROC curve, less 0.5,",
    "choice": "the share of pairs in which the real volume is chosen, less 0.5,",
}
MOST_CASES = 200  # of a cohort that are looked at for a power to reach
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

    @property
    def true_difference(self) -> float:
        """The difference that is given, or the usual one."""
        return USUAL[self.figure] if self.difference is None else self.difference

    @property
    def true_margin(self) -> float:
        """The margin that is given, or the usual one."""
        return USUAL[self.figure] if self.margin is None else self.margin


def tell_power(plan: Sizes, variances: Components, source: str, *, as_json: bool) -> None:
    """Print what studies of some sizes achieve.

    Args:
        plan: what is tried.
        variances: of the ratings.
        source: where they come from.
        as_json: print all of it for programs.
    """
    rows = _powers(plan, plan.readers, plan.cases, variances)
    if as_json:
        show([asdict(row) | {"components": asdict(variances)} for row in rows], as_json=True)
        return
    show([_row(row) for row in rows], as_json=False)
    _tell(plan, variances, source, rows, "half width: of its 95 % interval. ")


def tell_smallest(
    plan: Sizes, variances: Components, source: str, reach: float, *, as_json: bool
) -> None:
    """Print the fewest cases per cohort whose power reaches a target, by number of readers.

    Args:
        plan: what is tried; its cases are not.
        variances, source, as_json: as for `tell_power`.
        reach: the target.
    """
    table: list[dict[str, object]] = []
    told: list[Power | FigurePower] = []
    for n in plan.readers:
        detected, ruled_out = _fewest(plan, n, variances, reach)
        table.append({"readers": n, "cases to detect": detected, "cases to rule out": ruled_out})
        told += _powers(plan, [n], [detected or MOST_CASES], variances)
    if as_json:
        about = {"reach": reach, "components": asdict(variances)}
        show([row | about for row in table], as_json=True)
        return
    none = f"over {MOST_CASES}"
    show([{k: none if v is None else v for k, v in row.items()} for row in table], as_json=False)
    _tell(plan, variances, source, told, f"Power of {reach:g}. ")


def _fewest(
    plan: Sizes, readers: int, variances: Components, reach: float
) -> tuple[int | None, int | None]:
    """Return the fewest cases to detect the difference, and to rule it out; None beyond `MOST_CASES`."""

    @cache
    def of(cases: int) -> Power | FigurePower:
        return _powers(plan, [readers], [cases], variances)[0]

    def detected(cases: int) -> float:
        return of(cases).detected

    def ruled_out(cases: int) -> float:
        return of(cases).ruled_out

    return (
        smallest_size(detected, reach, most=MOST_CASES),
        smallest_size(ruled_out, reach, most=MOST_CASES),
    )


def _powers(
    plan: Sizes, readers: Sequence[int], cases: Sequence[int], variances: Components
) -> Sequence[Power | FigurePower]:
    if plan.figure == "ratings":
        return power(
            readers,
            cases,
            difference=plan.true_difference,
            margin=plan.true_margin,
            components=variances,
            questions=plan.questions,
            replicates=plan.replicates,
            seed=plan.seed,
        )
    return figure_power(
        plan.figure,
        readers,
        cases,
        difference=plan.true_difference,
        margin=plan.true_margin,
        components=variances,
        questions=plan.questions,
    )


def _tell(
    plan: Sizes,
    variances: Components,
    source: str,
    rows: Sequence[Power | FigurePower],
    further: str,
) -> None:
    """Say what the columns are, and what is to be known of the numbers."""
    say = typer.echo
    say(
        f"detected: probability to find {WHAT[plan.figure]} where it is {plan.true_difference:g}. "
        f"ruled out: to show that it is smaller than {plan.true_margin:g} where it is 0. {further}"
        f"Each test has the level {rows[0].level:g}.",
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
    reach: float | None,
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
        reach: the power for which the fewest cases per cohort are looked for; None tries `cases`.
        replicates, seed: of the simulation.
        as_json: print all of it for programs.

    Raises:
        EvalsuiteError: if the design has no plan.
    """
    from evalsuite.study.plan_power import PlanPower, most_cases, plan_power, usual_truth
    from evalsuite.study.protocol.design import load_design

    design = load_design(path)
    plan = design.plan
    if plan is None:
        raise EvalsuiteError(f"{path}: the design has no plan. Add one, or leave the file out.")
    truth = usual_truth(plan) if difference is None else difference

    @cache
    def of(readers: int, cases: int) -> PlanPower:
        (row,) = plan_power(
            design, plan, [readers], [cases],
            truth=truth, components=variances, replicates=replicates, seed=seed,
        )  # fmt: skip
        return row

    def power_with(readers: int, cases: int) -> float:
        return of(readers, cases).power

    rows: list[PlanPower] = []
    unreached: list[str] = []
    for n in readers or [len(design.readers)]:
        tried: Sequence[int] = cases or [0]
        if reach is not None:
            most = min(MOST_CASES, most_cases(design, n))
            least = smallest_size(partial(power_with, n), reach, most=most)
            tried = [most if least is None else least]
            if least is None:
                unreached.append(
                    f"{n} readers do not reach {reach:g} with {most} cases per cohort."
                )
        rows += [of(n, k) for k in tried]
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
            "half width": f"{row.half_width:.2g}" if isfinite(row.half_width) else "none",
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
    few = dict.fromkeys(s for row in rows for s in few_readers(row.readers))
    for sentence in (*unreached, *few):
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
