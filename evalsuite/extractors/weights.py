"""The published weights of MedicalNet: where they lie, how they come here, how they are verified.

A file is what its SHA-256 says it is, wherever it lies and whatever it is called. Nothing here
needs torch.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Literal
from urllib.parse import urlsplit
from urllib.request import urlopen

from evalsuite.caches import cache_folder
from evalsuite.errors import EvalsuiteError
from evalsuite.extractors.extractor import ExtractorOptions

HUB = "https://huggingface.co"
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 20


class WeightsError(EvalsuiteError):
    """Weights are absent, damaged or not those that were asked for."""


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """One file of the Hugging Face organisation TencentMedicalNet.

    Args:
        name: of the extractor that uses it.
        depth: layers of the ResNet.
        file: its name on the hub and in every cache.
        sha256: of its bytes, 64 hexadecimal digits.
    """

    name: str
    depth: int
    file: str
    sha256: str

    @property
    def url(self) -> str:
        """Address of the file; `HF_ENDPOINT` names a mirror of the hub.

        Raises:
            WeightsError: if it names none.
        """
        endpoint = os.environ.get("HF_ENDPOINT") or HUB
        if not _is_address(endpoint):
            raise WeightsError(
                f'The environment variable HF_ENDPOINT is "{endpoint}"; expected the address of a '
                f"hub, such as {HUB}."
            )
        repository = f"TencentMedicalNet/MedicalNet-Resnet{self.depth}"
        return f"{endpoint.rstrip('/')}/{repository}/resolve/main/{self.file}"

    @property
    def own_path(self) -> Path:
        """Where evalsuite keeps the file."""
        return cache_folder() / "weights" / self.file


@dataclass(frozen=True, slots=True)
class WeightStatus:
    """What is on this machine of one published file.

    Args:
        name: of the published weights.
        path: the verified file, else the one in evalsuite's cache that is not what it should be.
        status: whether the bytes at `path` are the published ones.
    """

    name: str
    path: Path | None
    status: Literal["verified", "absent", "wrong hash"]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file whose SHA-256 has just been verified.

    Args:
        path: the file.
        sha256: of its bytes.
        published: false for weights that the user vouches for.
    """

    path: Path
    sha256: str
    published: bool


# By depth: the SHA-256 of resnet_N.pth and of resnet_N_23dataset.pth.
_SHA256 = {
    10: (
        "2824951eaef30e115929b89bec72342380b08d14792bda1449974ac849e497c0",
        "afa8055f3e47f4a18239495d92a7abc587902c69c31c743de2b2784653b72605",
    ),
    18: (
        "38b3a17444c5c18a795355a868e6a2d9ce9318054067f5373d337f55c0f61da3",
        "61224f9317fcce873366deb3703183e92cc47325b726b69691b33536244e10f4",
    ),
    34: (
        "977a1be79298602fa35980de9c03789229ad36087fb1f4d9bde468aec653c658",
        "3ea7188e396774e4ef95b66e5e90a78273bb33f6e58d3d717bf24f5f1aaeaa28",
    ),
    50: (
        "5b6189cafbee2f5604a7279b62bc163365aa6a86a377e1dc260a14275cacbd84",
        "ff48a62219073fb977fd3f4ddfb8dc1367f0ec156c8d6f6c37e205bd683a246e",
    ),
}

PUBLISHED: dict[str, PublishedWeights] = {
    weights.name: weights
    for depth, (plain, datasets23) in _SHA256.items()
    for weights in (
        PublishedWeights(f"medicalnet-resnet{depth}", depth, f"resnet_{depth}.pth", plain),
        PublishedWeights(
            f"medicalnet-resnet{depth}-23datasets",
            depth,
            f"resnet_{depth}_23dataset.pth",
            datasets23,
        ),
    )
}


def list_weights() -> list[WeightStatus]:
    """Return one status per published file; every copy found is read and verified."""
    return [_status(weights) for weights in PUBLISHED.values()]


def verify(path: Path) -> str:
    """Return the name of the published weights that the file holds.

    Raises:
        WeightsError: if it cannot be read or holds none of them.
    """
    found = sha256(path)
    for weights in PUBLISHED.values():
        if weights.sha256 == found:
            return weights.name
    raise WeightsError(f"{path}: its SHA-256 is {found}, which is none of the published weights'.")


def fetch(name: str) -> Path:
    """Return a verified copy of the published weights, downloading them if there is none.

    Raises:
        WeightsError: for an unknown name, a failed download or bytes that are not the published.
    """
    if name not in PUBLISHED:
        raise WeightsError(f'Unknown weights "{name}". Known weights: {", ".join(PUBLISHED)}.')
    weights = PUBLISHED[name]
    return _here(weights) or _download(weights)


