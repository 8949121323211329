"""Where in a volume a number was measured: pairs of a kind and a value, in one name or for people."""

Where = tuple[tuple[str, str], ...]
STRUCTURES = ("structure", "other")  # kinds of places that are labels


def placed(name: str, where: Where) -> str:
    """Return the key of a quantity at a place: labels of structures behind the first word.

    Example:
        >>> placed("slice_similarity", (("plane", "axial"),))
        'slice_similarity_axial'
        >>> placed("anatomy_right", (("structure", "3"), ("other", "5")))
        'anatomy_3_5_right'
    """
    family, *rest = name.split("_")
    labels = [value for kind, value in where if kind in STRUCTURES]
    others = [value for kind, value in where if kind not in STRUCTURES]
    return "_".join([family, *labels, *rest, *others])


def place(where: Where) -> str:
    """Return a place for people.

    Example:
        >>> place((("structure", "3"), ("other", "5"))), place((("lobe", "upper"),))
        ('3 to 5', 'lobe upper')
    """
    labels = [value for kind, value in where if kind in STRUCTURES]
    structures = f"structure {labels[0]}" if len(labels) == 1 else " to ".join(labels)
    others = [
        value if kind == "plane" else f"{kind} {value}"
        for kind, value in where
        if kind not in STRUCTURES
    ]
    return ", ".join([*([structures] if labels else []), *others])


def written(where: Where) -> str:
    """Return a place as a cell of a table has it, which `parsed` reads.

    Example:
        >>> written((("structure", "3"), ("other", "5")))
        'structure=3;other=5'
    """
    return ";".join(f"{kind}={value}" for kind, value in where)


def parsed(text: str) -> Where:
    """Return the place that `written` was given.

    Example:
        >>> parsed("structure=3;other=5")
        (('structure', '3'), ('other', '5'))
    """
    parts = [part.partition("=") for part in text.split(";") if part]
    return tuple((kind, value) for kind, _, value in parts)
