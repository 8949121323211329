"""What a resumed training may change, and which weights another one may start from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from evalsuite.declared import validated
from evalsuite.errors import EvalsuiteError
from generator import checkpoint
from generator.conditions import Conditioning
from generator.config import GeneratorConfig
from generator.diffusion import Denoiser
from generator.model import FINISHED, digest, renamed
from generator.vqgan import VQGAN

STAGES = ("vqgan", "diffusion")
ORIGIN = "origin"  # the generator that a training started from, kept in its folder
# What decides no weights, or only which of equally valid ones are found.
FREE = {
    "preset",
    "gpu_memory",
    "sample_block",
    "sampler",
    "steps",
    "start",
    "calibrate",
    "workers",
    "processes",
    "labels",  # a folder may move; what is in it is decided by diffusion.label_maps
}
# What would give the second stage other latents than those it has begun with.
SETTLED = {"vqgan.training.steps", "vqgan.training.take"}


def histories(output: Path, made: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return for each stage what was changed at which step, the changes made now included.

    Nothing is written.

    Args:
        output: folder of the run.
        made: what decides the weights: `config`, `data` (fingerprint), `shape`, `diffusion` (what
            the second stage is told), `processes` and
            `from` (digest of the weights that training started from, or None).

    Raises:
        EvalsuiteError: for a change that the weights do not allow, naming the key.
    """
    begun = bool(checkpoint.steps(output / "diffusion"))
    return {stage: _history(output / stage, stage, made, begun=begun) for stage in STAGES}


def _history(
    folder: Path, stage: str, made: Mapping[str, Any], *, begun: bool
) -> list[dict[str, Any]]:
    steps = checkpoint.steps(folder)
    if not steps:
        return []
    origin, done = checkpoint.step_folder(folder, steps[-1]), steps[-1]
    card = checkpoint.card(origin)
    if "made" not in card:
        raise EvalsuiteError(
            f"{origin}: the checkpoint is of an earlier version, which kept no record of its "
            "configuration. Finish it with that version, or start anew in another folder."
        )
    settings = validated(GeneratorConfig, card["made"]["config"], str(origin))
    before = dict(_leaves({**card["made"], "config": settings.model_dump(mode="json")}))
    changed = {}
    for key, now in _leaves(made):
        if before.get(key) == now or (stage == "vqgan" and key.startswith("diffusion.")):
            continue
        _refuse(key, before.get(key), now, origin, begun=begun)
        changed[key] = [before.get(key), now]
    wanted = made["config"][stage]["training"]["steps"]
    if wanted < done:
        raise EvalsuiteError(
            f"{origin}: {done} steps are done, but {stage}.training.steps is {wanted}. Set it to "
            f"{done} or more."
        )
    history: list[dict[str, Any]] = card["history"]
    return [*history, {"step": done, "changed": changed}] if changed else history


def _refuse(key: str, before: Any, now: Any, origin: Path, *, begun: bool) -> None:
    if key in SETTLED and begun:
        raise EvalsuiteError(
            f"{key} was {before} and is {now}, but the second stage has begun on the latents of "
            f"the first. Set it back, or remove {origin.parent.parent / 'diffusion'}."
        )
    if key in FREE or ".training." in key:
        return
    if key == "data":
        what = "the checkpoint is of other volumes. Use those it was made with"
    else:
        what = f"{key} was {before} and is {now}, which would break the model. Set it back"
    raise EvalsuiteError(
        f"{origin}: {what}, or train in another folder, from these weights if you like (--from)."
    )


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys, as the command line takes them, and their values."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, "" if key == "config" else f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def origin_of(
    path: Path | None, output: Path, config: GeneratorConfig, conditioning: Conditioning
) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """Return the weights that a training starts from, and what is known of them.

    Args:
        path: folder of a finished generator, or of its run; None: the one kept in the folder of
            this run, if there is one.

    Raises:
        EvalsuiteError: if there is none, or its networks are others than those of this training.
    """
    kept = output / ORIGIN
    if path is None and not kept.exists():
        return {}, None
    folder = path or kept
    if (folder / FINISHED).is_dir():
        folder /= FINISHED
    tensors, card = checkpoint.load(folder)
    digested = digest(tensors)
    tensors = renamed(tensors)
    with torch.device("meta"):
        denoiser = Denoiser(config.diffusion, config.vqgan.code_dimension, conditioning)
        autoencoder = VQGAN(config.vqgan, config.volume_channels)
        networks: dict[str, nn.Module] = {"vqgan": autoencoder, "denoiser": denoiser}
    wanted = {
        f"{name}/{key}": tensor.shape
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    if wanted != {name: tensor.shape for name, tensor in tensors.items()}:
        before = dict(_leaves(card["config"]))
        now = _leaves(config.model_dump(mode="json"))
        others = [
            f"{key} is {before.get(key)} there and {value} here"
            for key, value in now
            if key.startswith((*STAGES, "channels"))
            and ".training." not in key
            and before.get(key) != value
        ]
        raise EvalsuiteError(
            f"{folder}: its networks are others than those of this training: "
            f"{'; '.join(others) or 'what is told of volumes'}. "
            "Use its configuration, or leave --from out."
        )
    return tensors, {"name": card["name"], "weights_sha256": digested}
