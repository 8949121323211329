"""One pre-training, one training with its test: what the jobs of an experiment do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from evalsuite.seeds import seed_of
from evalsuite.utility.cohorts import Prepared
from evalsuite.utility.config import Arm, Material, UtilityConfig, arms
from evalsuite.utility.networks import State, network, start_from
from evalsuite.utility.scoring import classes_on, predict, score
from evalsuite.utility.training import (
    Supply,
    fit,
    reconstruction_batches,
    segmentation_batches,
)

# What of a repeat is drawn. The arms of a repeat share all three: they start from the same weights
# and see the same patches, which takes chance out of their differences.
WEIGHTS, RECONSTRUCTION, SEGMENTATION = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Training:
    """One training.

    Args:
        arm: what is trained, and how.
        share: per cent of the real training subjects; 0 for an arm without any.
        repeat: from 0.
    """

    arm: Arm
    share: float
    repeat: int

    @property
    def name(self) -> str:
        """Of its record."""
        return f"{self.arm.name}-{self.share:g}-r{self.repeat + 1}"


def planned(config: UtilityConfig, prepared: Prepared) -> list[Training]:
    """Return every training, those of a repeat together."""
    return [
        Training(arm, share, repeat)
        for repeat in range(config.repeats)
        for arm in arms(labelled=prepared.synthetic.labels is not None)
        for share in (sorted(config.shares) if "real" in arm.trained_on else (0.0,))
    ]


def pretrain(
    config: UtilityConfig,
    prepared: Prepared,
    material: Material,
    repeat: int,
    device: str,
    advance: Callable[[], None],
) -> tuple[State, dict[str, Any]]:
    """Return the weights of a network that reconstructs volumes, and the record of its training."""
    supply = _unlabelled(prepared, material)
    reconstructor = network(config.channels, 1, seed_of(config.seed, repeat, WEIGHTS))
    losses = fit(
        reconstructor,
        reconstruction_batches(
            supply,
            prepared.patch,
            config.batch_size,
            seed_of(config.seed, repeat, RECONSTRUCTION),
        ),
        nn.MSELoss(),
        steps=config.pretraining_steps,
        learning_rate=config.learning_rate,
        device=device,
        advance=advance,
    )
    record = {"pretrained_on": material, "repeat": repeat + 1, "volumes": len(supply.places)}
    return reconstructor.state_dict(), {**record, "losses": losses}


def train_and_test(
    config: UtilityConfig,
    prepared: Prepared,
    run: Training,
    pretrained: State | None,
    device: str,
    advance: Callable[[], None],
) -> dict[str, Any]:
    """Return the record of a training: about it, and a row for each tested case and structure."""
    from monai.losses import DiceCELoss

    segmenter = network(
        config.channels, len(prepared.structures) + 1, seed_of(config.seed, run.repeat, WEIGHTS)
    )
    if pretrained is not None:
        start_from(pretrained, segmenter)
    supplies = _labelled(prepared, run)
    dice_and_cross_entropy: Callable[[Tensor, Tensor], Tensor] = DiceCELoss(
        to_onehot_y=True, softmax=True
    )
    losses = fit(
        segmenter,
        segmentation_batches(
            supplies,
            prepared.patch,
            config.batch_size,
            seed_of(config.seed, run.repeat, SEGMENTATION),
        ),
        dice_and_cross_entropy,
        steps=config.steps,
        learning_rate=config.learning_rate,
        device=device,
        advance=advance,
    )
    return {
        "arm": run.arm.name,
        "share": run.share,
        "repeat": run.repeat + 1,
        "volumes": {
            material: len(supply.places)
            for material, supply in zip(run.arm.trained_on, supplies, strict=True)
        },
        "losses": losses,
        "cases": _tested(segmenter, config, prepared, device, advance),
    }


def _tested(
    segmenter: nn.Module,
    config: UtilityConfig,
    prepared: Prepared,
    device: str,
    advance: Callable[[], None],
) -> list[dict[str, Any]]:
    real, rows = prepared.real, []
    subject_of = {
        place: subject for subject, places in prepared.splits.volumes.items() for place in places
    }
    for place in prepared.splits.tested:
        example, truth = real[place], real.truth(place)
        probabilities = predict(segmenter, example, prepared.patch, config.factor, device)
        prediction = classes_on(probabilities, example.affine, truth)
        scores = score(prediction, truth.voxels, len(prepared.structures), truth.spacing)
        rows += [
            {
                "case": real.cohort.entries[place].id,
                "subject": subject_of[place],
                "structure": str(structure),
                "dice": one.dice,
                "hd95": one.hd95,
            }
            for structure, one in zip(prepared.structures, scores, strict=True)
        ]
        advance()
    return rows


def _unlabelled(prepared: Prepared, material: Material) -> Supply:
    """Return all volumes of a material that may be reconstructed."""
    if material == "synthetic":
        return Supply(prepared.synthetic, range(len(prepared.synthetic)))
    if prepared.unlabelled is not None:
        return Supply(prepared.unlabelled, prepared.seen)
    # The order of a repeat would be another order of the same volumes.
    return Supply(prepared.real, sorted(prepared.splits.training(100, 0)))


def _labelled(prepared: Prepared, run: Training) -> Sequence[Supply]:
    supplies = {
        "real": lambda: Supply(prepared.real, prepared.splits.training(run.share, run.repeat)),
        "synthetic": lambda: Supply(prepared.synthetic, range(len(prepared.synthetic))),
    }
    return [supplies[material]() for material in run.arm.trained_on]
