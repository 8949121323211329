"""`evalsuite study` as a lead types it."""

import csv
import gzip
import json
import re
from pathlib import Path

import pytest
import yaml

from evalsuite.spreadsheets import guarded
from evalsuite.study.home import Home, default_folder
from evalsuite.study.protocol.design import load_design
from evalsuite.study.protocol.schedule import schedule
from evalsuite.study.storage.study_database import StudyDatabase
from evalsuite.study.truth import by_phase, read_truth
from reports.sources import read_study


@pytest.fixture
def lead(cli, make_cohort):
    """Run `evalsuite study` in a folder with two cohorts of eight volumes."""
    cohorts = {
        "real": make_cohort("heron", 8, seed=1),
        "synthetic": make_cohort("magpie", 8, seed=2),
    }

    def run(*arguments):
        return cli("study", *arguments)

    run.cohorts = cohorts
    return run


def create(lead, *more, name="birds"):
    return lead(
        *("create", "--name", name, "--no-tracking", "--cases", "5"),
        *("--real", lead.cohorts["real"], "--synthetic", f"fake={lead.cohorts['synthetic']}"),
        *("--reader", "Ada", "--reader", "Bob", *more),
    )


def read_everything(name="birds"):
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    for reader in (1, 2):
        while due := store.current(reader):
            answers = {"appearance": reader, "anatomy": 2, "consistency": 1 + due.position % 4}
            store.submit(reader, due.token, "k", answers, {"active_seconds": 3.0, "seconds": 4})
    return store


