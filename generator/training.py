"""The loop that both stages share: update, validate, checkpoint, resume."""

import json
import math
import sys
import time
from collections import deque
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
from generator.steps import Player
from generator.watching import Maker, Watch

WATCHED = 100  # steps of which less than half may overflow; a scaler needs some 16 to settle
Report = Callable[[int, dict[str, float], dict[str, Figure]], None]


class Stage(Maker, Protocol):
    """One stage of training.

    Attributes:
        name: `vqgan` or `diffusion`.
        settings: how long and how fast.
        modules: by name, whatever has a state that a checkpoint must hold.
        players: by name, the networks that learn.
    """

    name: str
    settings: Optimisation
    modules: dict[str, nn.Module]
    players: dict[str, Player]

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
        checkpoint.unpack(tensors, stage.modules, _optimisers(stage), origin)
        for name, state in card.get("scalers", {}).items():
            stage.players[name].scaler.load_state_dict(state)
        start = found[-1]
        advance(start)
    metrics: dict[str, float] = card.get("metrics", {})
    sums: dict[str, float] = {}
    counted, clock = 0, time.monotonic()
    skipped = Skipped(int(card.get("skipped_steps", 0)))
    for player in stage.players.values():
        player.start_at(start)
    for step in range(start, stage.settings.steps):
        values = stage.update(step)
        _stop_at_nan(values, stage.name, step, folder)
        skipped.count(any(player.skipped for player in stage.players.values()))
        skipped.stop_if_most(stage)
        rates = _rates(stage)
        for player in stage.players.values():
            player.next_rate()
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
            rates["skipped_steps"] = float(skipped.total)
            speed = {"seconds_per_step": (time.monotonic() - clock) / counted}
            sums, counted, clock = {}, 0, time.monotonic()
            if rank() == 0:
                report(done, {**means, **metrics, **rates, **speed, **scores}, figures)
        elif scores and rank() == 0:
            report(done, scores, {})
        if last or done % stage.settings.checkpoint_every == 0:
            if rank() == 0:
                tensors = checkpoint.pack(stage.modules, _optimisers(stage))
                about = {
                    "stage": stage.name,
                    "step": done,
                    "signature": signature,
                    "skipped_steps": skipped.total,
                    "scalers": {n: p.scaler.state_dict() for n, p in stage.players.items()},
                }
                checkpoint.save(
                    checkpoint.step_folder(folder, done), tensors, {**about, "metrics": metrics}
                )
                checkpoint.forget_old(folder)
            distributed.barrier()
    if skipped.total and rank() == 0:
        print(  # noqa: T201
            f"{stage.name}: {skipped.total} of {stage.settings.steps} steps were skipped because "
            "their gradients overflowed.",
            file=sys.stderr,
        )
    return metrics


class Skipped:
    """Counts the steps whose gradient overflowed, so that the weights stayed as they were.

    Args:
        total: how many there have been.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._last: deque[bool] = deque(maxlen=WATCHED)

    def count(self, skipped: bool) -> None:
        """Count one step."""
        self.total += skipped
        self._last.append(skipped)

    def stop_if_most(self, stage: Stage) -> None:
        """Refuse to go on as if it learnt.

        Raises:
            EvalsuiteError: if most of the last steps were skipped.
        """
        if 2 * sum(self._last) > WATCHED:
            raise EvalsuiteError(
                f"{stage.name}: {sum(self._last)} of the last {len(self._last)} steps were skipped "
                f"because their gradients overflowed. Lower {stage.name}.training.learning_rate, or "
                "set its precision to float32."
            )


def _optimisers(stage: Stage) -> dict[str, torch.optim.Optimizer]:
    return {name: player.optimiser for name, player in stage.players.items()}


def _rates(stage: Stage) -> dict[str, float]:
    """Return the learning rates; the first player's is that of the stage."""
    names = ["learning_rate", *(f"learning_rate_{name}" for name in [*stage.players][1:])]
    rates = (player.optimiser.param_groups[0]["lr"] for player in stage.players.values())
    return dict(zip(names, rates, strict=True))


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
