"""Pipelines of diffusers, as `save_pretrained` writes them."""

import inspect
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from evalsuite.errors import EvalsuiteError
from generator.sources.foreign import Foreign, digests, failing, foreign
from generator.sources.function import refuse_unknown
from generator.sources.source import SourceOptions

INDEX = "model_index.json"
STATED = ("spacing", "orientation", "units")
PICKLED = (".bin", ".ckpt", ".pkl", ".pickle", ".pt", ".pth")


def is_pipeline(folder: Path) -> bool:
    """Tell whether a folder is a pipeline of diffusers."""
    return (folder / INDEX).is_file()


def pipeline(folder: Path, options: SourceOptions) -> Foreign:
    """Return a pipeline as a source.

    It is called with a `generator` seeded for each block, and with `batch_size` where a block has
    several samples, as far as it takes them. Its volumes are the arrays of its output, of which
    the first is evaluated. A pipeline may state `spacing`, `orientation` and `units` in its
    configuration.

    Args:
        folder: with `model_index.json`.
        options: settings are arguments of the call, such as `num_inference_steps`.

    Raises:
        EvalsuiteError: if it needs to be trusted and is not, cannot be loaded, or does not take
            a setting.
    """
    if not options.trust:
        _refuse_code(folder)
    with failing(str(folder), "when it was loaded", options.log):
        import diffusers

        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        # Files of one name in two folders are one module to diffusers.
        for name in [name for name in sys.modules if name.startswith("diffusers_modules.local")]:
            del sys.modules[name]
        loaded: Any = diffusers.DiffusionPipeline.from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=None if options.trust else True,
            trust_remote_code=options.trust,
            low_cpu_mem_usage=False,
        )
        loaded.to(options.device)
        loaded.set_progress_bar_config(disable=True)
        parameters = inspect.signature(loaded.__call__).parameters
    settings = dict(options.settings)
    refuse_unknown(settings, parameters, parameters.values(), str(folder))
    if "output_type" in parameters:
        settings.setdefault("output_type", "np")

    def make(n: int, seed: int) -> Any:
        import torch

        given: dict[str, Any] = {"generator": torch.Generator().manual_seed(seed), "batch_size": n}
        given = {key: value for key, value in given.items() if key in parameters}
        return _volumes(loaded(**(given | settings)), str(folder))

    what = {
        "Generator": type(loaded).__name__,
        "Kind": "diffusers pipeline",
        "Version": f"written by diffusers {index.get('_diffusers_version', 'of unknown version')}",
        "Library": f"diffusers {diffusers.__version__}",
    }
    stated = SimpleNamespace(**{key: value for key, value in index.items() if key in STATED})
    return foreign(str(folder), make, what, digests(folder), stated, options)


def _refuse_code(folder: Path) -> None:
    """Raise EvalsuiteError for a folder whose loading would run code that it brings with it."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".py":
            what = f"brings code with it ({name})"
        elif path.suffix in PICKLED and not any(path.parent.glob("*.safetensors")):
            what = f"has its weights in a pickle ({name}), which may run any code"
        else:
            continue
        raise EvalsuiteError(
            f"{folder}: the pipeline {what}. Pass --trust-code if you trust where it comes from."
        )


def _volumes(output: Any, name: str) -> Any:
    """Return the volumes of the output of a pipeline."""
    if not hasattr(output, "keys"):
        fields = {"image": output[0] if isinstance(output, tuple) else output}
    else:
        fields = {key: output[key] for key in output.keys()}  # noqa: SIM118  (no mapping)
    arrays = {key: value for key, value in fields.items() if _axes(value) is not None}
    for value in arrays.values():
        if _axes(value) == 5 and value.shape[-1] == 3:
            raise EvalsuiteError(
                f"{name}: the pipeline makes colour frames ({' x '.join(map(str, value.shape))}); "
                "expected grey volumes. Wrap it in a function that returns them, and name that as "
                "module:function."
            )
    if not arrays or min(map(len, arrays.values())) == 0:
        found = ", ".join(f"{key} ({type(value).__name__})" for key, value in fields.items())
        raise EvalsuiteError(
            f"{name}: the pipeline returned {found}; expected arrays or tensors of volumes."
        )
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    keys = sorted(arrays, key=lambda key: not key.startswith(("image", "volume", "sample")))
    return [dict(zip(keys, one, strict=True)) for one in zip(*map(arrays.get, keys), strict=True)]


def _axes(value: Any) -> int | None:
    """Return the axes of what is an array or tensor of at least three."""
    axes = getattr(value, "ndim", None)
    return axes if axes is not None and axes >= 3 else None
