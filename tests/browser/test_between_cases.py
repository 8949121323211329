"""What happens to the reading page while a case goes and the next one comes."""

import json

import pytest

from tests.browser.mounted import drawn, grey, mounted, nifti, pixels, press_tool, problems_of, tile

LOSE = "c => c.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"


@pytest.fixture
def reading(opened):
    """Show case t, and serve case u as the one that its answer or the way back leads to."""

    def show(feedback=None, **state):
        page = opened()
        told = mounted(page, [grey((20, 20, 20))], **state)
        other = told | {"presentation": "u", "position": 2, "back": None}
        page.sent = []

        def answer(route):
            page.sent.append(json.loads(route.request.post_data))
            route.fulfill(json={"stored": True, "feedback": feedback, "state": other})

        page.route("**/reader/answer", answer)
        page.route("**/reader/state?*", lambda route: route.fulfill(json=other))
        case = nifti(grey((20, 20, 20)), (1, 1, 1))
        page.route("**/reader/voxels/u/0", lambda route: route.fulfill(body=case))
        return page

    return show


def shows_image(page):
    picture = pixels(page, tile(page, "axial"))
    return (picture[picture.shape[0] // 3, picture.shape[1] // 3] > 50).all()


def test_graphics_lost_while_feedback_is_told_are_not_used_for_the_next_case(reading):
    page = reading("This volume is real.")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.get_by_text("This volume is real.").wait_for()
    page.locator(".viewer > canvas").evaluate(LOSE)
    drawn(page)
    page.keyboard.press("Enter")
    page.locator("[data-ready=u]").wait_for()
    assert page.locator("[data-viewer=canvas]").count() == 1
    assert shows_image(page)


def test_another_size_while_feedback_is_told_draws_the_case_anew(reading):
    page = reading("This volume is real.")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.get_by_text("This volume is real.").wait_for()
    page.set_viewport_size({"width": 1000, "height": 700})
    drawn(page)
    canvas, host = (
        page.locator(f".{name}").bounding_box() for name in ("viewer > canvas", "viewer")
    )
    assert (canvas["width"], canvas["height"]) == (host["width"], host["height"])
    assert shows_image(page)


def test_a_drag_goes_no_further_than_its_case(reading):
    page = reading()
    problems = problems_of(page)
    press_tool(page, "measure")
    page.keyboard.press("1")
    page.mouse.move(200, 300)
    page.mouse.down()
    page.mouse.move(260, 300, steps=3)
    page.keyboard.press("Enter")
    page.locator("[data-ready=u]").wait_for()
    page.mouse.move(320, 300, steps=3)
    page.mouse.up()
    drawn(page)
    assert problems == []
    assert page.locator("[data-tool=clear]").is_hidden()
    [sent] = page.sent
    assert sent["behaviour"]["tools"] == {"distances": 1}


def test_what_was_seen_of_a_case_is_kept_on_the_way_back(reading):
    page = reading(back="u")
    page.keyboard.press("PageUp")
    drawn(page)
    page.keyboard.press("b")
    page.locator("[data-ready=u]").wait_for()
    kept = json.loads(page.evaluate("() => sessionStorage.getItem('evalsuite-behaviour-t')"))
    assert kept["seconds"] > 0
    assert [len(slices) for slices in kept["slices"]] == [2, 1, 1]
