"""The questions beside the volumes: what fits, what keys and fingers do, what axe finds."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from evalsuite.study.protocol.questions import TEMPLATES, parse_questions
from reader_app.routes import form_of
from tests.browser.mounted import drawn, mounted, text

CASE = np.full((12, 14, 10), 90, np.uint8)
SHARE = """
() => [...document.querySelectorAll(".tile")].filter((tile) => !tile.hidden)
  .reduce((sum, { offsetWidth, offsetHeight }) => sum + offsetWidth * offsetHeight, 0)
  / innerWidth / innerHeight
"""
CUT = """
() => [...document.querySelectorAll("aside :is(legend, span, button, strong, output)")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && getComputedStyle(e).clipPath === "none")
  .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline")
  .map((e) => e.textContent)
"""
REGIONS = [f"Region {number}" for number in range(1, 15)]


@pytest.fixture
def asked(opened):
    """Show questions beside one case."""

    def ask(*questions, **size):
        page = opened(**size)
        shown = [{**q.shown(), "form": form_of(q)} for q in parse_questions(questions)]
        mounted(page, [CASE], questions=shown)
        return page

    return ask


def template(*names):
    return [question.model_dump(mode="json") for name in names for question in TEMPLATES[name]]


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def chosen(page, name):
    """Return the numbers of the options that are chosen, by their place."""
    options = page.locator(f"[data-question={name}] .option").all()
    return [i for i, o in enumerate(options, 1) if o.get_attribute("aria-checked") == "true"]


def focused(page):
    return page.evaluate(
        "() => [document.activeElement.closest('fieldset')?.dataset.question ?? null,"
        " document.activeElement.className]"
    )


def faults(page):
    """Return what axe calls serious or critical."""
    found = Axe().run(page, context=".reading-root").response["violations"]
    return [
        (fault["id"], [node["html"][:120] for node in fault["nodes"]])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(
    ("names", "width", "height"),
    [
        (("paper", "turing"), 1366, 768),
        (("paper", "turing"), 1280, 720),
        (("paper", "turing", "likert"), 1366, 768),
    ],
)
def test_questions_fit_on_a_laptop_and_leave_the_screen_to_the_image(asked, names, width, height):
    page = asked(*template(*names), width=width, height=height)
    questions = page.locator(".questions")
    assert questions.evaluate("e => e.scrollHeight <= e.clientHeight")
    assert page.evaluate(SHARE) > 0.55
    assert page.evaluate(CUT) == []
    # The ends are told before there is an answer, and then the label of the answer.
    caption = page.locator("[data-question=anatomy] .caption .shown")
    if len(names) == 3:
        assert caption.inner_text().split("\n") == [
            "Region not recognisable",
            "Anatomic features correct",
        ]
    press(page, "1", "3")
    assert caption.inner_text() == "Only minor anatomic incorrectness"
    page.get_by_role("radio", name="Region recognisable but major parts").hover()
    assert caption.inner_text().startswith("Region recognisable but major parts")
    # Marking another question moves none of the buttons.
    before = page.locator(".option").last.bounding_box()
    press(page, "Shift+Tab", "Shift+Tab")
    assert page.locator(".option").last.bounding_box() == before


def test_labels_are_shown_where_they_fit_and_else_those_of_the_marked_question(asked):
    page = asked(*template("paper", "turing"), width=1920, height=1080)
    assert page.locator("[data-density=labels]").count() == 1
    assert page.get_by_text("Majority (more than 10) consistent").first.is_visible()
    page.set_viewport_size({"width": 1366, "height": 768})
    drawn(page)
    assert page.locator("[data-density=key]").count() == 1
    key = page.locator(".key ul.active")
    assert "Overall realistic with only minor unrealistic areas" in key.inner_text()
    key.get_by_text("Overall realistic with only").click()
    assert chosen(page, "appearance") == [3]
    assert key.inner_text().split("\n")[1] == "Region not recognisable"
    assert chosen(page, "anatomy") == []


def test_the_panel_is_as_wide_as_a_reader_left_it(asked):
    page = asked(*template("paper"))
    width = page.locator("aside").bounding_box()["width"]
    assert width == 328
    edge = page.locator("aside").bounding_box()["x"]
    page.mouse.move(edge + 4, 300)
    page.mouse.down()
    page.mouse.move(edge + 4 - 101, 300, steps=3)
    page.mouse.up()
    press(page, ".", ",", ",")
    drawn(page)
    wide = page.locator("aside").bounding_box()["width"]
    assert wide == 328 + 102 - 16  # even pixels
    stage = page.locator(".stage").bounding_box()
    assert stage["width"] == 1366 - wide
    kept = page.evaluate("() => JSON.parse(localStorage['evalsuite-preferences-Birds']).panel")
    assert kept == wide
    page.evaluate("""async () => {
      const { load, save } = await import("/reader/assets/preferences.js");
      save({ title: "Birds" }, { cine: 3 });
      if (load({ title: "Birds" }).cine !== 3 || load({ title: "Bees" }).cine) throw Error("lost");
    }""")
    page.evaluate(
        "async () => (await import('/reader/assets/reading.js'))"
        ".mount(document.querySelector('.reading-root'), () => {})"
    )
    page.locator("aside fieldset").first.wait_for()
    assert page.locator("aside").bounding_box()["width"] == wide
    press(page, *[","] * 20)
    drawn(page)
    assert page.locator("aside").bounding_box()["width"] == 240
    assert page.evaluate(CUT) == []
    page.locator(".divider").dblclick()
    assert page.locator("aside").bounding_box()["width"] == 328


def test_tab_leads_through_everything_and_never_stays(asked):
    page = asked(*template("paper", "analogue", "text"))
    assert focused(page)[0] == "appearance"
    press(page, "4", "4", "4", "5")
    page.locator("fieldset").first.focus()
    seen = []
    for _ in range(60):
        press(page, "Tab")
        name, kind = focused(page)
        seen.append(name or kind or "page")
        if name:
            assert (
                page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
                == "solid"
            )
        if kind and "submit" in kind:
            break
    order = ["anatomy", "consistency", "realism", "remarks"]
    assert [one for one in dict.fromkeys(seen) if one in order] == order
    # And on from the form to the tools, round to the form, and back.
    seen = set()
    for _ in range(60):
        press(page, "Tab")
        seen.add(page.evaluate("() => document.activeElement.dataset?.tool ?? ''"))
        if focused(page)[0]:
            break
    assert {"measure", "reset", "keys", "fold"} <= seen
    press(page, "Shift+Tab")
    assert focused(page)[0] is None


def test_more_than_ten_options_take_two_digits(asked):
    page = asked(
        {"kind": "choice", "name": "worst", "text": "Worst?", "options": REGIONS},
        {"kind": "multiple", "name": "wrong", "text": "Wrong?", "options": REGIONS},
        {"kind": "likert", "name": "ten", "text": "Ten?", "points": 10},
    )
    assert page.locator("[data-question=worst] kbd").nth(4).inner_text() == "05"
    press(page, "1")
    assert page.locator("legend").first.get_attribute("data-typed") == "1"
    assert chosen(page, "worst") == []
    press(page, "Backspace", "7", "0", "0", "1", "2")  # no 7x, no 00
    assert chosen(page, "worst") == [12]
    press(page, "0", "3", "1", "4", "0", "3", "1", "1", "1", "9")
    assert chosen(page, "wrong") == [11, 14]
    press(page, "Tab", "0")
    assert chosen(page, "ten") == [10]


def test_an_exclusive_option_stands_alone(asked):
    page = asked(*template("multiple"))
    press(page, "3", "5")
    assert chosen(page, "faults") == [3, 5]
    press(page, "1")
    assert chosen(page, "faults") == [1]
    page.get_by_role("checkbox", name="Blurring").click()
    assert chosen(page, "faults") == [2]
    press(page, "1", "1")
    assert chosen(page, "faults") == []


def test_arrows_move_a_line_and_focused_options_and_else_mark_a_plane(asked):
    page = asked(*template("paper", "analogue"))
    place = text(page, "axial", "name")
    press(page, "ArrowRight")
    drawn(page)
    assert page.locator(".tile.marked").get_attribute("data-plane") == "coronal"
    assert chosen(page, "appearance") == []
    press(page, "ArrowLeft", "Tab", "ArrowRight", "ArrowRight", "ArrowLeft")
    drawn(page)
    assert chosen(page, "anatomy") == [2]
    assert page.locator(".tile.marked").get_attribute("data-plane") == "axial"
    line = page.get_by_role("slider", name="How realistic is this volume?")
    press(page, "4", "Tab", "Tab")
    for keys, value in (
        (["ArrowRight"], "51"),
        (["Shift+ArrowRight"], "61"),
        (["7", "ArrowLeft"], "69"),
        (["0"], "100"),
        (["Shift+ArrowRight"], "100"),
    ):
        press(page, *keys)
        assert line.input_value() == value
    assert text(page, "axial", "name") == place
    press(page, "ArrowUp")  # also there it scrolls
    assert text(page, "axial", "name") != place
    assert line.input_value() == "100"


def test_digits_and_letters_count_on_other_keyboards(asked):
    page = asked(*template("turing"))
    marked = page.locator(".tile.marked")
    page.evaluate("""() => {
      const press = (key, code) =>
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, code, bubbles: true }));
      press("-", "Digit6");  // AZERTY
      press("\\u0441", "KeyC");  // Cyrillic
    }""")
    drawn(page)
    assert chosen(page, "real_or_synthetic") == [6]
    assert marked.get_attribute("data-plane") == "coronal"


def test_the_list_of_keys_has_every_key_once_and_all_act(asked):
    page = asked(*template("turing"))
    press(page, "?")
    dialog = page.locator("dialog")
    shown = " ".join(dialog.locator("kbd").all_inner_texts())
    for key in "acsfvwldmnhpjkexzortbgyuq,.?":
        assert key.upper() in shown, key
    assert dialog.evaluate("e => e.scrollHeight <= e.clientHeight"), "all of it is seen at once"
    assert faults(page) == []
    press(page, "1", "Escape")
    assert dialog.is_hidden()
    assert chosen(page, "real_or_synthetic") == []
    twice = page.evaluate("""async () => {
      const source = await (await fetch("/reader/assets/keys.js")).text();
      const names = [...source.matchAll(/[{,] (?:"([^" ]+)"|(\\w+)): (?:\\(|look|tool|scroll|enlarge|adjust|magnify|aside)/g)]
        .map(([, quoted, plain]) => quoted ?? plain);
      return [names.length, names.filter((name, place) => names.indexOf(name) < place)];
    }""")
    assert twice[0] > 30
    assert twice[1] == []


def test_what_is_told_after_an_answer_has_the_focus_and_waits_for_a_fresh_enter(asked):
    page = asked(*template("turing"))
    told = {"feedback": "This volume is real.", "state": {"finished": True, "study": {}}}
    page.route("**/reader/answer", lambda route: route.fulfill(json=told))
    press(page, "6")
    page.keyboard.down("Enter")
    page.get_by_text("This volume is real.").wait_for()
    assert faults(page) == []
    page.keyboard.down("Enter")  # still held: repeated
    page.wait_for_timeout(200)
    button = page.get_by_role("button", name="Next case (Enter)")
    assert button.evaluate("e => e === document.activeElement")
    page.keyboard.up("Enter")
    press(page, "Enter")
    button.wait_for(state="hidden")


KINDS = {
    "paper": template("paper", "turing"),
    "scales": template("likert", "analogue", "turing"),
    "lists": template("multiple", "text", "likert"),
    "many": [{"kind": "choice", "name": "worst", "text": "Worst?", "options": REGIONS}],
}


@pytest.mark.parametrize("kinds", KINDS)
def test_axe_finds_nothing_serious_in_any_question(asked, kinds):
    page = asked(*KINDS[kinds])
    assert faults(page) == []
    press(page, "1", "2")
    assert faults(page) == []
    for question in KINDS[kinds]:
        box = page.locator(f"[data-question={question['name']}]")
        assert box.get_by_label(question["text"]).count() >= 1, question["name"]


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (768, 1024), (820, 1180)])
def test_fingers_find_large_buttons_and_the_image_keeps_its_room(asked, width, height):
    page = asked(
        *template("paper", "turing", "text"),
        width=width,
        height=height,
        has_touch=True,
        is_mobile=True,
    )
    small = page.evaluate("""() => [...document.querySelectorAll("aside button, .tools button")]
      .filter((e) => e.checkVisibility())
      .filter((e) => { const box = e.getBoundingClientRect(); return Math.min(box.width, box.height) < 43.5; })
      .map((e) => e.outerHTML.slice(0, 80))""")
    assert small == []
    assert page.evaluate(CUT) == []
    assert page.locator(".questions").evaluate("e => e.scrollHeight <= e.clientHeight")
    stage, panel = (page.locator(s).bounding_box() for s in (".stage", "aside"))
    assert stage["width"] * stage["height"] > 0.5 * width * height
    below = panel["y"] >= stage["y"] + stage["height"]
    assert below == (height > width)
    page.locator("[data-question=appearance] .option").nth(1).tap()
    assert chosen(page, "appearance") == [2]
