"""Names and folders -> sources of samples."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalsuite import plugins
from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.volumes.geometry import CONVENTION
from generator.checkpoint import TENSORS
from generator.model import FINISHED, Recipe
from generator.sources.bundle import bundle, is_bundle
from generator.sources.function import function
from generator.sources.pipeline import is_pipeline, pipeline
from generator.sources.source import Source, SourceOptions
from generator.sources.trained import trained

OURS = (FINISHED, TENSORS, "vqgan", "diffusion")


def open_source(name: str, recipe: Mapping[str, Any], options: SourceOptions) -> Source:
    """Return the generator of that name.

    Args:
        name: folder that `evalsuite generator train` wrote, MONAI bundle, pipeline of diffusers,
            entry point of `evalsuite.generators`, or `module:function`.
        recipe: fields of `Recipe` that were given; of generators of others `seed` alone.
        options: what generators of others take.

    Raises:
        EvalsuiteError: if there is none, it cannot be loaded, or it does not take an option.
    """
    folder = Path(name)
    kind = bundle if is_bundle(folder) else pipeline if is_pipeline(folder) else None
    if folder.is_dir() and kind is None:
        _refuse_others(folder, options)
        return trained(folder, Recipe(**recipe), options.device)
    for key in recipe:
        if key != "seed":
            raise EvalsuiteError(
                f"{name}: the option --{key.removesuffix('_name')} is for generators that "
                "`evalsuite generator train` wrote. Pass the settings of this one with "
                "--set KEY=VALUE."
            )
    if kind is not None:
        return kind(folder, options)
    known = plugins.available("generators")
    if ":" not in name and name not in known:
        raise EvalsuiteError(
            f"{name}: there is no such folder. {unknown('generator', name, known)}"
        )
    return function(name, options)


def _refuse_others(folder: Path, options: SourceOptions) -> None:
    """Raise EvalsuiteError for a folder that is no generator of ours, or options of others."""
    if not any((folder / part).exists() for part in OURS):
        raise EvalsuiteError(
            f"{folder}: it holds no generator. Name a folder that `evalsuite generator train` has "
            "written, a MONAI bundle (configs/inference.json) or a diffusers pipeline "
            "(model_index.json)."
        )
    given = {
        "--set": options.settings,
        "--block": options.block,
        "--trust-code": options.trust,
        "--assume-spacing or --assume-orientation": options.assumed != CONVENTION,
    }
    for option, value in given.items():
        if value:
            raise EvalsuiteError(
                f"{folder}: {option} is for generators that evalsuite has not trained. "
                "Leave it out."
            )
