"""Samples whose intensities and detail are distributed as those of training volumes.

Both stages learn how strong detail is, not how it is distributed: grain has lighter tails than
real texture, background is darker or brighter than real background, and one sample is as grainy as
the other, where real volumes differ. So when training ends, intensities of samples, and their
coefficients in every band of an undecimated wavelet, are mapped to those of training volumes by
quantiles, in turn and several times, as Heeger and Bergen (1995) do with noise; before that, the
strength of a sample's band, which is its own, is moved away from the mean of all samples as far as
that of a training volume lies from theirs. The maps are kept with the weights. They are monotone
and the same for all samples: they neither move anatomy nor make one sample like another, or like a
training volume.

Reference: Heeger and Bergen, Pyramid-based texture analysis/synthesis, SIGGRAPH 1995, 229-238.
"""

import math
from functools import lru_cache

import pywt
import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor, nn

SAMPLES = 60  # that maps are measured on, and as many training volumes
HELD = 1 << 30  # bytes of them, at most
ROUNDS = 3
DILATIONS = (2, 1)  # voxels from one tap of the wavelet to the next: coarse detail first
WAVELET = "db3"
BANDS = 8  # the smooth one first
VALUES = 1 << 19  # of which quantiles are taken
TAILS = (0.0, 1e-4, 1e-3)
SHARES = (*TAILS, *(k / 200 for k in range(1, 200)), *(1 - share for share in reversed(TAILS)))
KNOTS = 512  # of a map, equally far apart
FAINTEST = 1e-12  # power of a band that is 0
STRETCH = 4.0  # of differences between samples, at most
GAIN = math.log(2)  # of a band of a sample, at most either way


class Calibration(nn.Module):
    """Monotone maps of the intensities and of the wavelet detail of each channel.

    Detail has one map where the smooth band is dark and another where it is bright, as in
    background and tissue.

    Args:
        channels: of the volumes.
    """

    threshold: Tensor
    tones: Tensor
    strengths: Tensor
    details: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        kinds = ROUNDS, len(DILATIONS), BANDS - 1, 2
        self.register_buffer("threshold", torch.zeros(channels))
        self.register_buffer("tones", torch.zeros(channels, ROUNDS + 1, 1, 2 + KNOTS))
        self.register_buffer("strengths", torch.zeros(channels, *kinds, 3))
        self.register_buffer("details", torch.zeros(channels, *kinds, 2 + KNOTS))

    @torch.no_grad()
    def measure(
        self, samples: Float[Tensor, "n c x y z"], real: Float[Tensor, "m c x y z"]
    ) -> None:
        """Make the maps that bring samples to the marginal distributions of real volumes."""
        for channel, threshold in enumerate(real.mean(dim=(0, 2, 3, 4))):
            mine, theirs = samples[:, channel], real[:, channel]
            self.threshold[channel] = threshold
            tones, levels = self.tones[channel], self.strengths[channel]
            details = self.details[channel]
            tone = _tone(theirs)
            strength = [_strengths(theirs, dilation, threshold) for dilation in DILATIONS]
            detail = [_detail(theirs, dilation, threshold) for dilation in DILATIONS]
            for turn in range(ROUNDS):
                tones[turn] = _maps(_tone(mine), tone)
                mine = _mapped(mine, tones[turn])
                for place, dilation in enumerate(DILATIONS):
                    level, maps = levels[turn, place], details[turn, place]
                    level.copy_(_levels(_strengths(mine, dilation, threshold), strength[place]))
                    found = _detail(mine, dilation, threshold, level)
                    for own, before, after in zip(maps, found, detail[place], strict=True):
                        own.copy_(_maps(before, after))
                    refined = [_refined(one, dilation, threshold, level, maps) for one in mine]
                    mine = torch.stack(refined)
            tones[ROUNDS] = _maps(_tone(mine), tone)

    @torch.no_grad()
    def forward(self, volumes: Float[Tensor, "b c x y z"]) -> Float[Tensor, "b c x y z"]:
        """Return calibrated volumes, each by itself."""
        channels = [
            torch.stack([self._calibrated(one, number) for one in volumes[:, number]])
            for number in range(volumes.shape[1])
        ]
        return torch.stack(channels, dim=1)

    def _calibrated(self, volume: Float[Tensor, "x y z"], channel: int) -> Float[Tensor, "x y z"]:
        threshold, tones = self.threshold[channel], self.tones[channel]
        for turn in range(ROUNDS):
            volume = _mapped(volume, tones[turn])
            for place, dilation in enumerate(DILATIONS):
                levels = self.strengths[channel, turn, place]
                maps = self.details[channel, turn, place]
                volume = _refined(volume, dilation, threshold, levels, maps)
        return _mapped(volume, tones[ROUNDS])


