"""The experiment from end to end: prepare, train what is not yet trained, analyse."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evalsuite.environment import environment
from evalsuite.machine import usable_device
from evalsuite.output import finite
from evalsuite.progress import Progress, silent
from evalsuite.statistics.result import tabulated
from evalsuite.utility import training
from evalsuite.utility.analysis import CASE_COLUMNS, compare, summarise
from evalsuite.utility.cohorts import Prepared, prepare
from evalsuite.utility.config import Material, UtilityConfig, arms
from evalsuite.utility.data import Examples
from evalsuite.utility.folder import ExperimentFolder
from evalsuite.utility.networks import State
from evalsuite.utility.results import UtilityResults
from evalsuite.utility.runs import Training, planned, pretrain, train_and_test

# More of them may be asked for on resuming: what was trained for the fewer stays what it was.
EXTENDED = ("shares", "repeats")


@dataclass(frozen=True, slots=True)
class Resources:
    """What an experiment runs on; none of it changes a number beyond rounding.

    Args:
        device: torch device.
        progress: how to show progress.
        report: told a sentence after every training.
        reached: given what there is so far whenever all shares of an arm are done in a repeat.
    """

    device: str = "auto"
    progress: Progress = silent
    report: Callable[[str], None] = lambda _: None
    reached: Callable[[UtilityResults], None] = lambda _: None


def segmentation(
    config: UtilityConfig, output: Path, resources: Resources, *, resume: bool = False
) -> UtilityResults:
    """Train and test a segmentation network of every arm, share and repeat.

    Args:
        output: folder; every finished training is kept there at once.
        resume: go on where an earlier call with the same settings was interrupted; it may ask for
            more shares or repeats.

    Raises:
        EvalsuiteError: for anything wrong with settings, volumes, label maps or disk.
    """
    started = datetime.now(UTC)
    resources = replace(resources, device=str(usable_device(resources.device)))
    prepared = prepare(config, resources.progress)
    settings = _settings(config, prepared)
    signature = {key: value for key, value in settings.items() if key not in EXTENDED}
    folder = ExperimentFolder(output, signature, resume=resume)
    begun = folder.begun(started.isoformat(timespec="seconds"))

    def results(records: Sequence[Mapping[str, Any]], *, compared: bool) -> UtilityResults:
        return _results(config, prepared, settings, begun, records, compared=compared)

    trainings = _Trainings(config, prepared, folder, resources)
    trainings.finish(lambda: resources.reached(results(trainings.records, compared=False)))
    return results(trainings.records, compared=True)


def _results(
    config: UtilityConfig,
    prepared: Prepared,
    settings: dict[str, Any],
    begun: str,
    records: Sequence[Mapping[str, Any]],
    *,
    compared: bool,
) -> UtilityResults:
    """Return what the trainings came to; arms can be compared once all are done."""
    rows = [
        {**{key: record[key] for key in ("arm", "share", "repeat")}, **case}
        for record in records
        for case in record.get("cases", ())
    ]
    cases = pd.DataFrame(rows, columns=CASE_COLUMNS).astype({"dice": float, "hd95": float})
    about = [{k: v for k, v in record.items() if k != "cases"} for record in records]
    return UtilityResults(
        config=settings,
        config_hash=hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
        cohorts={e.cohort.name: _cohort(e) for e in prepared.examples},
        splits=_splits(config, prepared),
        trainings=about,
        cases=cases,
        summary=tabulated(summarise(cases)),
        comparisons=tabulated(compare(cases) if compared else []),
        warnings=prepared.warnings,
        environment=environment(),
        started=begun,
        seconds=round(sum(record["seconds"] for record in records), 3),
    )


class _Trainings:
    """The trainings of an experiment, each done once."""

    def __init__(
        self,
        config: UtilityConfig,
        prepared: Prepared,
        folder: ExperimentFolder,
        resources: Resources,
    ) -> None:
        self._config, self._prepared, self._folder, self._resources = (
            config,
            prepared,
            folder,
            resources,
        )
        self._runs = planned(config, prepared)
        self._pretexts = dict.fromkeys(
            (run.arm.pretrained_on, run.repeat) for run in self._runs if run.arm.pretrained_on
        )
        self._kept = {run.name: folder.run(run.name) for run in self._runs}
        self._done = 0

    @property
    def records(self) -> list[dict[str, Any]]:
        """Those of all that is done, pre-trainings first."""
        before = [self._folder.run(_pretraining(*key)) for key in self._pretexts]
        return [record for record in (*before, *self._kept.values()) if record is not None]

    def finish(self, reached: Callable[[], None]) -> None:
        """Do what is missing.

        Args:
            reached: called whenever all shares of an arm are done in a repeat, but the last.
        """
        config = self._config
        missing = [run for run in self._runs if self._kept[run.name] is None]
        wanted = {(run.arm.pretrained_on, run.repeat) for run in missing}
        to_pretrain = [
            key for key in self._pretexts if key in wanted and not self._pretrained(*key)
        ]
        tests = len(self._prepared.splits.tested)
        total = len(to_pretrain) * config.pretraining_steps + len(missing) * (config.steps + tests)
        jobs = len(to_pretrain) + len(missing)
        with self._resources.progress("training and testing", total) as advance:
            for key in to_pretrain:
                self._pretrain(*key, jobs, advance)
            for run, following in zip(missing, [*missing[1:], None], strict=True):
                self._train(run, jobs, advance)
                if following and (following.arm, following.repeat) != (run.arm, run.repeat):
                    reached()

    def _pretrained(self, material: Material, repeat: int) -> State | None:
        name = _pretraining(material, repeat)
        return self._folder.pretrained(name) if self._folder.run(name) else None

    def _pretrain(
        self, material: Material, repeat: int, jobs: int, advance: Callable[[], None]
    ) -> None:
        clock = time.monotonic()
        weights, record = pretrain(
            self._config, self._prepared, material, repeat, self._resources.device, advance
        )
        name = _pretraining(material, repeat)
        record = {"name": name, **record, "seconds": round(time.monotonic() - clock, 3)}
        self._folder.keep_pretrained(name, weights)
        self._folder.keep_run(name, record)
        course = f"loss {record['losses'][0]:.4g} to {record['losses'][-1]:.4g}"
        self._report(f"{name}: {course} ({record['seconds']:.0f} s)", jobs)

    def _train(self, run: Training, jobs: int, advance: Callable[[], None]) -> None:
        clock = time.monotonic()
        material = run.arm.pretrained_on
        weights = self._pretrained(material, run.repeat) if material else None
        record = train_and_test(
            self._config, self._prepared, run, weights, self._resources.device, advance
        )
        seconds = round(time.monotonic() - clock, 3)
        record = finite({"name": run.name, **record, "seconds": seconds})
        self._folder.keep_run(run.name, record)
        self._kept[run.name] = record
        dice = [case["dice"] for case in record["cases"] if case["dice"] is not None]
        score = f"mean Dice {np.mean(dice):.3f}" if dice else "no Dice is defined"
        self._report(f"{run.name}: {score} ({seconds:.0f} s)", jobs)

    def _report(self, sentence: str, jobs: int) -> None:
        self._done += 1
        self._resources.report(f"{self._done} of {jobs}  {sentence}")


def _pretraining(material: Material, repeat: int) -> str:
    return f"reconstruction-{material}-r{repeat + 1}"


def _settings(config: UtilityConfig, prepared: Prepared) -> dict[str, Any]:
    """Return all that decides the numbers."""
    chosen = config.model_dump(
        mode="json", exclude={"real", "synthetic", "unlabelled", "preset", "spacing"}
    )
    unlabelled = prepared.unlabelled
    return {
        "real volumes": prepared.real.cohort.fingerprint,
        "real labels": _fingerprint(prepared.real),
        "synthetic volumes": prepared.synthetic.cohort.fingerprint,
        "synthetic labels": _fingerprint(prepared.synthetic),
        "unlabelled volumes": unlabelled.cohort.fingerprint if unlabelled else None,
        "held-out subjects": list(prepared.splits.test),
        **chosen,
        "patch": list(prepared.patch),
        "preprocessing": prepared.preprocessing.model_dump(mode="json", exclude={"shape"}),
        "arms": [arm.name for arm in arms(labelled=prepared.synthetic.labels is not None)],
        "pretext": training.PRETEXT,
        "augmentation": training.AUGMENTATION,
        "version": training.VERSION,
    }


def _fingerprint(examples: Examples) -> str | None:
    return examples.labels.fingerprint if examples.labels else None


def _cohort(examples: Examples) -> dict[str, Any]:
    cohort, labels = examples.cohort, examples.labels
    return {
        "role": cohort.role,
        "source": cohort.source,
        "volumes": len(cohort.entries),
        "fingerprint": cohort.fingerprint,
        "weights_sha256": cohort.weights_sha256,
        "structures": list(labels.structures) if labels else None,
    }


def _splits(config: UtilityConfig, prepared: Prepared) -> dict[str, Any]:
    splits = prepared.splits
    return {
        "test": list(splits.test),
        "training": [list(order) for order in splits.orders],
        "counts": {f"{share:g}": splits.count(share) for share in sorted(config.shares)},
        "from_manifest": splits.told,
    }