def obtain(name: str, options: ExtractorOptions) -> WeightFile:
    """Return the weights an extractor asks for: the user's file, else a copy here, else the hub's.

    A user's file that is not the published one is refused unless `FILE.sha256` beside it, as
    `sha256sum` writes it, vouches for exactly these bytes: so fine-tuned weights are possible,
    and damaged or mistaken ones are not taken for them.

    Args:
        name: one of `PUBLISHED`.
        options: `weights` names the user's file; `offline` forbids the download, as the
            environment variable `HF_HUB_OFFLINE` does.

    Raises:
        WeightsError: in one sentence that says what to do.
    """
    weights = PUBLISHED[name]
    if options.weights is not None:
        return _users_file(weights, _expanded(options.weights))
    path = _here(weights)
    if path is None:
        forbidden = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
        if options.offline or forbidden:
            raise _unavailable(weights, "may not be downloaded offline")
        path = _download(weights)
    return WeightFile(path, weights.sha256, published=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, or raise WeightsError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: the file cannot be read: {error.strerror}.") from None


def _users_file(weights: PublishedWeights, path: Path) -> WeightFile:
    found = sha256(path)
    if found == weights.sha256:
        return WeightFile(path, found, published=True)
    for other in PUBLISHED.values():
        if found == other.sha256:
            raise WeightsError(f"{path}: holds the weights {other.name}, not {weights.name}.")
    voucher = path.with_name(f"{path.name}.sha256")
    if not voucher.is_file():
        raise WeightsError(
            f"{path}: its SHA-256 is {found}, but the published {weights.file} has "
            f"{weights.sha256}; fetch that with `evalsuite weights fetch {weights.name}`, or vouch "
            f"for weights of your own with `sha256sum {path} > {voucher}`."
        )
    vouched = voucher.read_text(errors="replace").split()
    if not vouched or vouched[0].lstrip("\\").lower() != found:
        raise WeightsError(f"{path}: its SHA-256 is {found}, but {voucher} vouches for another.")
    return WeightFile(path, found, published=False)


def _status(weights: PublishedWeights) -> WeightStatus:
    for path in _copies(weights):
        if sha256(path) == weights.sha256:
            return WeightStatus(weights.name, path, "verified")
    if weights.own_path.is_file():
        return WeightStatus(weights.name, weights.own_path, "wrong hash")
    return WeightStatus(weights.name, None, "absent")


def _here(weights: PublishedWeights) -> Path | None:
    """Return a verified copy, or None; a wrong file in our own cache is not passed over."""
    found = _status(weights)
    if found.status == "wrong hash":
        raise WeightsError(
            f"{found.path}: its SHA-256 is not that of the published {weights.file} "
            f"({weights.sha256}); delete it and run `evalsuite weights fetch {weights.name}`."
        )
    return found.path


def _copies(weights: PublishedWeights) -> Iterator[Path]:
    """Yield the files of that name in our cache, torch.hub's and the Hugging Face hub's.

    `Warvito/MedicalNet-models` stores into `hub/medicalnet`, its first versions into
    `hub/checkpoints`; huggingface_hub keeps one folder per commit.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    torch_home = _expanded(os.environ.get("TORCH_HOME") or home / "torch")
    hub = _expanded(
        os.environ.get("HF_HUB_CACHE")
        or os.environ.get("HUGGINGFACE_HUB_CACHE")
        or Path(os.environ.get("HF_HOME") or home / "huggingface") / "hub"
    )
    snapshots = hub / f"models--TencentMedicalNet--MedicalNet-Resnet{weights.depth}" / "snapshots"
    for path in [
        weights.own_path,
        torch_home / "hub" / "medicalnet" / weights.file,
        torch_home / "hub" / "checkpoints" / weights.file,
        *sorted(snapshots.glob(f"*/{weights.file}")),
    ]:
        if path.is_file():
            yield path


def _expanded(path: Path | str) -> Path:
    # Path.expanduser raises for the home of a user who does not exist.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def _download(weights: PublishedWeights) -> Path:
    """Return the file in our cache: all of it, verified, or nothing is left there."""
    target = weights.own_path
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # One temporary file per process: several may be fetching at once under torchrun.
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
            expected = _stream(weights, file)
        size, found = part.stat().st_size, sha256(part)
        if expected and size < expected:
            raise _unavailable(weights, f"broke off after {size:,} of {expected:,} bytes")
        if found != weights.sha256:
            raise WeightsError(
                f"{weights.url}: the file there has the SHA-256 {found}, but {weights.sha256} was "
                "published; nothing was kept."
            )
        # The umask applies to files that a user makes, but not to temporary ones.
        part.chmod(0o644)
        part.replace(target)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise _unavailable(weights, f"could not be downloaded ({reason})") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
    return target


def _stream(weights: PublishedWeights, file: IO[bytes]) -> int | None:
    """Write the bytes of the hub's file and return how many were announced, if that was told."""
    from rich.console import Console
    from rich.progress import Progress

    with (
        urlopen(weights.url, timeout=TIMEOUT_SECONDS) as response,  # noqa: S310  (the user's hub)
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        length = response.headers.get("Content-Length")
        expected = int(length) if length else None
        task = progress.add_task(f"Downloading {weights.file}", total=expected)
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            progress.advance(task, len(chunk))
    return expected


def _is_address(text: str) -> bool:
    if not (text.isascii() and text.isprintable()) or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an impossible port, or brackets without an address in them
        return False


def _unavailable(weights: PublishedWeights, problem: str) -> WeightsError:
    return WeightsError(
        f"The weights {weights.name} are not on this machine and {problem}: download "
        f"{weights.url} to {weights.own_path}, or name the file with --weights FILE."
    )
