"""`evalsuite certify`: parse, call one function, print."""

from pathlib import Path
from typing import Annotated

import typer

from evalsuite import options


def certify(
    real: Annotated[
        str, typer.Option(help="Real volumes: a folder, glob, CSV/TSV manifest or BIDS.")
    ],
    output: Annotated[Path, typer.Option(help="New folder for the certificate.")],
    metrics: Annotated[
        list[str] | None,
        typer.Option(help="Names (see `evalsuite metrics`): repeated, or with commas."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Leave out each value of a column of the table, as one fault."
        ),
    ] = None,
    volumes: Annotated[
        int, typer.Option(min=16, help="The most volumes that are drawn, by subject.")
    ] = 200,
    splits: Annotated[
        int, typer.Option(min=19, help="Random halvings by subject that tell what chance does.")
    ] = 199,
    planted: Annotated[
        int, typer.Option(min=10, help="In how many of them faults are planted.")
    ] = 25,
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
    seed: options.Seed = None,
    skip_invalid: options.SkipInvalid = False,
    cache: options.Cache = None,
    device: options.Device = "auto",
    batch_size: options.BatchSize = None,
    workers: options.Workers = None,
    offline: options.Offline = False,
    memory: options.Memory = None,
    reread: options.Reread = False,
    experiment: options.Experiment = "evalsuite-certificates",
    run_name: options.RunName = None,
    no_tracking: options.NoTracking = False,
    as_json: options.AsJson = False,
) -> None:
    """Plant faults in real volumes and tell which of them which metrics see, and at which n.

    Blur, noise, bias, ghosts, coarse voxels, shifted intensities, deformed, mirrored or shuffled
    anatomy, dropped modes and memorised copies, in held-out halves. Features of faulty volumes are cached.
    """
    from evalsuite.caches import feature_cache
    from evalsuite.certification.certify import Design
    from evalsuite.certification.certify import certify as certified
    from evalsuite.certification.python import write
    from evalsuite.config import load_config
    from evalsuite.extractors.engine import chosen_engine
    from evalsuite.output import say, show
    from evalsuite.progress import bars
    from evalsuite.resources import Resources
    from evalsuite.settings import listed, triple, with_assignments
    from evalsuite.writable import refuse_to_overwrite
    from reports.certificate.tables import seen_table

    refuse_to_overwrite(output)
    given = {
        "real": real,
        "synthetic": [f"none={real}"],  # is not looked at
        "by": by,
        "extractors": listed(extractor),
        "metrics": listed(metrics),
        "weights": weights,
        "precision": precision,
        "engine": chosen_engine(engine, device),
        "protocol": protocol,
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
    certificate = certified(declared, resources, Design(volumes, splits, planted))
    page = write(certificate, output)
    rows = certificate.rows() if as_json else seen_table(certificate).frame.to_dict("records")
    show([{str(key): value for key, value in row.items()} for row in rows], as_json=as_json)
    typer.echo(f"Certificate: {page}", err=True)
    if not no_tracking:
        from evalsuite import tracking
        from evalsuite.tracking.certificate import run_record

        logged = tracking.log(run_record(output, run_name), experiment=experiment, kept=output)
        typer.echo(logged.told, err=True)
