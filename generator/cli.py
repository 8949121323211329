"""`evalsuite generator`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated

import typer

from evalsuite import extras, options

app = typer.Typer(
    no_args_is_help=True,
    help="Train a 3D VQ-GAN with a latent diffusion model, and sample volumes.",
)


@app.command()
def train(
    data: Annotated[str, typer.Argument(help="Volumes: a folder, glob, manifest or BIDS.")],
    output: Annotated[Path, typer.Option(help="Folder of the run.")],
    preset: Annotated[
        str | None, typer.Option(help="See `evalsuite generator presets`; default tiny.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file laid over the preset it names.")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Sequences that make one volume: columns of the manifest with their files, "
            "what tells these apart in their paths, or else the images of 4D files in their order.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Folder of label maps that samples are to come with; `column`: the column label "
            "of the manifest names them."
        ),
    ] = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    resume: options.Resume = False,
    origin: Annotated[
        Path | None,
        typer.Option("--from", help="A generator whose weights training starts from."),
    ] = None,
    device: options.Device = "auto",
    experiment: options.Experiment = "evalsuite-generator",
    no_tracking: options.NoTracking = False,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Every so many steps, and at the end, compare reconstructions and samples with "
            "as many validation volumes by Frechet distance, precision, recall and MS-SSIM.",
        ),
    ] = None,
    evaluate_with: Annotated[
        str | None,
        typer.Option(help="Extractor for that; default: that of `compute-metrics`."),
    ] = None,
    skip_invalid: options.SkipInvalid = False,
) -> None:
    """Train both stages; `torchrun --nproc-per-node N -m evalsuite generator train` on many."""
    extras.require("generator", purpose="The generator")
    from evalsuite.settings import assigned, listed
    from generator.config import load_config
    from generator.run import train as run

    sequences = listed([channels]) if channels else None
    named = {"preset": preset, "seed": seed, "channels": sequences, "labels": labels}
    overrides = {key: value for key, value in named.items() if value is not None}
    run(
        data,
        output,
        load_config(config, overrides, assigned(set_ or ())),
        resume=resume,
        device=device,
        experiment=None if no_tracking else experiment,
        skip_invalid=skip_invalid,
        origin=origin,
        evaluate_every=evaluate_every,
        extractor=evaluate_with,
    )


@app.command()
def sample(
    source: Annotated[
        str,
        typer.Argument(
            metavar="GENERATOR",
            help="Folder that `train` wrote, MONAI bundle, diffusers pipeline, a name of "
            "`evalsuite generator list`, or module:function.",
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder for the samples; goes on if it has some.")],
    n: Annotated[int, typer.Option("-n", "--count", min=1, help="How many.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Sample i depends on it and i alone.")] = 0,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="ddpm (the paper's), ddim, dpm++ or dpm++sde; of rectified flows euler or heun. "
            "Default of this and of the next two: what the preset says."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Evaluations of the network; not of ddpm.")
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(help="Share of the process at which sampling starts, at most 1."),
    ] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="[COLUMN=]VALUE",
            help="Class or number that all samples have; repeat for several columns.",
        ),
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(min=0, help="Weight of what is told; 1 (default): none.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Folder of label maps to sample for; default: those of training."),
    ] = None,
    set_: options.Set = None,
    block: Annotated[
        int | None,
        typer.Option(min=1, help="Samples that a generator of others makes at once; default 1."),
    ] = None,
    trust_code: Annotated[
        bool,
        typer.Option("--trust-code", help="Run code and pickles that a folder brings with it."),
    ] = False,
    assume_spacing: Annotated[
        str | None,
        typer.Option(metavar="X,Y,Z", help="Millimetres per voxel of volumes that state none."),
    ] = None,
    assume_orientation: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Orientation of volumes that state none, such as LPS."),
    ] = None,
    device: options.Device = "auto",
    experiment: options.Experiment = "evalsuite-generator",
    no_tracking: options.NoTracking = False,
) -> None:
    """Sample volumes as NIfTI with sidecars, a manifest and a contact sheet.

    --sampler to --labels are of generators that `train` wrote, --set to --assume-orientation of
    all others.
    """
    extras.require("generator", purpose="The generator")
    from evalsuite import tracking
    from evalsuite.processes import rank
    from evalsuite.settings import assignments
    from evalsuite.tracking.samples import run_record
    from evalsuite.volumes.geometry import stated_geometry
    from generator.samples import sample_from
    from generator.sources.source import SourceOptions

    recipe = {
        "seed": seed,
        "sampler": sampler,
        "steps": steps,
        "start": start,
        "class_name": _named(class_),
        "guidance": guidance,
        "labels": labels,
    }
    given = {key: value for key, value in recipe.items() if value is not None}
    chosen = SourceOptions(
        settings=assignments(set_ or ()),
        block=block,
        assumed=stated_geometry(
            assume_spacing, assume_orientation, "The assumed geometry cannot be used"
        ),
        trust=trust_code,
        device=device,
        log=output / "traceback.txt",
    )
    said = sample_from(source, output, n, given, chosen)
    if rank() == 0:
        typer.echo(said, err=True)
        if not no_tracking:
            record = run_record(output)
            typer.echo(tracking.log(record, experiment=experiment, kept=output).told, err=True)


@app.command()
def audit(
    generator: Annotated[Path, typer.Argument(help="Folder that `train` wrote.")],
    training: Annotated[str, typer.Option(help="What it was trained on.")],
    holdout: Annotated[str, typer.Option(help="Real volumes of other subjects.")],
    output: Annotated[Path, typer.Option(help="New JSON file for what was found.")],
    seed: options.Seed = None,
    device: options.Device = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Tell how well the weights of a generator tell training volumes from others.

    By the error with which it reconstructs them from noise, at several levels and frequencies. Of
    volumes alone `evalsuite audit` does so.
    """
    extras.require("generator", purpose="The generator")
    from dataclasses import asdict

    from evalsuite import output as printed
    from evalsuite.errors import EvalsuiteError
    from evalsuite.progress import bars
    from generator.attack import attack, write_attack
    from generator.model import load

    if output.exists():
        raise EvalsuiteError(f"{output} is there already. Name another file with --output FILE.")
    found = attack(load(generator, device), training, holdout, seed=seed or 0, progress=bars)
    write_attack(found, output)
    printed.show([asdict(area) for area in found.areas], as_json=as_json)
    if not as_json:
        typer.echo(found.statement)


@app.command(name="list")
def list_(
    as_json: options.AsJson = False,
) -> None:
    """List the generators that installed packages bring with them."""
    from evalsuite import output
    from generator.sources.function import listing

    output.show(listing(), as_json=as_json)


def _named(texts: list[str] | None) -> str | dict[str, str] | None:
    """Return the class of `--class VALUE`, or the values by column of `--class COLUMN=VALUE`."""
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    pairs = [text.partition("=") for text in texts]
    for text, (name, separator, value) in zip(texts, pairs, strict=True):
        if not (name and separator and value) or [p[0] for p in pairs].count(name) > 1:
            raise typer.BadParameter(f"--class {text}: expected COLUMN=VALUE, once a column.")
    return {name: value for name, _, value in pairs}


@app.command()
def presets(
    as_json: options.AsJson = False,
) -> None:
    """List the presets with the GPU memory that training needs (estimated)."""
    from evalsuite import output
    from generator.presets import PRESETS

    rows = [{"name": n, "GPU memory": preset["gpu_memory"]} for n, preset in PRESETS.items()]
    output.show(rows, as_json=as_json)