def test_a_study_from_its_creation_to_the_table(lead, tmp_path):
    status, out, err = create(lead, "--set", "repeats=2", "--set", "training=1", "--seed", "3")
    assert status == 0, err
    assert "12 cases prepared" in out
    assert "Serve them with: evalsuite study serve\n" in err
    assert len(re.findall(r"/enter\?token=\S{43}", out)) == 2
    assert re.search(r"lead: \S+study=birds&lead=\S{43}", out)
    assert "tells real from synthetic" in err

    status, out, err = lead("status", "--json")
    assert "The audit log of birds is whole: " in err
    noted = err.split()[-1]
    rows = json.loads(out)
    assert [(row["reader"], row["answered"], row["total"]) for row in rows] == [
        ("Ada", 0, 14),
        ("Bob", 0, 14),
    ]
    read_everything()
    status, _, err = lead("status", "birds", "--entry", noted)
    assert status == 0
    assert noted not in err  # it is no longer the last
    status, _, err = lead("status", "birds", "--entry", "0" * 64)
    assert status == 1
    assert "entries were taken away from its end" in err
    assert "Name it" in lead("status", "--entry", noted)[2]
    status, _, err = lead("export", "birds", "--output", "open.csv")
    log = yaml.safe_load((tmp_path / "open.design.yaml").read_text())["audit_log"]
    assert (log["last"] == noted, len(log["last"])) == (False, 64)
    assert (status, "without the truth: the study is not closed" in err) == (0, True)
    assert "role" not in (tmp_path / "open.csv").read_text().splitlines()[0]

    assert lead("close", "birds", "--no-tracking", "--yes")[0] == 0
    assert lead("export", "birds", "--output", "closed.csv")[0] == 0
    with (tmp_path / "closed.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 14 * 3
    assert {row["cohort"] for row in rows} == {"real", "fake"}
    assert {row["role"] for row in rows if row["cohort"] == "fake"} == {"synthetic"}
    about = yaml.safe_load((tmp_path / "closed.design.yaml").read_text())
    assert about["design"]["seed"] == 3
    assert about["environment"]["packages"]["numpy"]

    power = ("power", "--from", "closed.csv", "--figure", "auc", "--question")
    assert "Variances of consistency in closed.csv: " in lead(*power, "consistency")[2]
    assert "one of appearance, anatomy, consistency." in lead(*power, "clarity")[2]
    assert (
        "Export the study with the truth."
        in lead("power", "--from", "open.csv", "--question", "anatomy")[2]
    )

    assert lead("export", "birds", "--output", "closed.imrmc")[0] == 0
    lines = (tmp_path / "closed.imrmc").read_text().splitlines()
    assert lines[1:6] == ["NR: 2", "N0: 5", "N1: 5", "NM: 3", "BEGIN DATA:"]
    assert len(lines) == 6 + 10 + 2 * 10 * 3
    assert lead("export", "birds", "--output", "closed.parquet")[0] == 0


def test_unblinding_an_open_study_is_logged(lead):
    create(lead)
    read_everything()
    status, _, err = lead("export", "birds", "--output", "x.imrmc")
    assert status == 1
    assert err.startswith("birds is still open, and the iMRMC format holds the truth.")
    assert lead("export", "birds", "--output", "x.csv", "--unblind")[0] == 0
    actions = [e.action for e in StudyDatabase("sqlite:///studies/app/studies.db").events("birds")]
    assert actions[-1] == "unblinded export"


def test_the_truth_is_for_its_owner_alone_and_the_app_has_none(lead, tmp_path):
    create(lead)
    truth = tmp_path / "studies/lead/birds/truth.tsv"
    assert truth.stat().st_mode & 0o777 == 0o600
    told = truth.read_text()
    database = (tmp_path / "studies/app/studies.db").read_bytes()
    for secret in ("heron", "magpie", "fake", "v00.nii"):
        assert secret in told
        assert secret.encode() not in database


def test_the_same_seed_chooses_the_same_volumes(lead, tmp_path):
    chosen = []
    for name in ("one", "two"):
        create(lead, name=name)
        with (tmp_path / f"studies/lead/{name}/truth.tsv").open() as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        chosen.append({(row["cohort"], row["volume"]) for row in rows})
        assert len({row["case"] for row in rows}) == 10
    assert chosen[0] == chosen[1]


def test_strata_keep_their_shares(cli, make_cohort, tmp_path):
    folder = make_cohort("heron", 12, seed=1)
    table = tmp_path / "table.csv"
    lines = [f"heron/v{i:02d}.nii.gz,{'ab'[i % 3 == 0]}" for i in range(12)]
    table.write_text("\n".join(["path,site", *lines]))
    design = {
        "name": "strata",
        "title": "Strata",
        "cohorts": [
            {"name": "r", "path": str(table), "role": "real", "cases": 6, "stratify_by": "site"},
            {
                "name": "s",
                "path": str(make_cohort("m", 6, seed=2)),
                "role": "synthetic",
                "cases": 6,
            },
        ],
        "readers": ["Ada"],
    }
    (tmp_path / "design.yaml").write_text(yaml.safe_dump(design))
    assert cli("study", "create", tmp_path / "design.yaml", "--no-tracking")[0] == 0
    with (tmp_path / "studies/lead/strata/truth.tsv").open() as file:
        strata = [r["stratum"] for r in csv.DictReader(file, delimiter="\t") if r["cohort"] == "r"]
    assert (strata.count("a"), strata.count("b")) == (4, 2)
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "cohorts=[]"), "In the command line, cohorts"),
        (("--template", "papr"), 'unknown template "papr"'),
        (("--set", "repeats=99"), "repeats is 99"),
        (("--set", "training=9"), "real has 8 volumes, but the design asks for 5 cases and 9"),
    ],
)
def test_mistakes_in_a_design_leave_nothing_behind(lead, tmp_path, arguments, message):
    status, _, err = create(lead, *arguments)
    assert status == 1
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("studies/*/cases/*"))
    assert not list(tmp_path.glob("studies/lead/*"))


def test_a_second_study_of_the_same_name_is_refused(lead):
    create(lead)
    status, _, err = create(lead)
    assert status == 1
    assert err.startswith("There is a study birds in studies already.")


def test_what_does_not_exist_is_told_with_what_does(lead):
    create(lead)
    for arguments in (
        ("status", "bird"),
        ("close", "bird"),
        ("export", "bird", "--output", "x.csv"),
    ):
        status, _, err = lead(*arguments)
        assert status == 1
        assert 'Unknown study "bird". Did you mean "birds"?' in err
    assert 'Unknown reader "Eve"' in lead("invite", "birds", "Eve")[2]
    assert "its ending is not known" in lead("export", "birds", "--output", "x.xlsx")[2]


def test_new_links_replace_old_ones(lead):
    _, out, _ = create(lead)
    first = re.search(r"Ada: \S+token=(\S{43})", out)[1]
    _, out, _ = lead("invite", "birds", "Ada")
    second = out.strip().rpartition("=")[2]
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    assert store.session(store.sign_in(second, "x")).name == "Ada"
    with pytest.raises(Exception, match="opens nothing"):
        store.sign_in(first, "x")
    lead("revoke", "birds", "Ada", "--yes")
    with pytest.raises(Exception, match="opens nothing"):
        store.sign_in(second, "x")


