"""The schema, its steps, and databases that cannot be used."""

import shutil

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from evalsuite.errors import EvalsuiteError
from evalsuite.study.storage import database as databases
from evalsuite.study.storage.database import DatabaseError
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.storage.tables import METADATA
from tests.study.conftest import fill, read_all

NEXT = """
from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"

def upgrade():
    op.add_column("readers", sa.Column("note", sa.Text))
"""


def test_the_steps_make_the_declared_schema(database):
    store = StudyDatabase(database, upgrade=True)
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        connection.execute(text("DROP INDEX ix_refusals_at"))
        assert compare_metadata(MigrationContext.configure(connection), METADATA) != []


def test_an_empty_database_is_filled_only_when_told(database):
    with pytest.raises(EvalsuiteError, match=r"holds no studies yet. Run `evalsuite study create`"):
        StudyDatabase(database)
    StudyDatabase(database, upgrade=True)
    assert StudyDatabase(database).studies() == []


def test_looking_for_studies_where_there_are_none_leaves_nothing_behind(tmp_path):
    with pytest.raises(EvalsuiteError, match=r"holds no studies yet. Run `evalsuite study create`"):
        StudyDatabase(f"sqlite:///{tmp_path / 'studies' / 'app' / 'studies.db'}")
    assert list(tmp_path.iterdir()) == []


def test_an_older_database_is_brought_up_to_date_only_when_told(database, tmp_path, monkeypatch):
    store, _, _ = fill(database)
    read_all(store)
    before = store.responses("birds")
    steps = tmp_path / "steps"
    shutil.copytree(databases.STEPS, steps)
    (steps / "versions" / "step_0002.py").write_text(NEXT)
    monkeypatch.setattr(databases, "STEPS", steps)
    with pytest.raises(
        EvalsuiteError, match="of an older version. Run .*`evalsuite study migrate`"
    ):
        StudyDatabase(database)
    upgraded = StudyDatabase(database, upgrade=True)
    assert upgraded.responses("birds") == before
    assert upgraded.verify("birds") is None
    with upgraded.engine.connect() as connection:
        assert connection.execute(text("SELECT note FROM readers")).scalars().all() == [None]


@pytest.mark.parametrize("upgrade", [False, True])
def test_a_newer_database_is_left_alone(database, upgrade):
    store = StudyDatabase(database, upgrade=True)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(EvalsuiteError, match=r"step 9999.* newer version .* knows step 0001"):
        StudyDatabase(database, upgrade=upgrade)


@pytest.mark.parametrize(
    "url",
    ["mysql://x/y", "nonsense", "sqlite", "sqlite://", "sqlite:///:memory:", "postgresql://x/y"],
)
def test_other_databases_are_refused_with_a_sentence(url):
    with pytest.raises(EvalsuiteError, match=r"Expected sqlite:///FILE or"):
        StudyDatabase(url)


def test_a_database_that_is_not_there_is_told_without_its_password(postgresql):
    away = "postgresql://me:hunter2@127.0.0.1:9/none"
    unknown = postgresql.url.replace("tests@", "tests:hunter2@") + "_unknown"
    for url, reason in ((away, "the database refuses"), (unknown, "does not exist")):
        with pytest.raises(DatabaseError, match=reason) as caught:
            StudyDatabase(url)
        assert "hunter2" not in str(caught.value)


def test_a_folder_in_place_of_a_file_is_told(tmp_path):
    with pytest.raises(DatabaseError, match="the database refuses: unable to open database file"):
        StudyDatabase(f"sqlite:///{tmp_path}", upgrade=True)


def test_a_file_in_place_of_a_folder_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EvalsuiteError, match=r"file: it cannot be made: File exists"):
        StudyDatabase(f"sqlite:///{tmp_path}/file/studies.db", upgrade=True)


def test_a_commit_has_reached_the_disk(database):
    store = StudyDatabase(database, upgrade=True)
    with store.engine.connect() as connection:
        if store.engine.dialect.name == "sqlite":
            ask = ("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)
            for pragma, value in ask:
                assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value
            return
        name = store.engine.url.database
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        connection.commit()
    store.engine.dispose()
    with store.engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"


def test_what_is_read_together_is_of_one_moment(database):
    store, _, _ = fill(database)
    with databases.reading(store.engine) as connection:
        count = text("SELECT count(*) FROM submissions")
        assert connection.execute(count).scalar() == 0
        read_all(StudyDatabase(database))
        assert connection.execute(count).scalar() == 0


def test_a_server_that_drops_us_is_told_and_the_next_call_goes_through(postgresql):
    store, _, _ = fill(postgresql.url)

    def drop_and_ask():
        with (
            databases.writing(store.engine) as connection,
            StudyDatabase(postgresql.url).engine.connect() as other,
        ):
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            connection.execute(text("SELECT 1"))

    try:
        with pytest.raises(DatabaseError, match="the database refuses"):
            drop_and_ask()
        assert store.studies() == ["birds"]
    finally:
        postgresql.clear()


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset by peer"), BrokenPipeError()])
def test_errors_of_the_socket_are_told_as_well(tmp_path, error):
    store = StudyDatabase(f"sqlite:///{tmp_path / 'studies.db'}", upgrade=True)
    with (
        pytest.raises(DatabaseError, match="the database refuses"),
        databases.writing(store.engine),
    ):
        raise error


def test_a_fault_of_ours_is_not_hidden(database):
    store = StudyDatabase(database, upgrade=True)
    with pytest.raises(DBAPIError), databases.writing(store.engine) as connection:
        connection.execute(text("INSERT INTO studies (name) VALUES (NULL)"))
