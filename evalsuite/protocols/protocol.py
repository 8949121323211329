"""What a protocol is, and how one is found: the entry-point group `evalsuite.protocols`."""

from typing import Annotated, Any

from pydantic import Field

from evalsuite import plugins
from evalsuite.declared import Declared
from evalsuite.errors import EvalsuiteError
from evalsuite.volumes.preprocessing import Preprocessing

Text = Annotated[str, Field(min_length=1)]


class Source(Declared):
    """Public code that computes the numbers.

    Args:
        repository: `OWNER/NAME` on GitHub, or a package of the index with its version.
        commit: that was read and run; empty for a package.
        files: of it, those that decide the numbers.
        licence: of the code.
    """

    repository: Text
    commit: str = ""
    files: tuple[str, ...] = ()
    licence: Text

    @property
    def told(self) -> str:
        """Repository and commit for a sentence."""
        return f"{self.repository} at commit {self.commit[:7]}" if self.commit else self.repository


class Published(Declared):
    """A value in print that an unmodified evaluation stands beside.

    Args:
        dataset: real volumes, and how many.
        method: what made the synthetic ones.
        number: as it is called there, such as `FID, XY plane`.
        value: as printed.
        citation: where.
    """

    dataset: Text
    method: Text
    number: Text
    value: float
    citation: Text


class Protocol(Declared):
    """A published way to compare volumes, frozen.

    Args:
        name: as the user types it.
        summary: one line.
        source: the code that was followed.
        paper: that the numbers are from.
        extractors: with their layer, if it is not the usual one; none for metrics of voxels.
        preprocessing: every step.
        preprocessing_synthetic: steps that are others for synthetic volumes.
        slices: fields of `evalsuite.extractors.slices.Slices`, every one.
        metrics: with the options that matter.
        free: settings that it leaves to the user, as keys with dots.
        estimator: how the number is made of the features, and whether it is biased.
        n_used: how many volumes the published numbers rest on.
        licences: what to know of the weights.
        disagreements: where code and paper, or code and its description, say different things;
            the code is followed.
        limits: where our value may differ from that of the code, and by how much.
        published: values that become comparable.
    """

    name: Text
    summary: Text
    source: Source
    paper: Text
    extractors: tuple[Text, ...] = ()
    preprocessing: Preprocessing
    preprocessing_synthetic: dict[str, Any] = Field(default_factory=dict)
    slices: dict[str, Any] = Field(default_factory=dict)
    metrics: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    free: tuple[str, ...] = ()
    estimator: Text
    n_used: Text
    licences: Text
    disagreements: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()

    def settings(self) -> dict[str, Any]:
        """Return the frozen choices as the keys of a configuration, in plain values."""
        told = self.model_dump(mode="json")
        keys = ("extractors", "preprocessing", "preprocessing_synthetic", "slices", "metrics")
        return {**{key: told[key] for key in keys if told[key]}, "precision": "float32"}


def load_protocol(name: str) -> Protocol:
    """Return a protocol by name.

    Raises:
        EvalsuiteError: for an unknown one.
    """
    protocol = plugins.load("protocols", name)
    if not isinstance(protocol, Protocol):
        raise EvalsuiteError(f'The entry point "{name}" of evalsuite.protocols is no Protocol.')
    return protocol
