"""The loop that both stages share: update, validate, checkpoint, resume."""

import json
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from evalsuite.errors import EvalsuiteError
from evalsuite.processes import rank
from generator import checkpoint, distributed
from generator.config import Optimisation
from generator.steps import Player
from generator.watching import Maker, Watch

WATCHED = 100  # steps of which less than half may overflow; a scaler needs some 16 to settle
TERMINATED = 143  # 128 and the number of SIGTERM, as shells tell
Report = Callable[[int, dict[str, float], dict[str, Figure]], None]


class Stage(Maker, Protocol):
    """One stage of training.

    Attributes:
        name: `vqgan` or `diffusion`.
        settings: how long and how fast.
        modules: by name, whatever has a state that a checkpoint must hold.
        players: by name, the networks that learn.
        merit: name of the value of validation that tells the best weights; 1 where the highest is
            best, else -1.
    """

    name: str
    settings: Optimisation
    modules: dict[str, nn.Module]
    players: dict[str, Player]
    merit: tuple[str, int]

    def update(self, step: int) -> dict[str, float]:
        """Do one step; return losses and the like, the same whenever the step is repeated."""
        ...

    def validate(self) -> tuple[dict[str, float], dict[str, Figure]]:
        """Return figures of merit and mosaics on the validation volumes."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended.

    Args:
        metrics: of the validation of the weights that the stage now has.
        step: after which it had them.
    """

    metrics: dict[str, float]
    step: int


def fit(
    stage: Stage,
    folder: Path,
    *,
    about: Mapping[str, Any],
    resume: bool,
    report: Report,
    advance: Callable[[], None],
    initial: Mapping[str, Tensor] | None = None,
    stopping: Callable[[], bool] = lambda: False,
    watch: Watch | None = None,
) -> Outcome:
    """Train a stage to its end; afterwards it has the weights that its settings take.

    Args:
        folder: for the checkpoints and the history of the stage.
        about: what every checkpoint is to tell of its making.
        resume: go on from the last checkpoint if there is one.
        report: called with step, values and figures after every validation.
        advance: called after every step.
        initial: weights by module and name to start from, where there is no checkpoint.
        stopping: whether this process was told to stop.
        watch: tells now and then how near what the stage makes is to held-out volumes.

    Raises:
        EvalsuiteError: for a loss that is not finite, gradients that overflow in most steps, or a
            full disk. The last checkpoint still stands.
        SystemExit: once it was told to stop and has written a checkpoint.
    """
    start, card = _restored(stage, folder, resume=resume, initial=initial or {})
    best = _best(folder, start)
    metrics: dict[str, float] = card.get("metrics", {})
    sums: dict[str, float] = {}
    counted, clock = 0, time.monotonic()
    skipped = Skipped(int(card.get("skipped_steps", 0)))
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
        advance()
        last = done == stage.settings.steps
        told = watch.scores(stage) if watch and (last or done % watch.every == 0) else {}
        figures: dict[str, Figure] = {}
        if last or done % stage.settings.validate_every == 0:
            found_metrics, figures = stage.validate()
            metrics = distributed.averaged(found_metrics)
            means = distributed.averaged({key: total / counted for key, total in sums.items()})
            rates["skipped_steps"] = float(skipped.total)
            speed = {"seconds_per_step": (time.monotonic() - clock) / counted}
            if torch.cuda.is_available():  # 0 where this training runs on the processor
                speed["gpu_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
            sums, counted, clock = {}, 0, time.monotonic()
            told = {**means, **metrics, **rates, **speed, **told}
            if stage.settings.take == "best" and _better(stage, metrics, best):
                best = {"step": done, "metrics": metrics}
                if rank() == 0:
                    tensors = checkpoint.pack(stage.modules, {})
                    checkpoint.save(folder / checkpoint.BEST, tensors, {**about, **best})
        if told and rank() == 0:
            report(done, told, figures)
        stop = distributed.anywhere(stopping()) and not last
        if last or stop or done % stage.settings.checkpoint_every == 0:
            if rank() == 0:
                _save(stage, folder, done, about, metrics, skipped.total)
            distributed.barrier()
        if stop:
            _tell(f"Stopped after step {done} of {stage.name}. Go on with --resume.")
            raise SystemExit(TERMINATED)
    skipped.tell(stage)
    if stage.settings.take == "best" and best:
        tensors, card = checkpoint.load(folder / checkpoint.BEST)
        checkpoint.unpack(tensors, stage.modules, {}, folder / checkpoint.BEST)
        return Outcome(card["metrics"], card["step"])
    return Outcome(metrics, max(start, stage.settings.steps))


def _restored(
    stage: Stage, folder: Path, *, resume: bool, initial: Mapping[str, Tensor]
) -> tuple[int, dict[str, Any]]:
    """Fill a stage from its last checkpoint, or from other weights; return step and card."""
    found = checkpoint.steps(folder)
    start, card = 0, dict[str, Any]()
    if resume and found:
        start = found[-1]
        origin = checkpoint.step_folder(folder, start)
        tensors, card = checkpoint.load(origin)
        checkpoint.unpack(tensors, stage.modules, _optimisers(stage), origin)
        for name, state in card["scalers"].items():
            if state:  # none where the precision needed no scale
                stage.players[name].scaler.load_state_dict(state)
    else:
        begun = {key.partition("/")[0] for key in initial}
        modules = {name: module for name, module in stage.modules.items() if name in begun}
        checkpoint.unpack(dict(initial), modules, {}, folder)
    for player in stage.players.values():
        player.start_at(start)
    return start, card


def _save(
    stage: Stage,
    folder: Path,
    done: int,
    about: Mapping[str, Any],
    metrics: dict[str, float],
    skipped: int,
) -> None:
    card = {
        "stage": stage.name,
        "step": done,
        **about,
        "metrics": metrics,
        "skipped_steps": skipped,
        "scalers": {name: player.scaler.state_dict() for name, player in stage.players.items()},
    }
    tensors = checkpoint.pack(stage.modules, _optimisers(stage))
    checkpoint.save(checkpoint.step_folder(folder, done), tensors, card)
    checkpoint.forget_old(folder)


def _best(folder: Path, start: int) -> dict[str, Any]:
    """Return the card of the best weights so far; of steps that are done anew there are none."""
    if not (folder / checkpoint.BEST).exists():
        return {}
    card = checkpoint.card(folder / checkpoint.BEST)
    return card if card["step"] <= start else {}


def _better(stage: Stage, metrics: dict[str, float], best: dict[str, Any]) -> bool:
    name, sign = stage.merit
    return not best or sign * metrics[name] > sign * best["metrics"][name]


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

    def tell(self, stage: Stage) -> None:
        """Say how many there were, if any."""
        if self.total:
            _tell(
                f"{stage.name}: {self.total} of {stage.settings.steps} steps were skipped because "
                "their gradients overflowed."
            )

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


def _tell(sentence: str) -> None:
    if rank() == 0:
        print(sentence, file=sys.stderr)  # noqa: T201


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
