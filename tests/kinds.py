"""What tables of answers say of a kind of question, for tests that make up such tables."""

from evalsuite.study.protocol.questions import KINDS


def scales(kind):
    """Return the columns that `with_scales` adds, by name, for questions of a kind."""
    told = KINDS[kind]
    ends = (0.0, 100.0) if told.scale == "interval" else (None, None)
    return dict(zip(("lowest", "highest"), ends, strict=True)) | {
        "scale": told.scale,
        "analysis": told.analysis,
    }
