"""The loop that both stages share: update, validate, checkpoint, resume."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from matplotlib.figure import Figure
from torch import nn

from evalsuite.errors import EvalsuiteError
from evalsuite.machine import rank
from generator import checkpoint, distributed
from generator.config import Optimisation
from generator.watching import Maker, Watch

Report = Callable[[int, dict[str, float], dict[str, Figure]], None]


class Stage(Maker, Protocol):
    """One stage of training.

    Attributes:
        name: `vqgan` or `diffusion`.
        settings: how long and how fast.
        modules: by name, whatever has a state that a checkpoint must hold.
        optimisers: by name.
    """

    name: str
    settings: Optimisation
    modules: dict[str, nn.Module]
    optimisers: dict[str, torch.optim.Optimizer]

    def update(self, step: int) -> dict[str, float]:
        """Do one step; return losses and the like, the same whenever the step is repeated."""
        ...

    def validate(self) -> tuple[dict[str, float], dict[str, Figure]]:
        """Return figures of merit and mosaics on the validation volumes."""
        ...


def fit(
    stage: Stage,
    folder: Path,
    *,
    signature: str,
    resume: bool,
    report: Report,
    advance: Callable[[int], None],
    watch: Watch | None = None,
) -> dict[str, float]:
    """Train a stage to its end and return its last validation.

    Args:
        folder: for the checkpoints and the history of the stage.
        signature: hash of configuration and data; a checkpoint of another one is refused.
        resume: go on from the last checkpoint if there is one.
        report: called with step, values and figures after every validation.
        advance: called with the number of steps just done.
        watch: tells now and then how near what the stage makes is to held-out volumes.

    Raises:
        EvalsuiteError: for a loss that is not finite, a checkpoint of another configuration, or
            a full disk. The last checkpoint still stands.
    """
    start = 0
    found = checkpoint.steps(folder)
    card: dict[str, Any] = {}
    if resume and found:
        origin = checkpoint.step_folder(folder, found[-1])
        tensors, card = checkpoint.load(origin)
        if card["signature"] != signature:
            raise EvalsuiteError(
                f"{origin}: the checkpoint is of another configuration or of other volumes. Use "
                "those it was made with, or start anew in another folder."
            )
        checkpoint.unpack(tensors, stage.modules, stage.optimisers, origin)
        start = found[-1]
        advance(start)
    metrics: dict[str, float] = card.get("metrics", {})
    sums: dict[str, float] = {}
    counted, clock = 0, time.monotonic()
    for step in range(start, stage.settings.steps):
        for optimiser in stage.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(stage.settings, step)
        values = stage.update(step)
        _stop_at_nan(values, stage.name, step, folder)
        for key, value in values.items():
            sums[key] = sums.get(key, 0.0) + value
        counted += 1
        done = step + 1
        advance(1)
        last = done == stage.settings.steps
        scores = watch.scores(stage) if watch and (last or done % watch.every == 0) else {}
        if last or done % stage.settings.validate_every == 0:
            found_metrics, figures = stage.validate()
            metrics = distributed.averaged(found_metrics)
            means = distributed.averaged({key: total / counted for key, total in sums.items()})
            rate = {"learning_rate": learning_rate(stage.settings, step)}
            speed = {"seconds_per_step": (time.monotonic() - clock) / counted}
            sums, counted, clock = {}, 0, time.monotonic()
            if rank() == 0:
                report(done, {**means, **metrics, **rate, **speed, **scores}, figures)
        elif scores and rank() == 0:
            report(done, scores, {})
        if last or done % stage.settings.checkpoint_every == 0:
            if rank() == 0:
                tensors = checkpoint.pack(stage.modules, stage.optimisers)
                about = {"stage": stage.name, "step": done, "signature": signature}
                checkpoint.save(
                    checkpoint.step_folder(folder, done), tensors, {**about, "metrics": metrics}
                )
                checkpoint.forget_old(folder)
            distributed.barrier()
    return metrics


def learning_rate(settings: Optimisation, step: int) -> float:
    """Return the learning rate of a step: linear warm-up, then a cosine to the final share."""
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    past = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    share = settings.final_rate + (1 - settings.final_rate) * (1 + math.cos(math.pi * past)) / 2
    return settings.learning_rate * share


def append_history(file: Path, step: int, values: dict[str, float]) -> None:
    """Add a line to the history of a stage, which is there even where tracking is not."""
    with file.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps({"step": step, **values}) + "\n")


def _stop_at_nan(values: dict[str, float], stage: str, step: int, folder: Path) -> None:
    bad = [key for key, value in values.items() if not math.isfinite(value)]
    if not bad:
        return
    found = checkpoint.steps(folder)
    good = (
        f"The last good checkpoint is {checkpoint.step_folder(folder, found[-1])}. "
        if found
        else ""
    )
    raise EvalsuiteError(
        f'In step {step + 1} of {stage} the loss "{bad[0]}" is not finite. {good}'
        f"Lower {stage}.training.learning_rate, or set its precision to float32."
    )
