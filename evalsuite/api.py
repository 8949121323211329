"""The suite in Python: what the commands do, of paths and of volumes in memory alike.

All of it is public as `evalsuite.<name>`; nothing is written to disk or to MLflow unless asked.
"""

import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evalsuite import extras, plugins, records, results
from evalsuite.errors import EvalsuiteError
from evalsuite.given import declared, refuse_imported, source, sources
from evalsuite.progress import bars, silent
from evalsuite.volumes.cohort import Cohort

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

    from reports.formats.folder import Format
    from reports.sources import EvaluationData, StudyData

NOTHING: Mapping[str, Any] = MappingProxyType({})
WIDTH = 120  # of the table in a notebook, in characters


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """What an evaluation found: its record, and what its figures are drawn from.

    Args:
        record: everything that `results.json` holds.
        evidence: what its figures are drawn from. Once loaded from disk it has the features and
            scores alone, as no slices of volumes are kept.
        folder: where it lies; None if it is in memory alone.
        declared: the configuration as it was declared, for `--config`.
    """

    record: records.Evaluation
    evidence: records.Evidence
    folder: Path | None = None
    declared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def estimates(self) -> tuple[records.Estimate, ...]:
        """Every number of every synthetic cohort and extractor."""
        return self.record.estimates

    @property
    def scores(self) -> "pd.DataFrame":
        """One row per volume and score: cohort, role, volume, digest, against, name, value."""
        import pandas as pd

        columns = list(records.VolumeScore.__dataclass_fields__)
        return pd.DataFrame(results.score_rows(self.evidence.scores), columns=columns)

    @property
    def differences(self) -> "pd.DataFrame":
        """One row per number and two cohorts of pairs, the long table that `differences.csv` is."""
        import pandas as pd

        return pd.DataFrame(results.difference_rows(self.record), columns=results.DIFFERENCES)

    def to_frame(self) -> "pd.DataFrame":
        """Return the estimates as the long table that `estimates.csv` is."""
        import pandas as pd

        return pd.DataFrame(results.estimate_rows(self.record), columns=results.COLUMNS)

    def plot(self, name: str = "estimates", page: int = 1) -> "Figure":
        """Return one of the figures of `evalsuite.figures`.

        Args:
            name: such as `estimates`, `slices` or `embedding`.
            page: of a figure that has several.

        Raises:
            EvalsuiteError: for an unknown name, and where there is nothing to show.
        """
        drawn = plugins.load("figures", name).draw(self.record, self.evidence)
        pages = drawn if isinstance(drawn, list) else [drawn]
        if not 0 < page <= len(pages) or pages[page - 1] is None:
            raise EvalsuiteError(
                f'The figure "{name}" has nothing to show of this evaluation, or no page {page}.'
            )
        figure: Figure = pages[page - 1]
        return figure

    def save(self, folder: str | Path) -> "Evaluation":
        """Write what `evalsuite compute-metrics` writes into a new folder, and return it loaded.

        Raises:
            EvalsuiteError: if the folder holds something or cannot be written.
        """
        from evalsuite.workflow import draw

        if self.folder is not None:
            raise EvalsuiteError(f"This evaluation lies in {self.folder} already. Copy that.")
        place = Path(folder)
        figures = draw(self.record, self.evidence)
        results.write_results(self.record, self.evidence, figures, self.declared, place)
        return load(place)

    def __repr__(self) -> str:
        """Return one line: who was compared, and how many numbers there are."""
        named = ", ".join(f"{c.name} ({len(c.volumes)})" for c in self.record.synthetic)
        real = self.record.real
        where = f", in {self.folder}" if self.folder else ""
        return (
            f"<Evaluation of {named} against {real.name} ({len(real.volumes)}): "
            f"{len(self.estimates)} estimates{where}>"
        )

    def __str__(self) -> str:
        """Return the table that the command prints."""
        return self._printed().export_text()

    def _repr_html_(self) -> str:
        """Return that table for a notebook."""
        style = "overflow-x:auto; line-height:normal; font-family:monospace"
        return self._printed().export_html(
            inline_styles=True, code_format=f'<pre style="{style}">{{code}}</pre>'
        )

    def _printed(self) -> "Console":
        import io

        from rich.console import Console

        from evalsuite.table import print_table

        console = Console(record=True, file=io.StringIO(), width=WIDTH)
        print_table(self.record, console)
        return console


