"""What a generator is made of and how it is trained: one YAML file per run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from evalsuite.declared import Declared, validated
from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.settings import laid_over, read_settings
from evalsuite.volumes.intensity import Intensity
from evalsuite.volumes.preprocessing import Preprocessing

DEFAULT_PRESET = "tiny"
MIRRORED = "mirrored"  # what the second stage is told of mirrored volumes, as of a column
Precision = Literal["float32", "bfloat16", "float16"]
Objective = Literal["epsilon", "v_prediction", "rectified_flow"]
Sampler = Literal["ddpm", "ddim", "dpm++", "dpm++sde", "euler", "heun"]
Kind = Literal["auto", "classes", "number"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
Share = Annotated[float, Field(ge=0, lt=1)]
# Names a folder of samples and a column of their table.
Channel = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
TAKEN = {"image", "label", "label_of", "path", "index", "seed", "weights_sha256", "subject"}


class Optimisation(Declared):
    """How one of the two stages is trained.

    Args:
        steps: updates of the weights.
        batch_size: volumes per update and per accumulation, over all processes.
        accumulate: batches whose gradients are added up before an update.
        learning_rate, betas: of Adam.
        final_rate: share of the learning rate that is left at the end of a cosine decay; 1 keeps
            it constant, as in the paper.
        warmup: steps over which the learning rate rises from zero.
        gradient_clip: largest norm of the gradient; None leaves it as it is.
        precision: bfloat16 and float16 compute convolutions so, the weights and the search of the
            codebook stay float32; float16 with scaled losses.
        checkpointing: recompute activations instead of keeping them: less memory, more time.
        validate_every, checkpoint_every: steps.
        take: which weights the finished generator has: the last, or the best by validation, of the
            first stage the PSNR of reconstructions, of the second the loss of averaged weights.
    """

    steps: PositiveInt
    batch_size: PositiveInt
    accumulate: PositiveInt = 1
    learning_rate: PositiveFloat
    betas: tuple[Share, Share] = (0.9, 0.999)
    final_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    warmup: Annotated[int, Field(ge=0)] = 0
    gradient_clip: PositiveFloat | None = 1.0
    precision: Precision = "bfloat16"
    checkpointing: bool = False
    validate_every: PositiveInt = 500
    checkpoint_every: PositiveInt = 500
    take: Literal["last", "best"] = "last"


class VQGANConfig(Declared):
    """The first stage: volumes to a grid of codes and back.

    Args:
        channels: of each level; every level halves each axis.
        residual_layers: per level.
        bottleneck: between encoder and decoder: a codebook (vq) or normal distributions (kl).
        decoder: how it enlarges: by transposed convolutions, which leave a lattice until they
            are trained for long, or by interpolation and convolution.
        grain: kinds of noise that an interpolating decoder adds, whose strength at every voxel it
            takes from the latents; 0 makes volumes as smooth as what the latents hold.
        code_dimension: channels of the latents, and of each code.
        codes: of the codebook.
        decay: of the exponential moving average of the codes.
        restart_below: a code used less often per batch (as an average) is replaced.
        reconstruction, commitment, kl, perceptual, texture, slice_adversarial,
        volume_adversarial, feature_matching: weights of the losses.
        feature_layers: whether the differences of the critics' layers are averaged or, as in the
            paper, summed.
        discriminator_channels, discriminator_layers: of both discriminators.
        discriminator_start: step at which the critics begin to learn, and their losses to count.
        discriminator_ramp: steps over which those losses then rise to their weights.
        discriminator_rate: learning rate of the critics, which neither warms up nor decays; None
            follows that of the autoencoder, as in the paper.
        turned, resized: by how many degrees volumes are turned about every axis, and by which share
            they are resized along it, at most; the second stage sees them as they are, and so
            samples are.
        adversarial_balance: weigh the adversarial loss so that its gradient at the last layer is
            as large as that of the reconstruction (VQ-GAN, Esser et al., CVPR 2021).
        training: how it is trained.
    """

    channels: tuple[PositiveInt, ...]
    residual_layers: PositiveInt = 2
    bottleneck: Literal["vq", "kl"] = "vq"
    decoder: Literal["transposed", "interpolating"] = "transposed"
    grain: Annotated[int, Field(ge=0)] = 0
    codes: PositiveInt = 16384
    code_dimension: PositiveInt = 8
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    restart_below: Annotated[float, Field(ge=0)] = 1.0
    reconstruction: float = 4.0
    commitment: float = 0.25
    kl: float = 1e-4
    perceptual: float = 4.0
    texture: float = 0.0
    slice_adversarial: float = 1.0
    volume_adversarial: float = 1.0
    feature_matching: float = 4.0
    feature_layers: Literal["mean", "sum"] = "mean"
    discriminator_channels: PositiveInt = 64
    discriminator_layers: PositiveInt = 3
    discriminator_start: Annotated[int, Field(ge=0)] = 10_000
    discriminator_ramp: Annotated[int, Field(ge=0)] = 0
    discriminator_rate: PositiveFloat | None = None
    adversarial_balance: bool = False
    turned: Annotated[float, Field(ge=0, le=180)] = 0.0
    resized: Share = 0.0
    training: Optimisation

    @model_validator(mode="after")
    def _grained(self) -> "VQGANConfig":
        if self.grain and self.decoder != "interpolating":
            msg = "grain needs the decoder to be interpolating"
            raise ValueError(msg)
        return self

    @property
    def factor(self) -> int:
        """How many voxels along each axis one code stands for."""
        return int(2 ** len(self.channels))


class DiffusionConfig(Declared):
    """The second stage: noise to latents.

    Args:
        channels: of each level of the U-Net; every level but the last halves each axis.
        attention: per level, whether it attends to itself.
        residual_blocks: per level.
        head_channels: of attention.
        groups: of group normalisation.
        coordinates: tell the network where in the volume it is, by three more input channels;
            not in the paper, but anatomy that lies at one place is then learned much sooner.
        timesteps: of the noising process, cosine schedule; times of a rectified flow are told to
            the network in this unit.
        prediction: what the network predicts: the noise, the velocity of a noising process
            (Salimans and Ho, ICLR 2022), or that of a rectified flow (Liu et al., ICLR 2023).
        scaling: of the latents it sees: to mean 0 and deviation 1 in every channel, or by the
            smallest and largest entry of the codebook to [-1, 1], as the paper does.
        loss: between prediction and target.
        ema: decay of the averaged weights, which sample.
        ema_start, ema_every: the average moves every so many steps, and until a step it is a copy.
        condition: columns of the manifest that the network is told: one, a list, or a table that
            says of each whether it holds `classes` or a `number` (`auto`: see `columns_of`).
        condition_dropout: share of training samples from which all that is told is withheld, for
            guidance; where several things are told, each alone is withheld from as many.
        training: how it is trained.
    """

    channels: tuple[PositiveInt, ...]
    attention: tuple[bool, ...]
    residual_blocks: PositiveInt = 2
    head_channels: PositiveInt = 32
    groups: PositiveInt = 32
    coordinates: bool = False
    timesteps: PositiveInt = 300
    prediction: Objective = "epsilon"
    scaling: Literal["standard", "range"] = "range"
    loss: Literal["l1", "l2"] = "l1"
    ema: Annotated[float, Field(gt=0, lt=1)] = 0.995
    ema_start: Annotated[int, Field(ge=0)] = 0
    ema_every: PositiveInt = 1
    condition: str | tuple[str, ...] | dict[str, Kind] | None = None
    condition_dropout: Share = 0.1
    training: Optimisation

    @model_validator(mode="after")
    def _levels(self) -> "DiffusionConfig":
        if len(self.attention) != len(self.channels):
            msg = f"attention names {len(self.attention)} levels, channels {len(self.channels)}"
            raise ValueError(msg)
        bad = [c for c in self.channels if c % self.groups]
        if bad:
            msg = f"{bad[0]} channels do not divide into {self.groups} groups"
            raise ValueError(msg)
        return self

    @property
    def columns(self) -> dict[str, Kind]:
        """The columns that are told, and what each holds."""
        if self.condition is None or isinstance(self.condition, dict):
            return self.condition or {}
        names = (self.condition,) if isinstance(self.condition, str) else self.condition
        return dict.fromkeys(names, "auto")

    @property
    def factor(self) -> int:
        """What each side of the latents must be a multiple of."""
        return int(2 ** (len(self.channels) - 1))


class GeneratorConfig(Declared):
    """One generator.

    Args:
        preset: where the values came from that the file left out.
        gpu_memory: what training needs, for people; not used.
        preprocessing: as in the suite; its shape is that of the samples.
        channels: of volumes that have several, such as the MR sequences of a patient: their names,
            see `read_channels`, or a table of the intensity of each, `null` for that of the
            preprocessing. None: volumes have the one channel of their file.
        fit: where the networks need other sides: `pad` shows them a margin around the volumes,
            which is cut off samples, so that nothing is lost; `crop` rounds the shape down.
        mirrored: axis along which every second training volume is mirrored, of left to right (x),
            back to front (y) and feet to head (z). Samples are mirrored as often, unless told.
        mirrored_told: tell the second stage which volumes are mirrored, so that it learns from
            them and no sample is (Karras et al., NeurIPS 2022, non-leaking augmentation).
        validation: how many volumes, or which share of them, are held out.
        sample_block: samples that are computed together, always the same ones: a sample's bits
            depend on nothing else.
        labels: folder with label maps of the volumes, which the second stage is told, so that
            samples come with theirs; `column`: the column `label` of the manifest names them.
        sampler, steps, start: how samples are drawn, unless their recipe tells; see `draw`.
        calibrate: bring intensities and detail of samples, drawn so, to the distributions of those
            of training volumes; see `generator.calibration`.
        seed: of weights, order, noise.
        workers: processes that read volumes ahead of the first stage; None: none where all
            volumes fit into memory.
        vqgan: the first stage.
        diffusion: the second stage.
    """

    preset: str = ""
    gpu_memory: str = ""
    preprocessing: Preprocessing = Preprocessing()
    channels: tuple[Channel, ...] | dict[Channel, Intensity | None] | None = None
    fit: Literal["pad", "crop"] = "pad"
    labels: str | None = None
    mirrored: Literal["x", "y", "z"] | None = None
    mirrored_told: bool = False
    validation: Annotated[float, Field(gt=0)] = 0.1
    sample_block: PositiveInt = 4
    sampler: Sampler = "dpm++"
    steps: PositiveInt = 40
    start: Annotated[float, Field(gt=0, le=1)] = 1.0
    calibrate: bool = False
    seed: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=0)] | None = None
    vqgan: VQGANConfig
    diffusion: DiffusionConfig

    @field_validator("channels")
    @classmethod
    def _told_apart(cls, channels: Any) -> Any:
        names = list(channels or ())
        wrong = [name for name in names if name in TAKEN or names.count(name) > 1]
        if channels is not None and (wrong or not names):
            msg = f"expected different names, none of {', '.join(sorted(TAKEN))}"
            raise ValueError(msg)
        return channels

    @model_validator(mode="after")
    def _scaled(self) -> "GeneratorConfig":
        if self.diffusion.scaling == "range" and self.vqgan.bottleneck != "vq":
            msg = "scaling by the range of a codebook needs one: set diffusion.scaling to standard"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _told_of_mirroring(self) -> "GeneratorConfig":
        if self.mirrored_told and self.mirrored is None:
            msg = "mirrored_told needs volumes to be mirrored: set mirrored to x, y or z"
            raise ValueError(msg)
        if self.mirrored_told and MIRRORED in self.diffusion.columns:
            msg = f'mirrored_told needs the name "{MIRRORED}", which diffusion.condition has taken'
            raise ValueError(msg)
        return self

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of the channels; none where volumes have the one of their file."""
        return tuple(self.channels or ())

    @property
    def volume_channels(self) -> int:
        """How many channels a volume has."""
        return len(self.channel_names) or 1

    def of_channels(self, steps: Preprocessing) -> tuple[Preprocessing, ...]:
        """Return the preprocessing of each channel: the same but for an intensity of its own."""
        if not isinstance(self.channels, dict):
            return (steps,) * self.volume_channels
        own = [intensity or steps.intensity for intensity in self.channels.values()]
        return tuple(steps.model_copy(update={"intensity": intensity}) for intensity in own)

    @property
    def multiple(self) -> int:
        """What each side of a volume must be a multiple of."""
        return self.vqgan.factor * self.diffusion.factor


def load_config(path: Path | None, *overrides: Mapping[str, Any]) -> GeneratorConfig:
    """Return a preset with the values of a file and then of the command line laid over it.

    Args:
        path: YAML or TOML file, or None.
        overrides: values that win over those of the file; the last `preset` named is taken.

    Raises:
        EvalsuiteError: for an unknown preset or key, an impossible value or an unreadable file.
    """
    from generator.presets import PRESETS

    values = laid_over({"preset": DEFAULT_PRESET}, read_settings(path) if path else {}, *overrides)
    preset = str(values["preset"])
    if preset not in PRESETS:
        raise EvalsuiteError(unknown("preset", preset, PRESETS))
    origin = str(path) if path else "the configuration"
    return validated(GeneratorConfig, laid_over(PRESETS[preset], values), origin)
