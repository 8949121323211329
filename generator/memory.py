"""What training needs, counted before it starts: weights, memory, disk.

The networks run once on PyTorch's meta device, which computes shapes only, and every tensor that
the backward pass needs is counted once. So networks that do not fit together are seen as well.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError
from generator import checkpoint
from generator.bottleneck import SEARCHED
from generator.conditions import NOTHING, Condition, Conditioning
from generator.config import GeneratorConfig, Optimisation
from generator.critics import Critics
from generator.diffusion import Denoiser
from generator.vqgan import VQGAN

PER_WEIGHT = 16  # bytes of a weight, its gradient and Adam's two moments
REST = 1.5  # workspaces and fragmentation: half as much again as what is counted


@dataclass(frozen=True, slots=True)
class Needs:
    """What training a stage needs.

    Args:
        weights: of the network that the finished generator holds.
        memory: bytes on the device, estimated.
        checkpoint: bytes of one.
    """

    weights: int
    memory: int
    checkpoint: int


def training_needs(
    config: GeneratorConfig,
    sides: Sequence[int],
    conditioning: Conditioning = NOTHING,
    processes: int = 1,
) -> tuple[Needs, Needs]:
    """Return what the two stages need.

    Args:
        sides: of volumes as the networks see them.
        conditioning: what the second stage is told.
        processes: that share each batch.
    """
    latent = [side // config.vqgan.factor for side in sides]
    settings = config.vqgan.training, config.diffusion.training
    first_batch, second_batch = (max(1, s.batch_size // processes) for s in settings)
    with torch.device("meta"):
        channels = config.volume_channels
        model, critics = VQGAN(config.vqgan, channels), Critics(config.vqgan, channels)
        denoiser = Denoiser(config.diffusion, config.vqgan.code_dimension, conditioning)
        volumes = torch.rand(first_batch, channels, *sides)
        noised = torch.rand(second_batch, config.vqgan.code_dimension, *latent)
        times = torch.zeros(second_batch, dtype=torch.long)
        codes = torch.zeros(second_batch, len(conditioning.columns))
        maps = torch.rand(second_batch, conditioning.map_channels, *latent)
        condition = Condition(codes, maps)

        def first() -> None:
            encoded = model.encoding(volumes)
            found = model.decoding(model.bottleneck.continuous(encoded), volumes)[1]
            _, features = critics(found, [0.5] * 3)
            # Feature matching keeps the features of the real volumes too.
            for maps in features:
                for one in maps:
                    (one - one.detach()).abs().sum()

        kept = saved(first), saved(lambda: denoiser(noised, times, condition))
    distances = noised[0, 0].numel() * first_batch * config.vqgan.codes
    search = 0 if model.codebook is None else 4 * 3 * min(SEARCHED, distances)
    return (
        _needs(settings[0], kept[0], model, [model, critics], search=search),
        # The averaged weights lie beside those in training.
        _needs(settings[1], kept[1], denoiser, [denoiser], averaged=denoiser),
    )


def disk(needs: Sequence[Needs]) -> int:
    """Return the bytes that checkpoints, origin and finished generator take at most."""
    # One more is there while it is written; the best weights, which have no moments, take at
    # most as much as another one, the copy included that is there while they are written.
    return sum((checkpoint.KEPT + 2) * one.checkpoint + 2 * 4 * one.weights for one in needs)


def refuse_full(output: Path, needed: int) -> int:
    """Return the bytes free for a training's folder, what it holds already included.

    Raises:
        EvalsuiteError: if they are fewer than needed.
    """
    place = output.absolute()
    while not place.exists():
        place = place.parent
    held = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    room = shutil.disk_usage(place).free + held
    if room < needed:
        raise EvalsuiteError(
            f"{output}: checkpoints take up to {size(needed)}, but only {size(room)} are free. "
            "Make room, or name a folder on another disk with --output DIR."
        )
    return room


def size(count: int) -> str:
    """Return bytes as people read them."""
    gibibytes = count / 2**30
    return f"{gibibytes:,.1f} GiB" if gibibytes >= 1 else f"{max(1, count >> 20)} MiB"


def saved(run: Callable[[], object]) -> int:
    """Return how many numbers a forward pass keeps for its backward pass, weights left out."""
    kept: dict[int, tuple[torch.UntypedStorage, Tensor]] = {}

    def pack(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            # A view shares the storage of its base; the storage is held so that its id stays its.
            storage = tensor.untyped_storage()
            kept[id(storage)] = (storage, tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(storage.nbytes() // tensor.element_size() for storage, tensor in kept.values())


def _needs(
    settings: Optimisation,
    kept: int,
    network: nn.Module,
    modules: Sequence[nn.Module],
    averaged: nn.Module | None = None,
    search: int = 0,
) -> Needs:
    def numbers(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    trained = sum(numbers(module) for module in modules)
    average = 4 * numbers(averaged) if averaged is not None else 0
    bytes_each = 4 if settings.precision == "float32" else 2
    return Needs(
        weights=numbers(network),
        memory=int(REST * (bytes_each * kept + PER_WEIGHT * trained + average + search)),
        checkpoint=12 * trained + average,
    )