def compute_metrics(
    real: Any,
    synthetic: Any,
    *,
    protocol: str | None = None,
    metrics: str | Sequence[str] | Mapping[str, Any] | None = None,
    extractors: str | Sequence[str] | None = None,
    by: str | None = None,
    training: Any = None,
    seed: int | None = None,
    memory: str | int | None = None,
    engine: str | None = None,
    settings: Mapping[str, Any] = NOTHING,
    config: str | Path | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    offline: bool = False,
    reread: bool = False,
    progress: bool = False,
) -> Evaluation:
    """Compare synthetic volumes with real ones, as `evalsuite compute-metrics` does.

    The same volumes give the same numbers as the command, whether they are files or arrays. In a
    script, call it below `if __name__ == "__main__":`, since extractors such as `radiomics` start
    processes, which import the script. Under torchrun or srun every process makes a share of the
    features, waits for those of the others, and returns the same.

    Args:
        real: a folder, glob, manifest or BIDS folder, of 4D files with `:K` behind it, see
            `read_cohort`; FILE.reference; a list of files; arrays or tensors in memory, see
            `Volumes`, which states their spacing and subjects; or a `Cohort`.
        synthetic: the same; of several generators a dictionary of them by name.
        protocol: a published way to compare volumes, see `evalsuite protocols`.
        metrics: names, or a dictionary of names with their options.
        extractors: names of feature extractors, or paths of modules.
        by: covariate by whose values metrics are broken down as well.
        training: what the generator was trained on, for metrics of privacy.
        seed: of every random draw.
        memory: what metrics may hold at a time, bytes or a size such as "4GB".
        engine: what runs networks: `torch`, `openvino`, or `auto` for the faster one that is here.
        settings: any other setting of a configuration, by its key with dots, such as
            `{"preset": "ct", "preprocessing.spacing": [1, 1, 1]}`.
        config: file of such settings, over which the others win.
        cache: folder of the feature cache; by default that of the command.
        device: torch device for networks.
        batch_size: volumes that a network sees at once; None: as many as are fast.
        workers: processes for extractors that run on the processor, threads that read volumes; None: this process's share
            of the cores.
        offline: never ask the network for weights.
        reread: read and check every volume, though its file is unchanged since it was checked.
        progress: show bars on stderr.

    Raises:
        EvalsuiteError: for anything that is wrong with settings or volumes.
    """
    refuse_imported("compute_metrics")
    extras.require("metrics", purpose="compute_metrics")
    from evalsuite.caches import feature_cache
    from evalsuite.evaluate import evaluate
    from evalsuite.extractors.engine import chosen_engine
    from evalsuite.reference.compare import compare as compare_stored
    from evalsuite.reference_file import is_reference
    from evalsuite.resources import Resources

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evalsuite-")))
        held: dict[str, Cohort] = {}
        given = {
            "real": source(real, "real", folder, held),
            "synthetic": sources(synthetic, folder, held),
            "training": None if training is None else source(training, "training", folder, held),
            "protocol": protocol,
            "metrics": [metrics] if isinstance(metrics, str) else metrics,
            "extractors": [extractors] if isinstance(extractors, str) else extractors,
            "by": by,
            "seed": seed,
            "memory": memory,
            "engine": chosen_engine(engine, device),
        }
        asked = declared(given, settings, config)
        resources = Resources(
            feature_cache() if cache is None else Path(cache),
            device,
            batch_size,
            workers,
            offline=offline,
            reread=reread,
            progress=bars if progress else silent,
        )
        answer = compare_stored if is_reference(asked.real.path) else evaluate
        try:
            record, evidence = answer(asked, resources, held)
        except BrokenProcessPool as error:
            raise EvalsuiteError(
                "Processes that extract features ended early. In a script, call compute_metrics "
                'below `if __name__ == "__main__":`; otherwise pass workers=1.'
            ) from error
    again = asked.model_dump(mode="json", exclude_defaults=True)
    return Evaluation(record, evidence, declared=again)


def load(folder: str | Path) -> Evaluation:
    """Return an evaluation that `save` or `evalsuite compute-metrics` wrote.

    Raises:
        EvalsuiteError: if the folder holds none.
    """
    import numpy as np

    from evalsuite.settings import read_settings

    place = Path(folder)
    record, scores = results.read_results(place), results.read_scores(place)
    features = []
    for extractor in record.config.get("extractors", {}):  # type: ignore[attr-defined]
        for cohort in record.cohorts:
            path = place / "features" / results.features_name(cohort.name, extractor)
            if path.is_file():
                with np.load(path) as stored:
                    table = records.FeatureTable(
                        cohort.name, extractor, tuple(stored["volumes"].tolist()), stored["values"]
                    )
                features.append(table)
    declared = place / "config.yaml"
    return Evaluation(
        record,
        records.Evidence(tuple(features), {}, scores),
        folder=place,
        declared=read_settings(declared) if declared.is_file() else {},
    )


