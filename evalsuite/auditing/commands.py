"""`evalsuite audit`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated

import typer

from evalsuite import options


def audit(
    training: Annotated[str, typer.Option(help="What the generator was trained on.")],
    holdout: Annotated[
        str,
        typer.Option(help="Real volumes of other subjects, which the generator never saw."),
    ],
    synthetic: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]DIR", help="Synthetic volumes; repeat for several generators."
        ),
    ],
    output: Annotated[Path, typer.Option(help="New folder for the audit.")],
    false_alarms: Annotated[
        float, typer.Option(help="Share of new real volumes that may be flagged as copies.")
    ] = 0.01,
    planted: Annotated[
        int, typer.Option(min=5, help="Training volumes that are planted in each disguise.")
    ] = 20,
    moves: Annotated[
        bool,
        typer.Option(
            help="Show extractors the training volumes mirrored, turned, scaled and smoothed, too: "
            "16 passes more."
        ),
    ] = True,
    config: options.Config = None,
    extractor: options.Extractor = None,
    weights: options.Weights = None,
    precision: options.Precision = None,
    engine: options.Engine = None,
    preset: options.Preset = None,
    spacing: options.Spacing = None,
    shape: options.Shape = None,
    assume_spacing: options.AssumeSpacing = None,
    assume_orientation: options.AssumeOrientation = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    skip_invalid: options.SkipInvalid = False,
    cache: options.Cache = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    offline: options.Offline = False,
    memory: options.Memory = None,
    reread: options.Reread = False,
    experiment: options.Experiment = "evalsuite-audits",
    run_name: options.RunName = None,
    no_tracking: options.NoTracking = False,
    as_json: options.AsJson = False,
) -> None:
    """Tell how many synthetic volumes are copies of training volumes, and which.

    In voxels, as blends of two and in features of every extractor, at one false-alarm rate that a
    hold-out calibrates; with what would have been found, by copies that are planted in disguises.
    """
    from evalsuite.auditing.audit import Design
    from evalsuite.auditing.audit import audit as audited
    from evalsuite.auditing.python import rate, write
    from evalsuite.caches import feature_cache
    from evalsuite.config import load_config
    from evalsuite.extractors.engine import chosen_engine
    from evalsuite.output import say, show
    from evalsuite.progress import bars
    from evalsuite.resources import Resources
    from evalsuite.settings import listed, triple, with_assignments
    from evalsuite.writable import refuse_to_overwrite

    refuse_to_overwrite(output)
    design = Design(rate(false_alarms), planted, moves)
    given = {
        "real": {"path": holdout, "name": "hold-out"},
        "synthetic": synthetic,
        "training": training,
        "extractors": listed(extractor),
        "weights": weights,
        "precision": precision,
        "engine": chosen_engine(engine, device),
        "preset": preset,
        "preprocessing.spacing": spacing and triple(spacing),
        "preprocessing.shape": shape and triple(shape),
        "assume_spacing": assume_spacing,
        "assume_orientation": assume_orientation,
        "seed": seed,
        "memory": memory,
        "skip_invalid": skip_invalid or None,
    }
    declared = load_config(config, with_assignments(given, set_ or ()))
    resources = Resources(
        cache or feature_cache(),
        device,
        batch_size,
        workers,
        offline=offline,
        reread=reread,
        progress=bars,
        tell=say,
    )
    made, pairs = audited(declared, resources, design)
    page = write(made, pairs, output)
    if as_json:
        show(made.rows(), as_json=True)
    else:
        typer.echo(made.statement)
    typer.echo(f"Audit: {page}", err=True)
    if not no_tracking:
        from evalsuite import tracking
        from evalsuite.tracking.audit import run_record

        logged = tracking.log(run_record(output, run_name), experiment=experiment, kept=output)
        typer.echo(logged.told, err=True)
