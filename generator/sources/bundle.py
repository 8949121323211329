"""MONAI bundles, which publish a network with the configuration that samples from it.

A bundle is run as `python -m monai.bundle run` does, once for each sample. Its networks are built
once, under a seed of their own; everything else of its configuration is evaluated anew for every
sample, so that noise which it draws follows from the sample's seed.
"""

import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pydoc import locate
from typing import Any

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.volumes.read import is_volume
from generator.sources.foreign import Foreign, digests, failing, foreign, seeded
from generator.sources.source import SourceOptions

META = "configs/metadata.json"
CONFIGS = ("configs/inference.json", "configs/inference.yaml", "configs/inference.yml")
RUNS = ("run", "save_nii", "sample", "inferring")  # by what published bundles call it
NOT_DECISIVE = ("docs", "output", "outputs", "eval")


def is_bundle(folder: Path) -> bool:
    """Tell whether a folder is a MONAI bundle."""
    return any((folder / name).is_file() for name in (META, *CONFIGS))


def bundle(folder: Path, options: SourceOptions) -> Foreign:
    """Return a bundle as a source.

    Its samples are the volumes that its run saves in `output_dir` or, if it saves none, what it
    returns. Where files differ in the last word of their names, as MAISI's `_image` and `_label`
    do, these are names of images; `image` comes first.

    Args:
        folder: with `configs/inference.json` or .yaml, and as a rule `configs/metadata.json`.
        options: settings lie over the configuration; `config_file` and `run_id` are those of
            `python -m monai.bundle run`.

    Raises:
        EvalsuiteError: if it is not trusted, lacks something or its code fails.
    """
    if not options.trust:
        raise EvalsuiteError(
            f"{folder}: a MONAI bundle is a program; its configuration and scripts run when it "
            "samples. Pass --trust-code if you trust where it comes from."
        )
    settings = dict(options.settings)
    config = _config(folder, settings.pop("config_file", None))
    run = settings.pop("run_id", None)
    with failing(str(folder), "when it was loaded", options.log):
        import monai
        import torch
        from monai.bundle import ConfigParser

        parser = ConfigParser()
        parser.read_config(str(config))
        if (folder / META).is_file():
            parser.read_meta(str(folder / META))
        run = _run_id(parser, run, config)
        _lay_over(parser, settings, config)
        parser["bundle_root"] = str(folder.resolve())
        if "device" in parser and "device" not in settings:
            parser["device"] = torch.device(options.device)
        running = _Running(parser, run)
        running.prepare(folder)
    meta = parser.get("_meta_") or {}
    what = {
        "Generator": str(meta.get("name", folder.resolve().name)),
        "Kind": "MONAI bundle",
        "Version": str(meta.get("version", "not stated")),
        "Library": f"monai {monai.__version__}",
        "Configuration": config.relative_to(folder).as_posix(),
        "Run": run,
    }
    return foreign(str(folder), running, what, digests(folder, NOT_DECISIVE), None, options)


@dataclass
class _Running:
    """A parsed configuration that is run again and again.

    Args:
        parser: with all settings in it.
        run: key of what is run.
        kept: its networks, and what they depend on, by their keys.
    """

    parser: Any
    run: str
    kept: dict[str, Any] = field(default_factory=dict)
    output: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    def prepare(self, folder: Path) -> None:
        """Make the code of the bundle importable, and build its networks."""
        for name in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
            del sys.modules[name]  # of another bundle
        sys.path.insert(0, str(folder.resolve()))
        self.parser["output_dir"] = self.output.name
        with seeded(0):
            if "initialize" in self.parser:
                self._evaluate("initialize")
            self.parser.parse()
            resolver = self.parser.ref_resolver
            for key in self.parser.get():
                if _is_network(resolver.get_item(key)):
                    self.parser.get_parsed_content(key)
        self.kept = dict(resolver.resolved_content)

    def __call__(self, n: int, seed: int) -> Any:
        """Run it once and return its volumes."""
        from monai.utils import set_determinism

        shutil.rmtree(self.output.name)
        Path(self.output.name).mkdir()
        self.parser.parse()
        self.parser.ref_resolver.resolved_content.update(self.kept)
        set_determinism(seed)  # for transforms of MONAI, which have random numbers of their own
        try:
            returned = self._evaluate(self.run)
        finally:
            set_determinism(None)
        files = sorted(path for path in Path(self.output.name).rglob("*") if path.is_file())
        volumes = [path for path in files if is_volume(path)]
        if volumes:
            return _grouped(volumes, n)
        if returned is None:
            found = f"{files[-1].name}, which is no volume" if files else "nothing"
            raise EvalsuiteError(
                f'The run "{self.run}" of the bundle saved {found}, and returned no volumes. '
                "Name another with --set run_id=NAME."
            )
        return returned

    def _evaluate(self, key: str) -> Any:
        """Evaluate an expression, or a list of them, and return the last value that is one."""
        items = self.parser[key]
        keys = [f"{key}::{i}" for i in range(len(items))] if isinstance(items, list) else [key]
        values = [self.parser.get_parsed_content(one) for one in keys]
        return next((value for value in reversed(values) if value is not None), None)


def _config(folder: Path, named: str | None) -> Path:
    names = (named,) if named else CONFIGS
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise EvalsuiteError(
        f"{folder}: the bundle has no {names[0]}, which would sample from it. "
        "Name its configuration with --set config_file=configs/NAME."
    )


def _run_id(parser: Any, named: str | None, config: Path) -> str:
    known = _keys(parser)
    if named is not None and named not in known:
        raise EvalsuiteError(f"{config}: {unknown('run', named, known)}")
    for key in (named,) if named else RUNS:
        if key in known:
            return str(key)
    raise EvalsuiteError(
        f"{config}: it has no {', '.join(RUNS[:-1])} or {RUNS[-1]} to run. "
        "Name what samples with --set run_id=NAME."
    )


def _lay_over(parser: Any, settings: Mapping[str, Any], config: Path) -> None:
    """Put settings into a configuration, which has them all, as far as one can tell."""
    for key, value in settings.items():
        place = key.replace(".", "::")
        table = parser.get(place.rpartition("::")[0]) if "::" in place else {}
        # What the class behind a table takes is for that to tell.
        if place not in parser and not (isinstance(table, Mapping) and "_target_" in table):
            raise EvalsuiteError(f"{config}: {unknown('setting', key, _keys(parser))}")
        parser[place] = value


def _keys(parser: Any) -> list[str]:
    return [key for key in parser.get() if not key.startswith("_")]


def _is_network(item: Any) -> bool:
    """Tell whether an entry of a parsed configuration makes a module of PyTorch."""
    from monai.bundle import ConfigComponent
    from torch import nn

    if not isinstance(item, ConfigComponent) or item.is_disabled():
        return False
    target = item.resolve_module_name()
    made = locate(target) if isinstance(target, str) else target
    return isinstance(made, type) and issubclass(made, nn.Module)


def _grouped(files: list[Path], n: int) -> list[Any]:
    """Return n files, or n sets of files by the last words of their names."""
    if len(files) == n:
        return list(files)
    groups = defaultdict(list)
    for file in files:
        stem = file.name.removesuffix(".gz").rpartition(".")[0]
        groups[stem.rpartition("_")[2]].append(file)
    if any(len(group) != n for group in groups.values()):
        return list(files)  # too many or too few, as is told
    names = sorted(groups, key=lambda name: (name != "image", name))
    return [{name: groups[name][i] for name in names} for i in range(n)]
