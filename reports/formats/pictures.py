"""Figures of a report as files."""

import base64
import io
from pathlib import Path

from reports.document import Image, Picture


def save(picture: Picture, folder: Path) -> str:
    """Write the figure as SVG and PNG and return it as a data address."""
    import matplotlib as mpl

    if isinstance(picture.figure, Image):
        content = picture.figure.path.read_bytes()
        (folder / f"{picture.name}.png").write_bytes(content)
        return "data:image/png;base64," + base64.b64encode(content).decode()
    # Without a fixed salt and date the same figure would be another file every time.
    with mpl.rc_context({"svg.hashsalt": picture.name}):
        buffer = io.BytesIO()
        picture.figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    (folder / f"{picture.name}.svg").write_bytes(buffer.getvalue())
    picture.figure.savefig(folder / f"{picture.name}.png", dpi=200, bbox_inches="tight")
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
