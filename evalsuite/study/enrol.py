"""A reader who comes after the study was made: an order of their own, as balanced as the others'."""

from evalsuite.errors import EvalsuiteError, unknown
from evalsuite.study.home import Home
from evalsuite.study.order import kept_seed
from evalsuite.study.protocol.design import load_design, read_design
from evalsuite.study.protocol.schedule import orders
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import read_truth


def enrol(study: str, reader: str, home: Home, *, in_place_of: str | None = None) -> str:
    """Enrol a reader and return the token that signs them in; it is told once.

    Args:
        study: its name.
        reader: the name, as unlike the others' as the design asks.
        home: of the study, with the lead's folder.
        in_place_of: whose cases they read, as where somebody gave up; else the next selection of
            the allocation. What the other has answered stays.

    Raises:
        EvalsuiteError: if the study is closed, its design or truth is not here, the name is
            none or taken, or there is nobody of the other name.
    """
    database = StudyDatabase(home.database)
    if database.study(study).state == "closed":
        raise EvalsuiteError(f"{study} is closed for good; nobody can be enrolled.")
    design = load_design(home.lead / study / "design.yaml")
    names = [known.name for known in database.readers(study)]
    if in_place_of and in_place_of not in names:
        raise EvalsuiteError(unknown("reader", in_place_of, names))
    values = {**design.model_dump(mode="json"), "readers": [*names, reader]}
    name = read_design(values, f"the readers of {study}").readers[-1]
    truths = read_truth(home.truth(study)).values()
    later = [*names[len(design.readers) :], name]
    stands_in = {name: in_place_of} if in_place_of else {}
    slots = orders(design, truths, kept_seed(home, study), later, stands_in)[name]
    return database.enrol(study, name, slots, in_place_of=in_place_of)