def test_a_reader_who_comes_later_gets_an_order_of_their_own(lead, tmp_path):
    create(lead, "--set", "repeats=2", "--set", "training=1")
    store = read_everything()
    status, out, err = lead("enrol", "birds", "Eve")
    assert (status, err) == (0, "")
    (link,) = re.findall(r"^http://127.0.0.1:8501/enter\?token=(\S{43})$", out, re.MULTILINE)
    eve = store.session(store.sign_in(link, "here"))
    assert eve.name == "Eve"
    plans = {reader: store.plan(reader) for reader in (1, 2, 3)}
    assert len({tuple(p.cases for p in plan) for plan in plans.values()}) == 3
    assert len({frozenset((p.phase, p.cases) for p in plan) for plan in plans.values()}) == 1
    assert len(plans[3]) == 14
    # The seed is for the lead alone: with it the orders tell the cohorts apart.
    noted = tmp_path / "studies/lead/birds/order.seed"
    assert noted.stat().st_mode & 0o777 == 0o600
    seed = noted.read_text().strip()
    assert int(seed) > 2**64
    assert seed.encode() not in (tmp_path / "studies/app/studies.db").read_bytes()
    design = load_design(tmp_path / "studies/lead/birds/design.yaml")
    cases = by_phase(read_truth(Home.at(default_folder()).truth("birds")).values())
    for reader, name in enumerate(("Ada", "Bob", "Eve"), 1):
        again = schedule(design, cases, name, seed=int(seed))
        assert [slot.cases for slot in again] == [shown.cases for shown in plans[reader]]
        guessed = schedule(design, cases, name)
        assert [slot.cases for slot in guessed] != [shown.cases for shown in plans[reader]]

    assert "readers of birds, two readers are called" in lead("enrol", "birds", "eve")[2]
    assert "readers.3: expected one line of 1 to 100" in lead("enrol", "birds", "a\nb")[2]
    assert lead("enrol", "birds", "Zoe")[0] == 0
    lead("close", "birds", "--no-tracking", "--yes")
    status, _, err = lead("enrol", "birds", "Kim")
    assert (status, "closed for good" in err) == (1, True)
    lead("export", "birds", "--output", "x.csv")
    assert yaml.safe_load((tmp_path / "x.design.yaml").read_text())["order_seed"] == int(seed)


def test_pairs_of_a_later_reader_are_those_of_the_others(lead):
    create(lead, "--set", "paired=true", "--template", "2afc")
    lead("enrol", "birds", "Eve")
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    ada, eve = ({frozenset(shown.cases) for shown in store.plan(reader)} for reader in (1, 3))
    assert ada == eve


def test_a_later_reader_of_an_older_study_gets_an_order_of_its_design(lead, tmp_path):
    create(lead)
    (tmp_path / "studies/lead/birds/order.seed").unlink()
    assert lead("enrol", "birds", "Eve")[0] == 0
    design = load_design(tmp_path / "studies/lead/birds/design.yaml")
    cases = by_phase(read_truth(Home.at(default_folder()).truth("birds")).values())
    plan = StudyDatabase("sqlite:///studies/app/studies.db").plan(3)
    assert [s.cases for s in schedule(design, cases, "Eve")] == [p.cases for p in plan]
    (tmp_path / "studies/lead/birds/order.seed").write_text("none")
    assert "order.seed: expected the seed" in lead("enrol", "birds", "Zoe")[2]


def test_the_status_fits_80_columns_and_tells_signs_of_careless_reading(lead, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    create(lead)
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    lead("enrol", "birds", "Dr. Eve")
    for reader, seconds in ((1, 0.2), (2, 30.0)):
        while due := store.current(reader):
            given = {"appearance": 1 + due.position % 3, "anatomy": 2, "consistency": 3}
            store.submit(reader, due.token, "k", given, {"active_seconds": seconds})
    status, out, err = lead("status", "birds")
    assert status == 0
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0] == ["reader", "answered", "minutes", "s/case", "last", "seen", "signs"]
    assert lines[2][:6] == ["Ada", "10", "of", "10", "0", "0"]
    assert lines[2][-1] == "1"
    assert lines[3][:6] == ["Bob", "10", "of", "10", "5", "30"]
    assert lines[4] == ["Dr.", "Eve", "(later)", "0", "of", "10", "0"]
    assert max(map(len, out.splitlines())) <= 80
    assert err.splitlines()[:2] == [
        "birds: Ada, too fast: 10 of 10 cases took less than 2 s of active time.",
        "A sign is a reason to ask; nobody is left out for it.",
    ]
    rows = json.loads(lead("status", "--json")[1])
    assert [(row["reader"], row["later"], row["signs"]) for row in rows] == [
        ("Ada", False, ["too fast"]),
        ("Bob", False, []),
        ("Dr. Eve", True, []),
    ]
    assert max(map(len, lead("status")[1].splitlines())) <= 80


