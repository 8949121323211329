"""Code of others that makes volumes: run under a seed, its failures told in one sentence."""

import contextlib
import hashlib
import json
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.weights import sha256
from evalsuite.seeds import seed_of
from evalsuite.volumes.geometry import Geometry, stated_geometry
from generator.sources.made import samples_of
from generator.sources.source import Sample, SourceOptions


@dataclass(frozen=True)
class Foreign:
    """A generator that evalsuite has not trained; see `Source`.

    Args:
        make: `make(n, seed)` returns n volumes in any form that `samples_of` knows.
        stated: geometry of its volumes where they state none themselves.
        channels: names of the images, where a volume has several.
        log: file for the traceback if its code fails.
    """

    name: str
    record: Mapping[str, Any]
    files: Mapping[str, str]
    block_size: int
    make: Callable[[int, int], Any] = field(repr=False)
    stated: Geometry
    channels: tuple[str, ...]
    log: Path
    span: None = None
    repeatable: bool = False
    hint: str = (
        "Compare them with: evalsuite compute-metrics --real REAL --synthetic {output}/samples.tsv"
    )

    def block(self, indices: Sequence[int], seed: int) -> list[Sample]:
        """Return the samples of one block.

        The seed that the foreign code is given, and that all global random numbers follow, is a
        column of the manifest.

        Raises:
            EvalsuiteError: if the code fails, or makes anything but so many volumes.
        """
        given = seed_of(seed, indices[0])
        columns = {"block_seed": str(given)}
        some = f"sample {indices[0]}"
        if len(indices) > 1:
            some = f"samples {indices[0]} to {indices[-1]}"
        with failing(self.name, f"while it made {some}", self.log), seeded(given):
            made = self.make(len(indices), given)
            # A made iterator runs foreign code only now.
            return samples_of(made, len(indices), self.name, self.stated, self.channels, columns)


def foreign(
    name: str,
    make: Callable[[int, int], Any],
    what: Mapping[str, Any],
    files: Mapping[str, str],
    declared: object,
    options: SourceOptions,
) -> Foreign:
    """Return a source with the record that all generators of others have.

    Args:
        name: as the user gave it.
        make: see `Foreign`.
        what: it is: `Generator`, `Kind`, `Version` and whatever else decides the samples.
        files: SHA-256 of each file, by path.
        declared: may have attributes `spacing` (millimetres), `orientation` (such as `LPS`),
            `units` (of intensities), `channels` (names) and `block` (samples made at once).

    Raises:
        EvalsuiteError: for a declared geometry that is none.
    """
    spacing, orientation = (getattr(declared, key, None) for key in ("spacing", "orientation"))
    geometry = stated_geometry(
        spacing, orientation, f"{name}: its declared geometry cannot be used"
    )
    geometry = geometry.before(options.assumed)
    block = options.block or int(getattr(declared, "block", 1))
    record = {
        **what,
        "WeightsSHA256": hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest(),
        "Settings": dict(options.settings),
        "Block": block,
        "Spacing": geometry.spacing and list(geometry.spacing),
        "Orientation": geometry.orientation,
        "IntensityUnits": str(getattr(declared, "units", "not stated")),
    }
    try:
        json.dumps(record)
    except TypeError as error:
        raise EvalsuiteError(f"{name}: a setting cannot be recorded: {error}.") from None
    channels = tuple(map(str, getattr(declared, "channels", ())))
    return Foreign(name, record, files, block, make, geometry, channels, options.log)


@contextlib.contextmanager
def failing(name: str, when: str, log: Path) -> Iterator[None]:
    """Turn whatever the code of others raises into one sentence, with its traceback in a file.

    What it prints goes to stderr.

    Raises:
        EvalsuiteError: that names it.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except EvalsuiteError:
        raise
    except (Exception, SystemExit) as error:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc(), encoding="utf-8")
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = f": {lines[0].rstrip('.')}" if lines else ""
        raise EvalsuiteError(
            f"{name}: its code failed {when} ({type(error).__name__}{reason}). "
            f"The traceback is in {log}."
        ) from error


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let all global random numbers follow from a seed, without gradients; then be as before."""
    import torch

    kept = random.getstate(), np.random.get_state()  # noqa: NPY002  (what others may draw from)
    exact = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=True
    )
    gpus = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(gpus), torch.no_grad(), exact:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(kept[0])
            np.random.set_state(kept[1])  # noqa: NPY002


def digests(folder: Path, leave_out: Sequence[str] = ()) -> dict[str, str]:
    """Return the SHA-256 of all files below a folder, by path; hidden ones do not count.

    Args:
        leave_out: folders directly below it that do not decide a sample.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not hidden and parts[0] not in leave_out:
            found["/".join(parts)] = sha256(path)
    return found
