"""`evalsuite utility`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="Train networks with and without synthetic volumes, to see whether they are useful.",
)


@app.command()
def segmentation(
    real: Annotated[str, typer.Option(metavar="[NAME=]DIR", help="Labelled real volumes.")],
    synthetic: Annotated[str, typer.Option(metavar="[NAME=]DIR", help="Synthetic volumes.")],
    output: Annotated[Path, typer.Option(help="Folder for trainings and results.")],
    real_labels: Annotated[
        str | None,
        typer.Option(help="Folder with a label map for each; else the column `label`."),
    ] = None,
    synthetic_labels: Annotated[
        str | None, typer.Option(help="The same for the synthetic volumes, if they have any.")
    ] = None,
    unlabelled: Annotated[
        str | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="Real volumes to pre-train on; default: those to train on, without labels.",
        ),
    ] = None,
    shares: Annotated[
        str, typer.Option(help="Per cent of the training subjects whose labels are used.")
    ] = "5,10,20,40,100",
    repeats: Annotated[int, typer.Option(min=1, help="Trainings of each arm and share.")] = 3,
    test: Annotated[
        float, typer.Option(help="Share of the subjects held out, if no column `split` tells.")
    ] = 0.3,
    steps: Annotated[int, typer.Option(min=1, help="Updates of each training.")] = 1000,
    pretraining_steps: Annotated[
        int, typer.Option(min=1, help="Updates of each pre-training.")
    ] = 1000,
    batch_size: Annotated[int, typer.Option(min=2, help="Patches per update.")] = 2,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW, at the start.")] = 2e-3,
    channels: Annotated[str, typer.Option(help="Of each level of the U-Net.")] = "16,32,64,128",
    patch: Annotated[
        str, typer.Option(metavar="X,Y,Z", help="Voxels to train on at once, or `auto`.")
    ] = "auto",
    preset: Annotated[str, typer.Option(help="Preprocessing preset: mri or ct.")] = "mri",
    spacing: Annotated[
        str, typer.Option(metavar="X,Y,Z", help="Millimetres per voxel, `auto` or `native`.")
    ] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on after an interruption, or add shares or repeats."),
    ] = False,
    device: Annotated[str, typer.Option(help="Torch device.")] = "cpu",
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "evalsuite-utility",
    run_name: Annotated[str | None, typer.Option(help="Name of the MLflow run.")] = None,
    no_tracking: Annotated[bool, typer.Option("--no-tracking", help="Skip MLflow.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Pre-train a 3D U-Net on synthetic volumes, fine-tune it on few labels, test on real ones.

    Beside it, on the same cases: no pre-training, and pre-training on real volumes without labels.
    Where the synthetic volumes have labels, also: trained on synthetic volumes only, and on real
    and synthetic ones. Dice and 95 % Hausdorff distance of each structure.
    """
    from evalsuite.utility import workflow
    from evalsuite.utility.config import utility_config

    values: dict[str, Any] = {
        "real": _source(real, real_labels),
        "synthetic": _source(synthetic, synthetic_labels),
        "unlabelled": _source(unlabelled, None) if unlabelled else None,
        "shares": _numbers(shares, float, "--shares"),
        "repeats": repeats,
        "test": test,
        "steps": steps,
        "pretraining_steps": pretraining_steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "channels": _numbers(channels, int, "--channels"),
        "patch": _numbers(patch, int, "--patch") if "," in patch else patch,
        "preset": preset,
        "spacing": _numbers(spacing, float, "--spacing") if "," in spacing else spacing,
        "seed": seed,
    }
    workflow.segmentation(
        utility_config(values),
        output,
        resume=resume,
        device=device,
        experiment=None if no_tracking else experiment,
        run_name=run_name,
        as_json=as_json,
    )


def _source(text: str, labels: str | None) -> dict[str, object]:
    from evalsuite.config import CohortSource

    return {**CohortSource.parse(text).model_dump(), "labels": labels}


def _numbers(text: str, kind: type[float] | type[int], option: str) -> list[float]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{option} {text}: expected numbers with commas between them."
        ) from None