def test_what_readers_tell_of_themselves_is_exported_without_names(lead, tmp_path):
    profile = [
        {"name": "years", "text": "Years?", "kind": "choice", "options": ["under 5", "more"]},
        {"name": "fields", "text": "Fields?", "kind": "multiple", "options": ["=CT", "MR", "US"]},
        {"name": "post", "text": "Post?", "kind": "text"},
    ]
    (tmp_path / "design.yaml").write_text(yaml.safe_dump({"profile": profile}))
    create(lead, "design.yaml")
    lead("enrol", "birds", "Eve")
    store = read_everything()
    store.tell_profile(1, {"years": 2, "fields": [1, 3], "post": "-1"})
    store.tell_profile(3, {"years": 1, "fields": [2]})
    assert lead("export", "birds", "--output", "x.csv")[0] == 0
    assert (tmp_path / "x.readers.csv").read_text().splitlines() == [
        "reader_number,enrolled,cases_allotted,cases_unread,years,fields,post",
        "1,at creation,10,,more,'=CT; US,'-1",
        "2,at creation,10,,,,",
        f"3,later,10,{'; '.join(_first_showings(store, 3))},under 5,MR,",
    ]
    with (tmp_path / "x.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["reader"], row["reader_number"]) for row in rows} == {("Ada", "1"), ("Bob", "2")}
    for name in ("x.csv", "birds"):
        told = read_study(name, Home.at(default_folder()))
        assert told.told_of_readers("years") == {"Ada": "more"}  # Eve has answered nothing
        assert told.told_of_readers("post") == {"Ada": "-1"}
        assert told.later == ()


def _first_showings(store, reader):
    shown = [p.cases[0] for p in store.plan(reader) if p.phase == "reading"]
    return list(dict.fromkeys(shown))


def test_how_a_case_was_read_is_exported(lead, tmp_path):
    create(lead)
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    read = {
        "seconds": 9.5, "active_seconds": 7.0, "window_changes": 2, "viewer": "webgl2",
        "slices": {"axial": 12, "coronal": 3, "sagittal": 1}, "shape": [64, 80, 60],
        "screen": {"width": 1366, "height": 768, "ratio": 1.25}, "small_screen": False,
        "tools": {"zooms": 4, "layouts": 0, "cine": 1, "distances": 2},
    }  # fmt: skip
    answers = {"appearance": 1, "anatomy": 2, "consistency": 3}
    store.submit(1, store.current(1).token, "k", answers, read)
    store.submit(1, store.current(1).token, "k", answers, {})
    assert lead("export", "birds", "--output", "x.csv")[0] == 0
    with (tmp_path / "x.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = ("seconds", "active_seconds", "axial_slices", "coronal_slices", "sagittal_slices")
    columns += ("shape", "window_changes", "viewer", "screen", "small_screen", "zooms", "layouts")
    columns += ("cine", "distances")
    assert [rows[0][column] for column in columns] == [
        *("9.5", "7.0", "12.0", "3.0", "1.0"),
        *("64x80x60", "2.0", "webgl2", "1366x768@1.25", "False", "4.0", "0.0", "1.0", "2.0"),
    ]
    assert {rows[-1][column] for column in columns} == {""}


def test_remarks_that_look_like_formulas_come_back_as_they_were(lead, tmp_path):
    create(lead, "--template", "text")
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    written = ['=HYPERLINK("http://x")', "-1", "+ sharper", "@all", "'=1", "plain"]
    for remark in written:
        store.submit(1, store.current(1).token, "k", {"remarks": remark}, {})
    assert lead("export", "birds", "--output", "x.csv")[0] == 0
    with (tmp_path / "x.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["answer"] for row in rows] == [
        """'=HYPERLINK("http://x")""", "'-1", "'+ sharper", "'@all", "''=1", "plain",
    ]  # fmt: skip
    table = read_study("x.csv", Home.at(default_folder())).table
    assert table["answer"].tolist() == written
    # The same answers of another study, told as this one's were exported, are the same answers.
    create(lead, "--template", "text", name="again")
    tokens = [shown.token for shown in store.plan(3)]
    paper = [["reader", "presentation", "question", "answer"]]
    paper += [
        ["Ada", guarded(token), row["question"], row["answer"]]
        for token, row in zip(tokens, rows, strict=False)
    ]
    with (tmp_path / "paper.csv").open("w", newline="") as file:
        csv.writer(file).writerows(paper)
    assert "6 presentations imported" in lead("import", "again", "paper.csv")[2]
    assert [store.answers(3, token)["remarks"] for token in tokens[:6]] == written


def test_answers_on_paper_are_imported_once(lead, tmp_path):
    create(lead)
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    tokens = [p.token for p in store.plan(1)[:2]]
    lines = [
        f"Ada,{token},{question},{answer}"
        for token in tokens
        for question, answer in (("appearance", 1), ("anatomy", 2), ("consistency", 3))
    ]
    (tmp_path / "paper.csv").write_text("\n".join(["reader,presentation,question,answer", *lines]))
    assert "2 presentations imported" in lead("import", "birds", "paper.csv")[2]
    assert (
        "0 presentations imported from paper.csv; 2 were there"
        in lead("import", "birds", "paper.csv")[2]
    )
    (tmp_path / "bad.csv").write_text("reader,question,answer\n")
    assert "bad.csv: it has no column presentation." in lead("import", "birds", "bad.csv")[2]


def test_a_planted_leak_fails_the_audit_command(lead, tmp_path):
    create(lead, "--cases", "8")  # of fewer, a perfect separation may be chance
    with (tmp_path / "studies/lead/birds/truth.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        if row["role"] == "synthetic":
            case = tmp_path / f"studies/app/cases/birds/{row['case']}.nii.gz"
            content = bytearray(gzip.decompress(case.read_bytes()))
            content[148:158] = b"generated!"
            case.write_bytes(gzip.compress(content, mtime=0))
    status, out, _ = lead("audit", "birds")
    assert status == 1
    assert "Leak" in out


def test_a_study_is_followed_in_mlflow(lead, client, runs):
    for volume in Path(lead.cohorts["synthetic"]).glob("*.nii.gz"):
        sidecar = volume.with_name(volume.name.replace(".nii.gz", ".json"))
        sidecar.write_text(json.dumps({"WeightsSHA256": "ab" * 32}))
    create(lead)
    read_everything()
    assert lead("log", "birds")[0] == 0
    running = runs("evalsuite-studies")["birds"]
    assert running.info.status == "RUNNING"
    assert "mlflow.note.content" not in running.data.tags
    assert lead("close", "birds", "--yes")[0] == 0
    found = runs("evalsuite-studies")
    assert set(found) == {"birds", "birds: Ada", "birds: Bob"}
    assert found["birds: Ada"].data.metrics["answered"] == 10
    assert found["birds"].data.metrics["appearance/real"] == 1.5
    assert found["birds"].info.status == "FINISHED"
    assert found["birds"].data.tags["mlflow.note.content"] == (
        f'Made from:\n- training of fake: `tags."evalsuite.weights_sha256" = "{"ab" * 32}"`'
    )


def test_a_closed_study_s_runs_hold_what_counts_alone(lead, client, runs):
    """Training, first answers that were corrected and hidden repeats change no mean."""
    create(lead, *("--set", "repeats=2", "--set", "training=1", "--set", "revisable=true"))
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    for reader in (1, 2):
        seen = set()
        while due := store.current(reader):
            again = due.cases in seen or due.phase == "training"
            seen.add(due.cases)
            given = {"appearance": 4 if again else 1, "anatomy": 2, "consistency": 3}
            store.submit(reader, due.token, "k", given, {})
            if not again:
                store.submit(reader, due.token, "k2", {**given, "appearance": 2}, {})
    assert lead("close", "birds", "--yes")[0] == 0
    values = runs("evalsuite-studies")["birds"].data.metrics
    assert (values["appearance/real"], values["appearance/fake"]) == (2, 2)


def test_a_forced_choice_is_logged_as_the_share_of_right_answers(lead, client, runs):
    create(lead, *("--set", "paired=true", "--template", "2afc"))
    truth = read_truth(Home.at(default_folder()).truth("birds"))
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    for reader in (1, 2):
        while due := store.current(reader):
            real = 1 if truth[due.cases[0]].role == "real" else 2
            # Ada is always right, Bob always says left.
            store.submit(reader, due.token, "k", {"real_side": real if reader == 1 else 1}, {})
    bob = [truth[shown.cases[0]].role == "real" for shown in store.plan(2)]
    assert lead("close", "birds", "--yes")[0] == 0
    values = runs("evalsuite-studies")["birds"].data.metrics
    assert values["real_side/fake/right"] == (5 + sum(bob)) / 10
    assert not [name for name in values if name.startswith("real_side/real")]
    status, _, err = lead("export", "birds", "--output", "x.imrmc")
    assert status == 1
    assert err.startswith("birds has no ratings of real or synthetic cases")
    assert not list(Path().glob("x.*"))


def test_the_name_of_a_study_is_not_what_readers_see(lead):
    create(lead, name="gan-vs-real")
    create(lead, "--title", "Knee MRI", name="gan-vs-real-2")
    store = StudyDatabase("sqlite:///studies/app/studies.db")
    assert store.study("gan-vs-real").design["title"] == "Reader study"
    assert store.study("gan-vs-real-2").design["title"] == "Knee MRI"


def test_a_title_of_the_file_stays_where_a_name_is_given(lead, tmp_path):
    design = {"title": "Knee MRI", "template": ["paper"], "margins": {"anatomy": 0.5}}
    (tmp_path / "design.yaml").write_text(yaml.safe_dump(design))
    create(lead, "design.yaml", "--set", "margins.appearance=0.25", name="gan-vs-real")
    about = yaml.safe_load((tmp_path / "studies/lead/gan-vs-real/design.yaml").read_text())
    assert about["title"] == "Knee MRI"
    assert about["margins"] == {"anatomy": 0.5, "appearance": 0.25}


def test_mlflow_that_fails_is_told_with_the_command_that_logs_later(lead, client, monkeypatch):
    good = client.tracking_uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@localhost/x")
    arguments = [*("--home", "elsewhere"), *("--name", "birds", "--cases", "5")]
    arguments += ["--real", lead.cohorts["real"], "--synthetic", lead.cohorts["synthetic"]]
    status, out, err = lead("create", *arguments, "--reader", "Ada")
    assert status == 1
    assert "/enter?token=" in out
    assert "secret" not in err
    command = err.strip().rpartition("log them later with: evalsuite ")[2]
    assert command == "study log birds --home elsewhere"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", good)
    assert lead(*command.split()[1:])[0] == 0


def test_templates_and_power_are_tables(lead):
    status, out, _ = lead("templates", "multiple")
    assert (status, "exclusive: Nothing" in out) == (0, True)
    _, out, _ = lead("templates", "--json")
    assert {"paper", "turing", "2afc"} <= {row["template"] for row in json.loads(out)}
    status, out, _ = lead(
        "power", "--readers", "3", "--cases", "20", "--replicates", "200", "--json"
    )
    assert status == 0
    (row,) = json.loads(out)
    assert (row["readers"], row["cases"], row["difference"]) == (3, 20, 0.5)
    assert isinstance(row["detected"], float)
    assert isinstance(row["warnings"], list)
    _, table, _ = lead("power", "--readers", "3", "--cases", "20", "--replicates", "200")
    assert "('" not in table
    assert lead("power", "--readers", "three")[0] == 2


@pytest.mark.parametrize("column", ["", ":path"])
def test_a_table_that_leaves_its_folder_is_refused(cli, make_cohort, tmp_path, column):
    make_cohort("secret", 6)
    inside = make_cohort("inside", 6)
    table = inside / "table.csv"
    table.write_text("path\nv00.nii.gz\n../secret/v01.nii.gz\n")
    status, _, err = cli(
        *("study", "create", "--name", "x", "--no-tracking", "--cases", "2", "--reader", "Ada"),
        *("--real", f"{table}{column}", "--synthetic", f"fake={tmp_path / 'secret'}"),
    )
    assert status == 1
    assert "lies outside the folder of the table" in err
