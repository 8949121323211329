"""What all metrics of the suite have in common as `torchmetrics.Metric`."""

import math
import tempfile
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from evalsuite.beforehand import refuse_strangers
from evalsuite.config import DEFAULT_EXTRACTOR, load_config
from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.evaluate import forbid_native_shapes, load_metrics
from evalsuite.extractors.extractor import Extractor
from evalsuite.feature_tables import doubts, loaded_extractors
from evalsuite.features import by_plane, features_of
from evalsuite.functions import of_one_array
from evalsuite.measure import findings_of, shared_subjects, standardise
from evalsuite.metrics.metric import Finding, Views
from evalsuite.preparation import Preparation, prepared
from evalsuite.records import Caveat, Estimate, Scores
from evalsuite.resources import Resources
from evalsuite.torchmetrics.rows import NOBODY, Rows, numbers, rows_of, width
from evalsuite.volumes.check import check_cohort
from evalsuite.volumes.cohort import Cohort, VolumeInfo
from evalsuite.volumes.memory import Volumes, listed

NOTHING: Mapping[str, Any] = MappingProxyType({})
Role = Literal["real", "synthetic"]
HIGHER = {"higher is better": True, "lower is better": False}


class SuiteMetric(Metric):
    """A metric of the suite; its states are what it looks at of every volume.

    `update` takes volumes, `compute` returns numbers by name, `estimates` the same with intervals
    and caveats. Calling the metric is `update`, since a batch alone has no distance.

    Args:
        extractor: a name of `evalsuite extractors`, or the path of a module; None: `update` takes
            features, one row per volume. Metrics on voxels use none.
        quantity: the one number for `compute` to return, as loggers want it; by default all.
        options: of the metric, those that differ from their defaults.
        settings: any other setting of a configuration, by its key with dots, such as
            `{"preset": "ct", "preprocessing.shape": [64, 64, 64]}`.
        spacing: millimetres per voxel along each axis of the arrays; 1 mm if it is not stated.
        orientation: the patient's directions in which the axes run; RAS if it is not stated.
        seed: of every random draw.
        reset_real_features: False: what was given of real volumes outlives `reset`.
        device: torch device for the extractor; `auto` is the GPU of this process, if any.
        batch_size: volumes that a network sees at once.
        offline: never ask the network for weights.
        **torchmetrics: what `torchmetrics.Metric` takes, such as `sync_on_compute`.

    Raises:
        EvalsuiteError: for unknown names and settings, and weights that are absent.
    """

    name: ClassVar[str]
    is_differentiable = False
    full_state_update = False
    real: list[Tensor] | Tensor
    synthetic: list[Tensor] | Tensor
    row_shape: Tensor

    def __init__(
        self,
        extractor: str | None = DEFAULT_EXTRACTOR,
        *,
        quantity: str | None = None,
        options: Mapping[str, Any] = NOTHING,
        settings: Mapping[str, Any] = NOTHING,
        spacing: Sequence[float] | None = None,
        orientation: str | None = None,
        seed: int = 0,
        reset_real_features: bool = True,
        device: str = "auto",
        batch_size: int = 4,
        offline: bool = False,
        **torchmetrics: Any,
    ) -> None:
        super().__init__(**torchmetrics)
        metric = of_one_array(self.name)
        self._on_voxels = "volumes" in metric.needs
        self._takes_features = extractor is None and not self._on_voxels
        given = {"metrics": {self.name: dict(options)}, "seed": seed, "real": "r", "synthetic": "s"}
        if extractor is not None:
            given["extractors"] = [extractor]
        for key in given.keys() & settings.keys():
            raise EvalsuiteError(f'settings: "{key}" is given as an argument as well.')
        self._config = load_config(None, {**given, **settings})
        ((_, self._options),) = load_metrics(self._config)
        self._known = [q.name for q in metric.quantities or metric.scores]
        if quantity and not any(f"{quantity}_".startswith(f"{name}_") for name in self._known):
            raise EvalsuiteError(unknown("quantity", quantity, self._known))
        self.quantity = quantity
        self.reset_real_features = reset_real_features
        self._spacing, self._orientation = spacing, orientation
        self._batch_size = batch_size
        # Torch looks for modules in attributes, not in lists: no network gets into a checkpoint.
        self._extractors: list[Extractor] = []
        if not self._on_voxels:
            refuse_strangers([metric], ["your own" if extractor is None else extractor])
        if not (self._on_voxels or self._takes_features):
            resources = Resources(Path(), device, batch_size, offline=offline)
            names = self._config.extractors
            self._extractors = loaded_extractors(self._config, names, resources)
        self._preparation: Preparation | None = None
        self._doubts: tuple[Caveat, ...] = ()
        if self._takes_features:
            self.set_dtype(torch.float64)  # networks give float32, but others may give more
        self.add_state("real", [], dist_reduce_fx="cat")
        self.add_state("synthetic", [], dist_reduce_fx="cat")
        self.add_state("row_shape", torch.zeros(3), dist_reduce_fx="max")

    @property
    def _extractor(self) -> Extractor | None:
        return self._extractors[0] if self._extractors else None

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]  # torchmetrics has a constant
        """What a good generator does to `quantity`; None for several quantities."""
        metric = of_one_array(self.name)
        directions = {q.name: q.direction for q in (*metric.quantities, *metric.scores)}
        return HIGHER.get(directions.get(self.quantity or "", ""))

    def update(
        self,
        volumes: Any,
        real: bool = True,
        subjects: Sequence[Hashable] | Tensor | None = None,
    ) -> None:
        """Add volumes of one kind.

        Args:
            volumes: arrays, tensors, `Volume` records or files as `evalsuite.Volumes` takes them,
                such as a batch (n, 1, x, y, z); or features (n, d) without an extractor.
            real: whether they are real ones or the generator's.
            subjects: whom each shows, for intervals; by default each another.

        Raises:
            EvalsuiteError: for volumes that cannot be used or have not one shape and spacing
                where the settings leave both to them.
        """
        role: Role = "real" if real else "synthetic"
        rows = self._given(volumes) if self._takes_features else self._seen(volumes, role)
        if subjects is not None:
            names = subjects.tolist() if isinstance(subjects, Tensor) else subjects
            if len(names) != len(rows.values):
                raise EvalsuiteError(
                    f"{len(names)} subjects for {len(rows.values)} volumes; expected one for each."
                )
            rows = replace(rows, subjects=np.array([numbers(str(name)) for name in names]))
        shape = rows.values.shape[1:]
        kept = torch.tensor([*shape, 0, 0][:3], dtype=self.row_shape.dtype)
        if self.row_shape.any() and not torch.equal(self.row_shape.cpu(), kept):
            known = " x ".join(f"{size:.0f}" for size in self.row_shape.tolist() if size)
            raise EvalsuiteError(
                f"{' x '.join(map(str, shape))} numbers of each volume after {known} of others; "
                "expected as many of all."
            )
        held = getattr(self, role)
        flat = rows.flat(sum(flat.numel() for flat in held) // width(shape))
        held.append(torch.from_numpy(flat).to(self.device, self.dtype))
        self.row_shape = kept.to(self.row_shape.device)

    def forward(
        self,
        volumes: Any,
        real: bool = True,
        subjects: Sequence[Hashable] | Tensor | None = None,
    ) -> None:
        """Do what `update` does."""
        self.update(volumes, real, subjects)

    def compute(self) -> Tensor | dict[str, Tensor]:
        """Return each number by its name, or `quantity`; scores, one per synthetic volume.

        A number that cannot be computed, such as of too few volumes, is nan, and a warning says
        why.
        """
        findings = self._findings()
        estimates = [f for f in findings if isinstance(f, Estimate)]
        values: dict[str, Any] = {e.key: e.value for e in estimates}
        if not estimates:
            values = {f.name: f.synthetic for f in findings if isinstance(f, Scores)}
        if len(findings) == len(estimates) == 1 and math.isnan(estimates[0].value):
            warnings.warn(f"{type(self).__name__}: {estimates[0].warnings[0]}", stacklevel=3)
            values = dict.fromkeys(self._known, math.nan)
            values |= {self.quantity: math.nan} if self.quantity else {}
        told = {
            name: torch.as_tensor(value, dtype=self.dtype, device=self.device)
            for name, value in values.items()
        }
        if self.quantity is None:
            return told
        if self.quantity not in told:
            raise EvalsuiteError(unknown("quantity", self.quantity, told))
        return told[self.quantity]

    def estimates(self) -> tuple[Estimate, ...]:
        """Return the numbers with intervals, methods and caveats, of the volumes of all processes."""
        with self.sync_context(
            dist_sync_fn=self.dist_sync_fn,
            should_sync=self._to_sync,
            should_unsync=self._should_unsync,
        ):
            return tuple(f for f in self._findings() if isinstance(f, Estimate))

    def reset(self) -> None:
        """Forget all volumes, or the synthetic ones alone."""
        kept = self.real, self.row_shape
        if not self.reset_real_features:
            self.real = []  # the lists themselves are emptied
        super().reset()
        if self.reset_real_features:
            self._preparation, self._doubts = None, ()
        else:
            self.real, self.row_shape = kept

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Draw values, by default the present one; see `torchmetrics.Metric`."""
        return self._plot(val, ax)

    def _given(self, features: Any) -> Rows:
        """Return features that were made elsewhere."""
        values = features.detach().cpu().double() if isinstance(features, Tensor) else features
        values = np.asarray(values, np.float64)
        if values.ndim != 2:
            raise EvalsuiteError(
                f"An array of {values.ndim} axes; expected features, one row for each volume. "
                "Name an extractor for volumes."
            )
        nothing = np.zeros((len(values), 3))
        return Rows(values, nothing + NOBODY, nothing[:, :1], nothing, nothing)

    def _seen(self, items: Any, role: Role) -> Rows:
        """Return what the metric looks at of volumes."""
        volumes = Volumes(items, self._spacing, self._orientation)
        with tempfile.TemporaryDirectory(prefix="evalsuite-") as folder:
            cohort = check_cohort(replace(listed(volumes, role, Path(folder)), role=role))
            preparation = self._prepared(cohort)
            steps = preparation.of(cohort)
            ready = [steps.apply(entry.read()) for entry in cohort.entries]
        if self._extractor is None:
            values = np.stack([volume.voxels for volume in ready])
        else:
            alone = self._extractor.parallel == "process" or steps.shape == "native"
            size = 1 if alone else self._batch_size
            batches = [ready[i : i + size] for i in range(0, len(ready), size)]
            values = np.concatenate([features_of(self._extractor, batch) for batch in batches])
        if not np.isfinite(values).all():
            raise EvalsuiteError(
                f"Features of {role} volumes are not finite. Look at the volumes, or leave them out."
            )
        known = steps.spacing
        return Rows(
            values,
            subjects=np.tile(NOBODY, (len(ready), 1)),
            steps=np.full((len(ready), 1), numbers(preparation.hash)[0]),
            spacing=np.array(
                [i.spacing if isinstance(known, str) else known for i in cohort.infos]
            ),
            shape=np.array([volume.shape for volume in ready], float),
        )

    def _prepared(self, cohort: Cohort) -> Preparation:
        """Return the steps, which the first volume decides where the settings leave them open.

        Medians of all real volumes, as the command takes them, are not known before the last: so
        every real volume has to agree with the first.
        """
        wants = self._extractor.wants if self._extractor else None

        def of(info: VolumeInfo) -> Preparation:
            return prepared(self._config, replace(cohort, infos=(info,)), wants)

        if self._preparation is None:
            self._preparation = of(cohort.infos[0])
            seen_by = {e.name: self._preparation for e in self._extractors}
            on_voxels = [] if seen_by else [self.name]
            forbid_native_shapes(on_voxels, self._preparation, self._extractors, seen_by)
            for extractor in self._extractors:
                self._doubts = doubts(self._config, extractor, self._preparation, cohort)
        if cohort.role == "real" and any(of(info) != self._preparation for info in cohort.infos):
            raise _open()
        return self._preparation

    def _findings(self) -> list[Finding]:
        """Return what the metric finds of all volumes, with what it does not know itself."""
        size = [int(side) for side in self.row_shape.tolist() if side]
        real, synthetic = (
            rows_of(dim_zero_cat(held).cpu().numpy() if len(held) else np.zeros(0), size)
            for held in (self.real, self.synthetic)
        )
        if len(np.unique(np.concatenate([real.steps, synthetic.steps]))) > 1:
            raise _open()
        views = [self._views(rows, real) for rows in (real, synthetic)]
        of_extractor = self._extractor.warnings if self._extractor else ()
        shared = [shared_subjects(view) for view in views]
        return [
            replace(
                finding,
                extractor=self._extractor.name if self._extractor else "",
                warnings=(*finding.warnings, *of_extractor, *self._doubts),
                subjects_real=shared[0],
                subjects_synthetic=shared[1],
            )
            if isinstance(finding, Estimate)
            else finding
            for finding in findings_of(of_one_array(self.name), views, self._options)
        ]

    def _views(self, rows: Rows, real: Rows) -> Views:
        """Return rows as metrics look at them, in units of the real ones if the extractor asks."""
        names = [str(i) for i in range(len(rows.values))]
        x, y, z = real.spacing[0].tolist() if len(real.values) else (1.0, 1.0, 1.0)
        if self._on_voxels:
            volumes = list(torch.from_numpy(rows.values))
            return Views(names, {}, volumes, (x, y, z), subjects=rows.whose)
        extractor = self._extractor
        name = extractor.name if extractor else ""
        slices = {}
        if extractor and extractor.slices and names:
            planes = by_plane(rows.values, extractor.slices, rows.shape[0].astype(int).tolist())
            slices = {name: {plane: torch.from_numpy(seen) for plane, seen in planes.items()}}
        values, known = (
            v.mean(axis=1, dtype=np.float64) if v.ndim == 3 else v.astype(np.float64)
            for v in (rows.values, real.values)
        )
        standardised = extractor is not None and extractor.standardise
        if standardised and len(known):
            values = standardise(known, values)
        return Views(
            names,
            {name: torch.from_numpy(values)},
            [],
            (x, y, z),
            subjects=rows.whose,
            slices=slices,
            standardised=frozenset({name} if standardised else ()),
        )


def _open() -> EvalsuiteError:
    return EvalsuiteError(
        "Real volumes differ in shape or spacing, and the settings leave open to which they are "
        "brought. State preprocessing.shape and preprocessing.spacing in settings."
    )
