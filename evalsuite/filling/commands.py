"""`evalsuite features`: fill the feature cache, on a cluster for instance, without evaluating."""

from typing import Annotated

import typer

from evalsuite import options

app = typer.Typer(
    no_args_is_help=True, help="Fill the feature cache ahead of evaluations, in parts if wanted."
)


@app.callback()
def features() -> None:
    """Keep `extract` a command of its own."""


@app.command()
def extract(
    real: Annotated[
        str | None,
        typer.Option(help="Real volumes, as `compute-metrics` takes them."),
    ] = None,
    synthetic: Annotated[
        list[str] | None,
        typer.Option(help="[NAME=] the same of a generator; repeat for several; may be left out."),
    ] = None,
    training: Annotated[
        str | None, typer.Option(help="What the generator was trained on, if metrics look at it.")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Only the K-th of N parts; default: that of the task of a job array of SLURM, "
            "else all.",
        ),
    ] = None,
    config: options.Config = None,
    extractor: options.Extractor = None,
    weights: options.Weights = None,
    precision: options.Precision = None,
    engine: options.Engine = None,
    protocol: options.Protocol = None,
    preset: options.Preset = None,
    spacing: options.Spacing = None,
    shape: options.Shape = None,
    assume_spacing: options.AssumeSpacing = None,
    assume_orientation: options.AssumeOrientation = None,
    set_: options.Set = None,
    skip_invalid: options.SkipInvalid = False,
    cache: options.Cache = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    offline: options.Offline = False,
    reread: options.Reread = False,
    as_json: options.AsJson = False,
) -> None:
    """Put features into the cache, where `compute-metrics` with the same options finds them.

    Preparation follows the real volumes, so name them always. Parts may run at once, on any
    machines that share the cache; what is there already is not made again.
    """
    from evalsuite import output
    from evalsuite.caches import feature_cache
    from evalsuite.config import load_config
    from evalsuite.extractors.engine import chosen_engine
    from evalsuite.filling.fill import fill
    from evalsuite.processes import rank
    from evalsuite.progress import bars, silent
    from evalsuite.resources import Resources
    from evalsuite.settings import listed, triple, with_assignments
    from evalsuite.sharing import own_part, part_of, part_of_array

    chosen = part_of(part) if part else part_of_array()
    given = {
        "real": real,
        "synthetic": synthetic or None,
        "training": training,
        "extractors": listed(extractor),
        "weights": weights,
        "precision": precision,
        "engine": chosen_engine(engine, device),
        "protocol": protocol,
        "preset": preset,
        "preprocessing.spacing": spacing and triple(spacing),
        "preprocessing.shape": shape and triple(shape),
        "assume_spacing": assume_spacing,
        "assume_orientation": assume_orientation,
        "skip_invalid": skip_invalid or None,
    }
    alone = real is not None and synthetic is None and config is None
    if alone:
        given["synthetic"] = [f"none={real}"]  # is not looked at
    declared = load_config(config, with_assignments(given, set_ or ()))
    if alone:
        declared = declared.model_copy(update={"synthetic": ()})
    resources = Resources(
        cache or feature_cache(),
        device,
        batch_size,
        workers=workers,
        offline=offline,
        reread=reread,
        part=own_part().within(chosen),
        progress=silent if rank() else bars,
        tell=output.say,
    )
    if chosen.of > 1:
        output.say(f"This is {chosen}.")
    rows = fill(declared, resources)
    if rank() == 0:
        output.show(rows, as_json=as_json)
