"""Published weights of networks: found, fetched, and known by their bytes.

A file is what its SHA-256 says it is, wherever it lies and whatever it is called. Where none was
published, the one met first is trusted, recorded, and told beside every result; another one is
refused from then on. Nothing here needs torch.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from evalsuite import plugins
from evalsuite.caches import cache_folder
from evalsuite.extractors.extractor import ExtractorOptions
from evalsuite.extractors.sources import PackageFile, Source, SourceError, WeightsError, expanded
from evalsuite.records import Caveat
from evalsuite.writable import whole_file

OWN_WEIGHTS = Caveat(
    "own-weights",
    "The weights are {path} (SHA-256 {sha256}), not the published ones: features and distances "
    "compare only with those of the same file.",
    "extractor",
)
UNPUBLISHED = Caveat(
    "weights-without-published-sum",
    "No SHA-256 of the weights {name} is published: those met first here ({sha256}) are trusted, "
    "and compare only with results of the same SHA-256.",
    "extractor",
)

Built = TypeVar("Built")
State = Literal[
    "verified", "trusted at first use", "not yet trusted", "installed", "absent", "wrong hash"
]


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """One published file. An entry point of `evalsuite.weights` is a tuple of them.

    Args:
        name: of the extractor that uses it.
        source: where it lies.
        sha256: of its bytes, 64 hexadecimal digits; None where none was published.
        code_licence, weights_licence: as the publishers state them.
        note: what a user must know before use, such as "no commercial use".
    """

    name: str
    source: Source
    sha256: str | None
    code_licence: str
    weights_licence: str
    note: str = ""

    @property
    def own_path(self) -> Path:
        """Where evalsuite keeps the file."""
        return cache_folder() / "weights" / self.source.file

    @property
    def record(self) -> Path:
        """Where evalsuite keeps the SHA-256 of the file that it met first."""
        return voucher(self.own_path)

    @property
    def expected(self) -> str | None:
        """The SHA-256 that was published, else the recorded one, else None."""
        return self.sha256 or _vouched(self.record)


@dataclass(frozen=True, slots=True)
class WeightStatus:
    """What is on this machine of one published file.

    Args:
        weights: the declaration.
        path: the file that is used, else the one in evalsuite's cache that is not what it should
            be.
        state: what is known of the bytes at `path`.
        sha256: of them.
    """

    weights: PublishedWeights
    path: Path | None
    state: State
    sha256: str | None


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file whose SHA-256 has just been verified.

    Args:
        path: the file.
        sha256: of its bytes.
        trust: whether they are the published ones, the user's own with a voucher, or those met
            first of weights without a published SHA-256.
    """

    path: Path
    sha256: str
    trust: Literal["published", "own", "first use"]

    @property
    def warnings(self) -> tuple[Caveat, ...]:
        """What to tell beside every number that these weights made."""
        if self.trust == "own":
            return (OWN_WEIGHTS(path=str(self.path), sha256=self.sha256),)
        if self.trust == "first use":
            return (UNPUBLISHED(name=self.path.name, sha256=self.sha256),)
        return ()

    def checked(self, build: Callable[[], Built]) -> Callable[[], Built]:
        """Return what builds a network with these weights when it is first called, and keeps it.

        Unless they are the published ones it is called here: others may not fit the network, which
        is to be told before volumes are read.
        """
        built = cache(build)
        if self.trust != "published":
            built()
        return built


@cache
def published() -> dict[str, PublishedWeights]:
    """Return all published weights by name."""
    files = [
        item for point in plugins.available("weights").values() for item in plugins.loaded(point)
    ]
    return {item.name: item for item in files}


def list_weights() -> list[WeightStatus]:
    """Return one status per published file; every copy found is read and verified."""
    return [_status(weights) for weights in published().values()]


def verify(path: Path) -> str:
    """Return the name of the published weights that the file holds.

    Raises:
        WeightsError: if it cannot be read or holds none of them.
    """
    found = sha256(path)
    for weights in published().values():
        if weights.expected == found:
            return weights.name
    raise WeightsError(f"{path}: its SHA-256 is {found}, which is none of the published weights'.")


def fetch(name: str) -> Path:
    """Return a verified copy of the published weights, fetching them if there is none.

    Raises:
        WeightsError: for an unknown name, a failed download or bytes that are not the published.
    """
    if name not in published():
        raise WeightsError(f'Unknown weights "{name}". Known weights: {", ".join(published())}.')
    return _here_or_fetched(published()[name], offline=False).path


def obtain(name: str, options: ExtractorOptions) -> WeightFile:
    """Return the weights an extractor asks for: the user's file, else a copy here, else fetched.

    A user's file that is not the published one is refused unless `FILE.sha256` beside it, as
    `sha256sum` writes it, vouches for exactly these bytes: so fine-tuned weights are possible,
    and damaged or mistaken ones are not taken for them. Where no SHA-256 was published, the
    first use writes that voucher.

    Args:
        name: of published weights.
        options: `weights` names the user's file; `offline` forbids a download, as the environment
            variable `HF_HUB_OFFLINE` does.

    Raises:
        WeightsError: in one sentence that says what to do.
    """
    if options.weights is not None:
        return _users_file(published()[name], expanded(options.weights))
    return _here_or_fetched(published()[name], offline=options.offline)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, or raise WeightsError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: the file cannot be read: {error.strerror}.") from None


