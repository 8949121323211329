"""What the lead has to know of a study while it runs, beyond how far its readers are."""

from evalsuite.statistics.careless import careless, raised
from evalsuite.statistics.result import Result
from evalsuite.study.export import long_table, with_scales
from evalsuite.study.protocol.questions import parse_questions
from evalsuite.study.storage.study_database import StudyDatabase

CALM = "A sign is a reason to ask; nobody is left out for it."


def signs(database: StudyDatabase, study: str) -> list[Result]:
    """Return the signs of careless reading that were raised; they tell of no answer what it was."""
    questions = parse_questions(database.study(study).design["questions"])
    table = with_scales(long_table(database.responses(study), None), questions)
    return raised(careless(table, {q.name: len(q.labels) for q in questions if q.labels}))