def compare(*evaluations: Evaluation | str | Path) -> Evaluation:
    """Return several evaluations against the same real volumes as one, side by side.

    A warning tells of what was renamed, and of numbers that two evaluations have differently.

    Args:
        evaluations: or their folders.

    Raises:
        EvalsuiteError: if their numbers may not be compared: their real volumes, steps, protocol,
            extractors or metrics are not the same.
    """
    extras.require("analysis", purpose="compare")
    from reports.evaluations.comparison import grouped, together

    if not evaluations:
        raise EvalsuiteError("There is nothing to compare. Name evaluations or their folders.")
    known = [one if isinstance(one, Evaluation) else load(one) for one in evaluations]
    data = [_data(one, f"evaluation {number}") for number, one in enumerate(known, 1)]
    groups = grouped(data)
    if len(groups) > 1:
        first, other = groups[0][0], groups[1][0]
        raise EvalsuiteError(
            f"{other.folder} may not stand beside {first.folder}: they differ in the real volumes, "
            "their preparation, the protocol, or the options of an extractor or metric. "
            "Report them with evalsuite.report, which keeps them apart."
        )
    made = together(data)
    for remark in made.remarks:
        warnings.warn(remark, stacklevel=2)
    scores = tuple(
        results.score_of({str(key): value for key, value in row.items()})
        for row in made.scores.to_dict("records")
    )
    return Evaluation(made.evaluation, records.Evidence((), {}, scores))


def read_study(table: str | Path) -> "StudyData":
    """Return a reader study: its table, design and readers.

    Args:
        table: CSV or Parquet file of `evalsuite study export`, beside its design; or the name of a
            study of `./studies` or `EVALSUITE_STUDIES`.

    Raises:
        EvalsuiteError: if there is no such study or file, or it is none of ours.
    """
    import os

    from evalsuite.study.home import Home, default_folder
    from reports.sources import read_study as read

    return read(str(table), Home.at(default_folder(), os.environ.get("EVALSUITE_DATABASE")))


def report(
    output: str | Path,
    *,
    study: "StudyData | str | Path | None" = None,
    evaluations: Iterable[Evaluation | str | Path] = (),
    utilities: Iterable[str | Path] = (),
    audits: Iterable[str | Path] = (),
    certificates: Iterable[str | Path] = (),
    title: str | None = None,
    replicates: int = 2000,
    formats: "Sequence[Format]" = (),
) -> Path:
    """Write the report of `evalsuite report` into a new folder and return its page.

    Args:
        output: new folder.
        study: of `read_study`, or what that takes.
        evaluations: folders of results, or evaluations that are saved.
        utilities: folders of results of `evalsuite utility`.
        audits: folders of `evalsuite audit`.
        certificates: folders of `evalsuite certify`.
        title: of the report.
        replicates: of every bootstrap.
        formats: besides HTML, `docx` (Word), `latex` or both.

    Raises:
        EvalsuiteError: if there is nothing to report on, or the folder holds something, or
            python-docx is missing for `docx`.
    """
    extras.require("analysis", purpose="report")
    from evalsuite.writable import refuse_to_overwrite
    from reports.build import build, write_report
    from reports.sources import read_evaluation

    place = Path(output)
    refuse_to_overwrite(place)
    folders = [one.folder if isinstance(one, Evaluation) else Path(one) for one in evaluations]
    if None in folders:
        raise EvalsuiteError("A report points to the folders of its evaluations: save them first.")
    made = build(
        read_study(study) if isinstance(study, str | Path) else study,
        [read_evaluation(folder) for folder in folders if folder],
        utilities=[Path(folder) for folder in utilities],
        audits=[Path(folder) for folder in audits],
        certificates=[Path(folder) for folder in certificates],
        title=title,
        replicates=replicates,
    )
    return write_report(made, place, formats)


def _data(evaluation: Evaluation, name: str) -> "EvaluationData":
    from reports.sources import EvaluationData

    figures = sorted((evaluation.folder / "figures").glob("*.png")) if evaluation.folder else []
    folder = evaluation.folder or Path(name)
    return EvaluationData(folder, evaluation.record, evaluation.scores, figures)