def voucher(path: Path) -> Path:
    """Return the file that vouches for one, as `sha256sum FILE > FILE.sha256` writes it."""
    return path.with_name(f"{path.name}.sha256")


def _users_file(weights: PublishedWeights, path: Path) -> WeightFile:
    found = sha256(path)
    if found == weights.sha256:
        return WeightFile(path, found, "published")
    for other in published().values():
        if found == other.sha256:
            raise WeightsError(f"{path}: holds the weights {other.name}, not {weights.name}.")
    if not voucher(path).is_file():
        if weights.sha256 is None:
            _record(voucher(path), found, path.name)
            return WeightFile(path, found, "first use")
        raise WeightsError(
            f"{path}: its SHA-256 is {found}, but the published {weights.source.file} has "
            f"{weights.sha256}; fetch that with `evalsuite weights fetch {weights.name}`, or vouch "
            f"for weights of your own with `sha256sum {path} > {voucher(path)}`."
        )
    if _vouched(voucher(path)) != found:
        raise WeightsError(
            f"{path}: its SHA-256 is {found}, but {voucher(path)} vouches for another."
        )
    return WeightFile(path, found, "own" if weights.sha256 else "first use")


def _status(weights: PublishedWeights) -> WeightStatus:
    """Return the first copy with the expected bytes; any copy, where none are expected yet."""
    wrong = None
    for path in (weights.own_path, *weights.source.copies()):
        if not path.is_file():
            continue
        found = sha256(path)
        if weights.expected is None:
            return WeightStatus(weights, path, "not yet trusted", found)
        if found == weights.expected:
            state: State = "verified" if weights.sha256 else "trusted at first use"
            return WeightStatus(weights, path, state, found)
        if wrong is None and (path == weights.own_path or weights.sha256 is None):
            wrong = WeightStatus(weights, path, "wrong hash", found)
    # Parts in packages are joined, and verified, when they are used first.
    installed = isinstance(weights.source, PackageFile) and weights.source.installed
    return wrong or WeightStatus(weights, None, "installed" if installed else "absent", None)


def _here_or_fetched(weights: PublishedWeights, *, offline: bool) -> WeightFile:
    """Return a verified copy; a wrong file in our own cache is not passed over."""
    status = _status(weights)
    if status.state == "wrong hash":
        was = f"that of the published {weights.source.file} ({weights.sha256}); delete it and run"
        if weights.sha256 is None:
            was = f"the one recorded at first use in {weights.record}; delete both to trust anew by"
        raise WeightsError(
            f"{status.path}: its SHA-256 is not {was} `evalsuite weights fetch {weights.name}`."
        )
    path, found = status.path, status.sha256
    if path is None or found is None:
        forbidden = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
        if weights.source.remote and (offline or forbidden):
            raise _unavailable(weights, "may not be downloaded offline")
        path, found = _fetch(weights)
    if weights.sha256:
        return WeightFile(path, found, "published")
    if weights.expected is None:
        _record(weights.record, found, weights.source.file)
    return WeightFile(path, found, "first use")


def _fetch(weights: PublishedWeights) -> tuple[Path, str]:
    """Return the file in our cache and its SHA-256: all of it, verified, or nothing is there."""
    target = weights.own_path
    try:
        # Several processes may be fetching at once under torchrun, each into a file of its own.
        with whole_file(target) as file:
            weights.source.write(file)
            file.flush()
            found = sha256(Path(file.name))
            if weights.expected not in (None, found):
                raise WeightsError(
                    f"{weights.source.file} as fetched has the SHA-256 {found}, but "
                    f"{weights.expected} was {'published' if weights.sha256 else 'met first'}; "
                    "nothing was kept."
                )
    except SourceError as error:
        raise _unavailable(weights, str(error)) from None
    except OSError as error:
        raise _unavailable(weights, f"could not be kept ({error.strerror})") from None
    return target, found


def _vouched(path: Path) -> str | None:
    """Return the SHA-256 in a voucher, None where there is no voucher, "" where it has none."""
    if not path.is_file():
        return None
    words = path.read_text(errors="replace").split()
    return words[0].lstrip("\\").lower() if words else ""


def _record(path: Path, digest: str, file: str) -> None:
    try:
        with whole_file(path) as voucher:  # others read it under torchrun
            voucher.write(f"{digest}  {file}\n".encode())
    except OSError as error:
        raise WeightsError(
            f"{path}: the SHA-256 of the weights, of which none is published, cannot be recorded "
            f"there: {error.strerror}. Copy the weights to a folder you can write to."
        ) from None


def _unavailable(weights: PublishedWeights, problem: str) -> WeightsError:
    mend = weights.source.mend.format(path=weights.own_path)
    return WeightsError(
        f"The weights {weights.name} are not on this machine and {problem}: {mend}, or name the "
        f"file with --weights FILE."
    )
