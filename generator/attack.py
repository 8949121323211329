"""A white-box attack: training volumes are reconstructed better than held-out ones, if remembered.

Noise is added to the latents of a volume and the denoiser says what they were. Its error, at several
noise levels and in several bands of spatial frequency, tells members from others where it has
memorised: Duan et al., ICML (2023), and Carlini et al., USENIX Security (2023), section 5; by
frequency as in arXiv 2505.20955 and 2506.14919.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from evalsuite.cohorts import forbid_training_on
from evalsuite.errors import EvalsuiteError
from evalsuite.metrics.privacy.membership import probability_of_subjects
from evalsuite.metrics.subjects import coded, count
from evalsuite.output import finite
from evalsuite.progress import Progress, silent
from evalsuite.seeds import seed_of
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.writable import write_whole
from generator.channels import Cohorts, check_channels, read_channels, stacked
from generator.conditions import NOTHING, Condition
from generator.diffusion import noise_schedule, rectified_flow
from generator.fitting import widened
from generator.model import Generator
from generator.scaling import scaling_of

LEVELS = (0.05, 0.1, 0.2, 0.35, 0.5)  # shares of the process
BANDS = ("low", "middle", "high")
NOISES = 4
FEWEST = 5  # subjects on each side
ALL = "all"


@dataclass(frozen=True, slots=True)
class Area:
    """How well one error tells training from held-out volumes.

    Args:
        level: share of the noising process, or `all`.
        band: of spatial frequency, or `all`.
        auc: probability that a training volume has the smaller error; 0.5 is guessing.
        low, high: the 95 % interval, over subjects.
    """

    level: str
    band: str
    auc: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Attack:
    """What a generator gives away to who has its weights.

    Args:
        generator: SHA-256 of its weights.
        training, holdout: how many volumes, and subjects.
        areas: the first of all levels and bands together, which was to count beforehand; then one
            per level and band.
        seed: of the noise.
    """

    generator: str
    training: tuple[int, int]
    holdout: tuple[int, int]
    areas: tuple[Area, ...]
    seed: int

    @property
    def statement(self) -> str:
        """What can be quoted."""
        area = self.areas[0]
        told = (
            f"By the error of its reconstructions from noise, the generator tells {self.training[0]} "
            f"training from {self.holdout[0]} held-out volumes with an AUC of {area.auc:.2f} "
            f"({area.low:.2f} to {area.high:.2f}, 95 % interval over subjects)"
        )
        if area.low > 0.5:
            return f"{told}: it has memorised them, as far as who has its weights can see."
        return f"{told}: no memory is proven; an AUC of {area.high:.2f} is not excluded."


def attack(
    generator: Generator,
    training: str,
    holdout: str,
    *,
    seed: int = 0,
    noises: int = NOISES,
    progress: Progress = silent,
) -> Attack:
    """Return how well a generator's weights tell training volumes from others.

    Args:
        training, holdout: folder, glob or table; real volumes of other subjects.
        seed: of the noise, the same for every volume.
        noises: drawn for each level.

    Raises:
        EvalsuiteError: for too few subjects, subjects on both sides, a generator that needs label
            maps, and volumes that cannot be read.
    """
    if generator.conditioning.structures:
        raise EvalsuiteError(
            "This generator is told label maps, without which its errors say nothing. Audit its "
            "volumes with `evalsuite audit`."
        )
    names = generator.config.channel_names
    volumes = [
        check_channels(read_channels(path, names, name=name))
        for path, name in ((training, "training"), (holdout, "hold-out"))
    ]
    cohorts = [channels[0] for channels in volumes]
    forbid_training_on(cohorts[0], cohorts[1], "")
    members, others = (coded(cohort.subjects) for cohort in cohorts)
    subjects = members, others
    for cohort, codes in zip(cohorts, subjects, strict=True):
        if count(codes) < FEWEST:
            raise EvalsuiteError(
                f"{cohort.source}: an attack needs at least {FEWEST} subjects on each side, but "
                f"found {count(codes)}."
            )
    errors = [_errors_of(generator, channels, seed, noises, progress) for channels in volumes]
    ours, theirs = (np.log(np.maximum(e, 1e-12)) for e in errors)
    areas = [_area(ALL, ALL, ours.mean(axis=(1, 2)), theirs.mean(axis=(1, 2)), subjects)]
    areas += [
        _area(f"{level:g}", band, ours[:, i, j], theirs[:, i, j], subjects)
        for i, level in enumerate(LEVELS)
        for j, band in enumerate(BANDS)
    ]
    sizes = [(len(codes), count(codes)) for codes in subjects]
    return Attack(generator.digest, sizes[0], sizes[1], tuple(areas), seed)


def write_attack(found: Attack, path: Path) -> None:
    """Write what was found as JSON."""
    record = {"schema": 1, "statement": found.statement, **finite(asdict(found))}
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    write_whole(path, text.encode(), "Name another file with --output FILE.")


def reconstruction_errors(
    generator: Generator,
    volumes: Float[Tensor, "b channel x y z"],
    seed: int,
    noises: int = NOISES,
) -> Float[np.ndarray, "b l f"]:
    """Return the mean square of what the denoiser gets wrong of latents, by noise and frequency.

    Args:
        volumes: as the networks see them.
        seed: of the noise, the same for every volume: what differs is the volumes.
        noises: drawn for each level.
    """
    scaling = scaling_of(generator.card)
    device = next(generator.denoiser.parameters()).device
    with torch.no_grad():
        clean = scaling.apply(generator.autoencoder.encode(volumes.to(device)).float())
        condition = _untold(generator, len(clean))
        bands = _bands(clean.shape[2:]).to(device)
        found = torch.zeros(len(clean), len(LEVELS), len(BANDS))
        for i, level in enumerate(LEVELS):
            for number in range(noises):
                stream = torch.Generator().manual_seed(seed_of(seed, i, number, "attack"))
                noise = torch.randn(clean.shape[1:], generator=stream).to(clean)
                noised, time, recovered = _process(generator, clean, noise.expand_as(clean), level)
                prediction = generator.denoiser(noised, time, condition).float()
                power = torch.fft.fftn(recovered(prediction) - clean, dim=(2, 3, 4)).abs().square()
                power = power.mean(dim=1) / clean[0, 0].numel()
                for j in range(len(BANDS)):
                    found[:, i, j] += power[:, bands == j].mean(dim=1).cpu() / noises
    return np.asarray(found.double().numpy())


def _process(
    generator: Generator,
    clean: Float[Tensor, "b c u v w"],
    noise: Float[Tensor, "b c u v w"],
    level: float,
) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """Return noised latents, their times, and what makes clean latents of a prediction."""
    config = generator.config.diffusion
    n = len(clean)
    if config.prediction == "rectified_flow":
        times = torch.full((n,), level * config.timesteps, device=clean.device)
        noised = rectified_flow(config).add_noise(clean, noise, times)
        return noised, times, lambda velocity: noised + level * velocity
    step = max(1, round(level * (config.timesteps - 1)))
    times = torch.full((n,), step, device=clean.device)
    process = noise_schedule(config)
    noised = process.add_noise(clean, noise, times)
    signal = float(process.alphas_cumprod[step])
    a, s = math.sqrt(signal), math.sqrt(1 - signal)
    if config.prediction == "v_prediction":
        return noised, times, lambda velocity: a * noised - s * velocity
    return noised, times, lambda noise_told: (noised - s * noise_told) / a


def _untold(generator: Generator, n: int) -> Condition | None:
    """Return the condition of volumes of which nothing is told."""
    told = generator.conditioning
    if told == NOTHING:
        return None
    device = next(generator.denoiser.parameters()).device
    return Condition(torch.tensor([told.coded({})] * n), None).to(device)


def _bands(sides: Sequence[int]) -> Int[Tensor, "u v w"]:
    """Return for each frequency of a grid its band: thirds of all of them, from the lowest."""
    axes = torch.meshgrid(*(torch.fft.fftfreq(side) for side in sides), indexing="ij")
    radius = torch.stack(axes).square().sum(dim=0).sqrt()
    order = radius.flatten().argsort(stable=True).argsort(stable=True)
    return (order * len(BANDS) // order.numel()).reshape(radius.shape)


def _errors_of(
    generator: Generator, channels: Cohorts, seed: int, noises: int, progress: Progress
) -> Float[np.ndarray, "n l f"]:
    resolved = Preprocessing.model_validate(generator.card["preprocessing"])
    steps = generator.config.of_channels(resolved)
    factor = generator.config.vqgan.factor
    sides = [factor * side for side in generator.card["latent_shape"][1:]]
    size = generator.config.sample_block
    found = []
    files = list(zip(*(cohort.entries for cohort in channels), strict=True))
    with progress(f"reconstructing {channels[0].name}", len(files)) as advance:
        for start in range(0, len(files), size):
            some = files[start : start + size]
            seen = [torch.from_numpy(stacked(steps, volume)) for volume in some]
            volumes = torch.stack([widened(volume, sides) for volume in seen])
            found.append(reconstruction_errors(generator, volumes, seed, noises))
            for _ in some:
                advance()
    return np.concatenate(found)


def _area(
    level: str,
    band: str,
    ours: Float[np.ndarray, " n"],
    theirs: Float[np.ndarray, " m"],
    subjects: tuple[Int[np.ndarray, " n"], Int[np.ndarray, " m"]],
) -> Area:
    value, interval = probability_of_subjects(ours, theirs, subjects)
    return Area(level, band, value, interval.low, interval.high)
