"""Which stage limits a generator: the reconstructions of held-out volumes, by the suite's metrics.

No sample can be better than what the autoencoder makes of a real volume. So reconstructions of the
held-out volumes are compared with training volumes, and beside them the held-out volumes
themselves: what differs between the two columns is the first stage's doing.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from evalsuite.extractors.extractor import ExtractorOptions, load_extractor
from evalsuite.functions import estimates
from evalsuite.measure import standardise
from evalsuite.progress import Progress, silent
from evalsuite.volumes.preprocessing import Preprocessing
from evalsuite.volumes.volume import Volume

EXTRACTORS = ("medicalnet-resnet10-untrained", "radiomics")
OF_FEATURES = ("frechet", "precision_recall")
TOLD = ("frechet_distance", "precision", "recall", "density", "coverage", "ms_ssim_difference")
PARITY = "parity"
AGREEMENT = "normalised_mutual_information"
BINS = 32  # of intensities from 0 to 1
FEWEST, MOST = 20, 60  # volumes of each kind that are looked at, as far as there are so many
VOXELS = 8_000_000  # in all of them, so that the report takes minutes at most
TRUSTED = 30  # volumes below which coverage and recall move by more than 0.1 by chance

Channels = Sequence[Float[np.ndarray, "c x y z"]]  # volumes with their channels
Volumes = Sequence[Float[np.ndarray, "x y z"]]


@dataclass(frozen=True, slots=True)
class Line:
    """One quantity of the report.

    Args:
        name: of the quantity.
        extractor: of the features, or empty.
        reconstructions: against training volumes.
        held_out: the same of the volumes that were reconstructed, the best there can be.
        channel: of the volumes, where they have several.
    """

    name: str
    extractor: str
    reconstructions: float
    held_out: float
    channel: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """What it is of, as far as that is told: name, extractor and channel."""
        return tuple(part for part in (self.name, self.extractor, self.channel) if part)


@dataclass(frozen=True, slots=True)
class Report:
    """What the first stage keeps of volumes it has not seen.

    Args:
        lines: one per quantity.
        volumes: how many were held out and looked at.
        training: how many training volumes they were compared with.
        missing: what could not be computed of so few or so small volumes, and why.
    """

    lines: tuple[Line, ...]
    volumes: int
    training: int
    missing: tuple[str, ...] = ()

    def card(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def metrics(self) -> dict[str, float]:
        """Return the numbers of the reconstructions by name, for the history of the training."""
        return {
            "_".join(("report", *line.parts)): line.reconstructions
            for line in self.lines
            if math.isfinite(line.reconstructions)
        }

    def text(self) -> str:
        """Return the table for the screen."""
        heading = (
            f"Reconstructions of {self.volumes} held-out volumes, and these volumes themselves, "
            f"against {self.training} training volumes:"
        )
        rows = [heading, f"{'':54s}{'reconstructed':>14s}{'real':>12s}"]
        rows += [
            f"{', '.join(line.parts):54s}{line.reconstructions:14.4g}{line.held_out:12.4g}"
            for line in self.lines
        ]
        rows.append(
            "Samples of the second stage cannot be better than this: where the first column is far "
            "from the second, the autoencoder is what to train longer or to change."
        )
        rows += self.missing
        if self.volumes < TRUSTED:
            rows.append(
                f"Of {self.volumes} volumes recall, coverage and distances are uncertain; hold out "
                f"{TRUSTED} or more for numbers to rely on."
            )
        return "\n".join(rows)


def looked_at(held_out: int, shape: Sequence[int]) -> int:
    """Return how many volumes of a shape are looked at of so many held-out ones."""
    affordable = VOXELS // math.prod(shape)
    return min(held_out, MOST, max(FEWEST, affordable))


def reconstruction_report(
    training: Channels,
    held_out: Channels,
    reconstructions: Channels,
    channels: Sequence[str] = ("",),
    *,
    device: str = "cpu",
    progress: Progress = silent,
) -> Report:
    """Return how far reconstructions are from training volumes, beside the volumes themselves.

    The numbers are those of `evalsuite compute-metrics` for the same volumes, of one shape, on
    disk.

    Args:
        training, held_out, reconstructions: in [0, 1]; the last two in the same order.
        channels: their names, each of which is looked at alone.
        device: for the network.
        progress: shows how many volumes have been described.
    """
    whole = {"training": training, "held_out": held_out, "reconstructions": reconstructions}
    steps = Preprocessing(spacing="native", shape=training[0].shape[1:])
    lines: list[Line] = []
    missing: list[str] = []
    for place, channel in enumerate(channels):
        sets = {name: [_prepared(v[place], steps) for v in many] for name, many in whole.items()}
        found, unknown = _lines_of_channel(sets, device, progress)
        lines += [replace(line, channel=channel) for line in found]
        missing += [f"{channel}, {reason}" if channel else reason for reason in unknown]
    for one, other in combinations(range(len(channels)), 2):
        both = f"{channels[one]} with {channels[other]}"
        own, real = (agreement(many, one, other) for many in (reconstructions, held_out))
        lines.append(Line(AGREEMENT, "", own, real, both))
    return Report(tuple(lines), len(held_out), len(training), tuple(missing))


def _lines_of_channel(
    sets: dict[str, Any], device: str, progress: Progress
) -> tuple[list[Line], list[str]]:
    """Return all lines of one channel, and what could not be computed."""
    lines: list[Line] = []
    missing: list[str] = []
    for name in EXTRACTORS:
        extractor = load_extractor(name, ExtractorOptions(device=device))
        features = {}
        with progress(f"describing by {name}", sum(map(len, sets.values()))) as advance:
            for kind, volumes in sets.items():
                rows = []
                for volume in volumes:
                    rows.append(extractor(volume[None])[0])
                    advance()
                features[kind] = np.stack(rows).astype(np.float64)
        if extractor.standardise:
            features = {k: standardise(features["training"], v) for k, v in features.items()}
        for metric in OF_FEATURES:
            lines += _lines(metric, features, name, missing)
    lines += _lines("ms_ssim", sets, "", missing)
    lines.append(Line(PARITY, "", parity(sets["reconstructions"]), parity(sets["held_out"])))
    return lines, missing


def parity(volumes: Volumes) -> float:
    """Return the lattice of volumes: how much the eight sub-lattices of every second voxel differ.

    The standard deviation of the means of what is left of a volume after the mean of its 3 x 3 x 3
    neighbourhood is taken away, over the eight sub-lattices, in percent of the range, averaged
    over volumes. Lower is better; noise and edges leave something in real volumes.
    """
    from scipy.ndimage import uniform_filter

    spreads = []
    for volume in volumes:
        detail = volume - uniform_filter(volume, 3)
        means = [detail[i::2, j::2, k::2].mean() for i in (0, 1) for j in (0, 1) for k in (0, 1)]
        spreads.append(np.std(means))
    return 100 * float(np.mean(spreads))


def agreement(volumes: Channels, one: int, other: int) -> float:
    """Return how much two channels of volumes tell of each other, whatever their contrasts.

    Their normalised mutual information, the mean of both entropies being 1, from 0 for channels
    that have nothing in common to 1 for those of which each follows from the other; averaged over
    volumes. Noise lowers it in real volumes too.
    """
    from sklearn.metrics import normalized_mutual_info_score

    binned = [np.minimum(volume * BINS, BINS - 1).astype(int) for volume in volumes]
    values = [normalized_mutual_info_score(v[one].ravel(), v[other].ravel()) for v in binned]
    return float(np.mean(values))


def _prepared(volume: Float[np.ndarray, "x y z"], steps: Preprocessing) -> np.ndarray:
    return steps.apply(Volume(volume, np.eye(4))).voxels


def _lines(metric: str, sets: dict[str, Any], extractor: str, missing: list[str]) -> list[Line]:
    found: dict[str, list[float]] = {}
    try:
        for kind in ("reconstructions", "held_out"):
            for estimate in estimates(metric, sets["training"], sets[kind]):
                if estimate.name in TOLD:
                    found.setdefault(estimate.name, []).append(estimate.value)
    except ValueError as reason:  # too few volumes, or too small ones
        missing.append(f"{metric} {extractor}".strip() + f": {reason}")
        return []
    return [Line(name, extractor, own, real) for name, (own, real) in found.items()]
