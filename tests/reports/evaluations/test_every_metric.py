"""One evaluation with every metric over real volumes: all its numbers have words and chapters."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points

from reports.build import build
from reports.document import Image, Picture, Table
from reports.formats.folder import write
from reports.glossary import meaning, score_meaning
from reports.sources import read_evaluation
from tests.reports.conftest import visible
from tests.reports.test_methods import FORBIDDEN

VOLUMES = 6
COHORTS = ("real", "train", "gan")


def test_every_metric_is_told_drawn_and_named_in_the_methods(hippocampi, tmp_path):
    labels = hippocampi.parent / "labels"
    files = sorted(hippocampi.glob("*.nii.gz"))
    for place, name in enumerate(COHORTS):
        for path in files[place * VOLUMES : (place + 1) * VOLUMES]:
            for folder, source in ((name, path), (f"{name}-labels", labels / path.name)):
                (tmp_path / folder).mkdir(exist_ok=True)
                (tmp_path / folder / path.name).symlink_to(source)
    # Those of pairs are about others than patients who differ.
    points = entry_points(group="evalsuite.metrics")
    names = sorted(e.name for e in points if "pairs" not in e.load().needs)
    # A process of its own, in which one thread does the arithmetic.
    command = [
        sys.executable, "-m", "evalsuite", "compute-metrics", "--real", "real",
        "--synthetic", "gan=gan", "--training", "train", "--real-labels", "real-labels", "--synthetic-labels", "gan-labels",
        "--metrics", ",".join(names), "--extractor", "radiomics,radiomics-frd-v0", "--shape", "24,32,24",
        "--set", "metrics.ms_ssim.pairs=4", "--set", "metrics.frechet.level=0.9",
        "--set", "metrics.mmd.permutations=20", "--set", "metrics.anatomy.replicates=20",
        "--workers", "1", "--output", "eval", "--no-tracking",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    everything = read_evaluation(tmp_path / "eval")
    _has_words(everything)
    report = build(None, [everything], replicates=100)
    _has_chapters(report)
    _has_methods(report)
    page = visible(write(report, tmp_path / "report").read_text())
    assert not re.search(r"\b(nan|None|inf)\b", page)


def _has_words(everything):
    numbers = {e.key for e in everything.evaluation.estimates}
    assert {"anatomy_1_volume", "anatomy_1_2_right", "copies", "slice_faults"} <= numbers
    other = {e.name for e in everything.evaluation.estimates if meaning(e).chapter == "other"}
    assert other == set()
    scores = set(everything.scores["name"])
    assert {"realism", "anatomy_outlyingness"} <= scores
    assert {s for s in scores if score_meaning(s, "unknown").sentence == "unknown"} == set()
    for e in everything.evaluation.estimates:
        assert e.direction == meaning(e).direction, e.key
    for name, own in everything.scores.groupby("name"):
        assert set(own["direction"]) == {score_meaning(name, "").direction}


def _has_chapters(report):
    found = {section.name: section for section in report.sections}
    for kind in ("distance", "overlap", "diversity", "slices", "anatomy", "privacy"):
        section = found[f"evaluation-{kind}"]
        assert [b.name for b in section.blocks if isinstance(b, Picture)]
        assert any(b.name.endswith("-full") for b in section.appendix if isinstance(b, Table))
    own = [b for b in found["evaluation-anatomy"].blocks if isinstance(b, Picture)]
    assert isinstance(own[0].figure, Image)
    assert "evaluation-figures" not in found


def _has_methods(report):
    section = next(s for s in report.sections if s.name == "methods")
    text, *works = section.blocks[0].paragraphs
    assert not FORBIDDEN.search(text), FORBIDDEN.search(text)
    for told in ("(n = 6)", "24 x 32 x 24 voxels", "pairs 4", "permutations 20", "replicates 20"):
        assert told in text
    assert len(works) == 17
