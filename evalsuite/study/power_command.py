"""`evalsuite study power`: parse, call one function."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from evalsuite.errors import EvalsuiteError
from evalsuite.options import AsJson as Json


def power(
    design: Annotated[
        Path | None,
        typer.Argument(help="Design with a plan, whose primary hypothesis is to be shown."),
    ] = None,
    figure: Annotated[
        Literal["ratings", "auc", "choice"] | None,
        typer.Option(
            help="Mean ratings (default), or how well readers tell real from synthetic; without a "
            "design."
        ),
    ] = None,
    readers: Annotated[
        str | None, typer.Option(help="Numbers of readers to try; 2,3,5 or those of the design.")
    ] = None,
    cases: Annotated[
        str | None,
        typer.Option(
            help="Numbers of cases per cohort, or pairs; 20,40,80 or those of the design."
        ),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option(
            help="True difference of mean ratings (0.5), or from guessing (0.1); 0 where a plan is "
            "about non-inferiority or equivalence."
        ),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Margin of equivalence; defaults as the difference.")
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(min=1, help="Comparisons that are corrected together (Holm); 1."),
    ] = None,
    pilot: Annotated[
        Path | None,
        typer.Option("--from", help="Export of a closed pilot study, whose variances count."),
    ] = None,
    question: Annotated[str | None, typer.Option(help="Question of the pilot.")] = None,
    points: Annotated[
        int | None, typer.Option(help="Points of the scale for which the usual variances are; 5.")
    ] = None,
    components: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=VALUE,...",
            help="Variances: reader, reader_cohort, case, reader_case.",
        ),
    ] = None,
    reach: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=0.99,
            help="Find the fewest cases per cohort whose power is this, such as 0.8, in place of "
            "trying some.",
        ),
    ] = None,
    replicates: Annotated[
        int, typer.Option(min=100, help="Simulated studies each, of ratings.")
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed.")] = 0,
    as_json: Json = False,
) -> None:
    """Tell how many readers and cases detect, or rule out, a difference, or show what is planned."""
    from evalsuite.study import planning

    if reach is not None and cases:
        raise EvalsuiteError("--reach finds the number of cases: leave out --cases.")
    variances, source = planning.chosen_variances(pilot, question, points, components)
    if design is None:
        sizes = planning.Sizes(
            figure or "ratings",
            _integers(readers or "2,3,5"),
            _integers(cases or "20,40,80"),
            difference,
            margin,
            questions or 1,
            replicates,
            seed,
        )
        if reach is None:
            planning.tell_power(sizes, variances, source, as_json=as_json)
        else:
            planning.tell_smallest(sizes, variances, source, reach, as_json=as_json)
        return
    if figure or questions or margin is not None:
        raise EvalsuiteError(
            "--figure, --margin and --questions are what the plan of the design says. Leave them "
            "out, or leave out the design."
        )
    planning.tell_plan_power(
        design,
        _integers(readers) if readers else [],
        _integers(cases) if cases else [],
        difference,
        variances,
        source,
        reach=reach,
        replicates=replicates,
        seed=seed,
        as_json=as_json,
    )


def _integers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"expected whole numbers such as 2,3,5, found {text}.") from None
