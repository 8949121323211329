"""The box on the quality of the data: counted from the table alone, by hand here."""

from dataclasses import replace

from reports.readers.overview import cautions
from reports.readers.quality import quality
from reports.readers.results import StudyResults


def box(study):
    frame = quality(StudyResults(study, 50)).frame
    return dict(zip(frame["quality of the data"], frame["found"], strict=True))


def test_each_fault_of_the_data_is_counted(make_study):
    """Three readers, 12 cases and one repeat each: 39 readings, of which B lacks three answers."""
    study = make_study(
        cases=4, repeats=1, readers=("A", "B", "C"),
        answer=lambda row: None if row["reader"] == "B" and row["position"] < 3 else row["answer"],
        keep=lambda row: not (row["reader"] == "C" and row["position"] == 12),
    )  # fmt: skip
    small = study.table["reader"].eq("A") & (study.table["position"] < 5)
    seconds = study.table["position"] + 1.0
    viewers = study.table["reader"].map({"A": "canvas"}).fillna("webgl2")
    table = study.table.assign(
        small_screen=small.map({True: "True", False: "False"}), viewer=viewers,
        screen="1440x900@2", active_seconds=seconds,
    )  # fmt: skip
    table.loc[(table["reader"] == "B") & (table["position"] == 5), "small_screen"] = None
    study = replace(study, table=table)
    assert box(study) == {
        "missing answers": "3 of 38 (7.9%): 3 to “Is this volume real or synthetic?”; 3 of B",
        "readings that did not take place": "0",
        "changed answers": "in 0 of 38 readings",
        "hidden repeats": "2: 1 of A and 1 of B",
        "careless reading": box(study)["careless reading"],
        # 1 to 13 of A and B and 1 to 12 of C: the 20th of 38 is 7.
        "active time on a case": "median 7 s, tenth to ninetieth percentile 2 to 12 s, shortest 1 s",
        "viewer": "webgl2 in 25 readings and canvas in 13 readings",
        "browser window": "1440x900@2 in 38 readings",
        "screens too small": "5 of 37 readings: 5 of A (recorded of 37 of 38 readings)",
    }
    assert box(study)["careless reading"].startswith("no sign of")
    (told,) = [s for s in cautions(StudyResults(study, 50)) if "screen" in s]
    assert told.startswith("5 of 37 readings took place on a screen too small for the images (A)")


def test_what_older_studies_did_not_record_is_said(make_study):
    study = make_study(cases=2, keep=lambda row: row.update(active_seconds=None) or True)
    found = box(study)
    assert {found[k] for k in ("viewer", "browser window", "screens too small")} == {"not recorded"}
    assert found["active time on a case"] == "not recorded"
    assert found["hidden repeats"] == "none"
    assert found["missing answers"] == "none of 18"
    assert not [s for s in cautions(StudyResults(study, 50)) if "screen" in s]
