"""`evalsuite utility`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated, Any

import typer

from evalsuite import options

app = typer.Typer(
    no_args_is_help=True,
    help="Train networks with and without synthetic volumes, to see whether they are useful.",
)


@app.command()
def segmentation(
    output: Annotated[Path, typer.Option(help="Folder for trainings and results.")],
    real: Annotated[
        str | None, typer.Option(metavar="[NAME=]DIR", help="Labelled real volumes.")
    ] = None,
    synthetic: Annotated[
        str | None, typer.Option(metavar="[NAME=]DIR", help="Synthetic volumes.")
    ] = None,
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
    config: options.Config = None,
    shares: Annotated[
        str | None,
        typer.Option(
            help="Per cent of the training subjects whose labels are used.",
            show_default="5,10,20,40,100",
        ),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Trainings of each arm and share.", show_default="3")
    ] = None,
    test: Annotated[
        float | None,
        typer.Option(
            help="Share of the subjects held out, if no column `split` tells.", show_default="0.3"
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Updates of each training.", show_default="1000")
    ] = None,
    pretraining_steps: Annotated[
        int | None, typer.Option(help="Updates of each pre-training.", show_default="1000")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Patches per update.", show_default="2")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of AdamW, at the start.", show_default="0.002")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(help="Of each level of the U-Net.", show_default="16,32,64,128"),
    ] = None,
    patch: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,Z", help="Voxels to train on at once, or `auto`.", show_default="auto"
        ),
    ] = None,
    preset: options.Preset = None,
    spacing: options.Spacing = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    resume: options.Resume = False,
    device: options.Device = "auto",
    experiment: options.Experiment = "evalsuite-utility",
    run_name: options.RunName = None,
    no_tracking: options.NoTracking = False,
    as_json: options.AsJson = False,
) -> None:
    """Pre-train a 3D U-Net on synthetic volumes, fine-tune it on few labels, test on real ones.

    Beside it, on the same cases: no pre-training, and pre-training on real volumes without labels.
    Where the synthetic volumes have labels, also: trained on synthetic volumes only, and on real
    and synthetic ones. Dice and 95 % Hausdorff distance of each structure.
    """
    from evalsuite.config import with_labels
    from evalsuite.settings import assigned
    from evalsuite.utility import workflow
    from evalsuite.utility.config import load_config

    values: dict[str, Any] = {
        "real": with_labels(real, real_labels),
        "synthetic": with_labels(synthetic, synthetic_labels),
        "unlabelled": with_labels(unlabelled, None),
        "shares": shares and _numbers(shares, float, "--shares"),
        "repeats": repeats,
        "test": test,
        "steps": steps,
        "pretraining_steps": pretraining_steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "channels": channels and _numbers(channels, int, "--channels"),
        "patch": _numbers(patch, int, "--patch") if patch and "," in patch else patch,
        "preset": preset,
        "spacing": _numbers(spacing, float, "--spacing") if spacing and "," in spacing else spacing,
        "seed": seed,
    }
    overrides = {key: value for key, value in values.items() if value is not None}
    workflow.segmentation(
        load_config(config, overrides, assigned(set_ or ())),
        output,
        resume=resume,
        device=device,
        experiment=None if no_tracking else experiment,
        run_name=run_name,
        as_json=as_json,
    )


def _numbers(text: str, kind: type[float] | type[int], option: str) -> list[float]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{option} {text}: expected numbers with commas between them."
        ) from None