def measured_on(voxels: int, available: int) -> int:
    """Return how many volumes of so many voxels, of all channels, maps are measured on."""
    return max(1, min(SAMPLES, available, HELD // (4 * voxels)))


def _refined(
    volume: Float[Tensor, "x y z"],
    dilation: int,
    threshold: Float[Tensor, ""],
    levels: Float[Tensor, "7 2 3"],
    maps: Float[Tensor, "7 2 m"],
) -> Float[Tensor, "x y z"]:
    """Return a volume whose detail in every band is strengthened or weakened, and mapped."""
    responses = _responses(volume.shape, dilation).to(volume.device)
    bands, bright = _parted(volume, responses, threshold)
    side, strengthened = bright.int(), _strengthened(bands, bright, levels)
    change = [
        _mapped(found, own, side) - band
        for found, own, band in zip(strengthened, maps, bands, strict=True)
    ]
    # The filters' squares sum to 1, so that what is not mapped comes back as it was.
    added = torch.fft.rfftn(torch.stack(change), dim=(1, 2, 3)) * responses[1:].conj()
    refined: Tensor = volume + torch.fft.irfftn(added.sum(dim=0), s=volume.shape)
    return refined


def _parted(
    volume: Float[Tensor, "x y z"],
    responses: Complex[Tensor, "8 x y w"],
    threshold: Float[Tensor, ""],
) -> tuple[Float[Tensor, "7 x y z"], Bool[Tensor, "x y z"]]:
    """Return the detail of a volume, and where its smooth band is bright."""
    bands = _bands(volume, responses)
    return bands[1:], bands[0] > threshold


def _bands(
    volume: Float[Tensor, "x y z"], responses: Complex[Tensor, "8 x y w"]
) -> Float[Tensor, "8 x y z"]:
    spectrum = torch.fft.rfftn(volume) * responses
    bands: Tensor = torch.fft.irfftn(spectrum, s=volume.shape, dim=(1, 2, 3))
    return bands


@lru_cache(maxsize=len(DILATIONS))  # of samples, which have one shape
def _responses(sides: tuple[int, ...], dilation: int) -> Complex[Tensor, "8 x y w"]:
    """Return what the filters of all bands do to each frequency of a periodic volume."""
    wavelet = pywt.Wavelet(WAVELET)
    axes = []
    for side in sides:
        pair = torch.zeros(2, side, dtype=torch.float64)
        for own, taps in zip(pair, (wavelet.dec_lo, wavelet.dec_hi), strict=True):
            places = torch.arange(len(taps)) * dilation % side
            own.index_add_(0, places, torch.tensor(taps, dtype=torch.float64) / math.sqrt(2))
        axes.append(torch.fft.fft(pair))
    axes[2] = axes[2][:, : axes[2].shape[1] // 2 + 1]
    return torch.einsum("ax,by,cz->abcxyz", *axes).flatten(0, 2).to(torch.complex64)


def _tone(volumes: Float[Tensor, "n x y z"]) -> Float[Tensor, "1 q"]:
    """Return quantiles of intensities."""
    values = [one.flatten()[_drawn(volumes, number)] for number, one in enumerate(volumes)]
    return _quantiles(torch.cat(values))[None]


def _strength(
    bands: Float[Tensor, "7 x y z"], bright: Bool[Tensor, "x y z"]
) -> Float[Tensor, "7 2"]:
    """Return the logarithm of the root mean square of each band, where dark and where bright."""
    sides = torch.stack([~bright, bright]).flatten(1).to(bands)
    power = bands.flatten(1).square() @ sides.T / sides.sum(dim=1).clamp_min(1)
    return power.clamp_min(FAINTEST).log() / 2


def _strengths(
    volumes: Float[Tensor, "n x y z"], dilation: int, threshold: Float[Tensor, ""]
) -> Float[Tensor, "n 7 2"]:
    responses = _responses(volumes.shape[1:], dilation).to(volumes.device)
    return torch.stack([_strength(*_parted(one, responses, threshold)) for one in volumes])


def _levels(own: Float[Tensor, "n 7 2"], real: Float[Tensor, "m 7 2"]) -> Float[Tensor, "7 2 3"]:
    """Return the mean strength of samples, that of real volumes, and how much wider they differ."""
    spreads = [strengths.std(dim=0, correction=0) for strengths in (own, real)]
    ratio = (spreads[1] / spreads[0].clamp_min(FAINTEST)).clamp_max(STRETCH)
    return torch.stack([own.mean(dim=0), real.mean(dim=0), ratio], dim=-1)


def _strengthened(
    bands: Float[Tensor, "7 x y z"], bright: Bool[Tensor, "x y z"], levels: Float[Tensor, "7 2 3"]
) -> Float[Tensor, "7 x y z"]:
    """Return the bands of a volume, as strong among samples as a real one's among real ones."""
    own, real, ratio = levels.unbind(dim=-1)
    strength = _strength(bands, bright)
    gain = (real + ratio * (strength - own) - strength).clamp(-GAIN, GAIN).exp()
    dark, light = gain[:, :, None, None, None].unbind(dim=1)
    return bands * torch.where(bright, light, dark)


def _detail(
    volumes: Float[Tensor, "n x y z"],
    dilation: int,
    threshold: Float[Tensor, ""],
    levels: Float[Tensor, "7 2 3"] | None = None,
) -> Float[Tensor, "7 2 q"]:
    """Return quantiles of each band, where the smooth band is dark and where it is bright.

    Args:
        levels: that bands are strengthened by first.
    """
    responses = _responses(volumes.shape[1:], dilation).to(volumes.device)
    values, sides = [], []
    for number, one in enumerate(volumes):
        bands, bright = _parted(one, responses, threshold)
        if levels is not None:
            bands = _strengthened(bands, bright, levels)
        drawn = _drawn(volumes, number)
        values.append(bands.flatten(1)[:, drawn])
        sides.append(bright.flatten()[drawn])
    bright = torch.cat(sides)
    found = [
        _quantiles(band[side]) for band in torch.cat(values, dim=1) for side in (~bright, bright)
    ]
    return torch.stack(found).reshape(BANDS - 1, 2, len(SHARES))


def _drawn(volumes: Float[Tensor, "n x y z"], number: int) -> Int[Tensor, " k"]:
    """Return the places of some voxels of a volume, the same however often they are asked for."""
    voxels = volumes[0].numel()
    generator = torch.Generator().manual_seed(number)
    some = torch.randint(voxels, (min(voxels, VALUES // len(volumes)),), generator=generator)
    return some.to(volumes.device)


def _quantiles(values: Float[Tensor, " n"]) -> Float[Tensor, " q"]:
    if not len(values):  # nothing is that dark or that bright, nor will much of it be mapped
        return torch.zeros(len(SHARES), device=values.device)
    return torch.quantile(values, torch.tensor(SHARES, device=values.device))


def _maps(before: Float[Tensor, "k q"], after: Float[Tensor, "k q"]) -> Float[Tensor, "k m"]:
    """Return maps between quantiles: their common first and last knot, then values at all knots."""
    low, high = before.min(), before.max()
    knots = torch.linspace(0, 1, KNOTS, device=before.device) * (high - low) + low
    made = []
    for mine, theirs in zip(before, after, strict=True):
        above = torch.searchsorted(mine, knots).clamp(1, len(mine) - 1)
        left, right = mine[above - 1], mine[above]
        share = ((knots - left) / (right - left).clamp_min(1e-12)).clamp(0, 1)
        values = torch.lerp(theirs[above - 1], theirs[above], share)
        made.append(torch.cat([torch.stack([low, high]), values]))
    return torch.stack(made)


def _mapped(
    values: Float[Tensor, "*s"], maps: Float[Tensor, "k m"], which: Int[Tensor, "*s"] | int = 0
) -> Float[Tensor, "*s"]:
    """Return values mapped in line between knots, each by its own of the maps."""
    low, high = maps[0, :2]
    place = ((values - low) * ((KNOTS - 1) / (high - low).clamp_min(1e-12))).clamp(0, KNOTS - 1)
    left = place.int().clamp(max=KNOTS - 2)
    table, index = maps[:, 2:].flatten(), left + KNOTS * which
    return torch.lerp(table[index], table[index + 1], place - left)
