"""The page for those who see, hear or move differently, in each of its states."""

import itertools

import pytest
from conftest import KNOWN, MISSPELT, UNKNOWN, fragment, rows, type_song
from playwright.sync_api import Page, expect

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 320, "height": 640}


def empty(visitor, **settings) -> Page:
    page = visitor.open(**settings)
    expect(page.locator("#starters button")).to_have_count(8)
    expect(page.locator("#model")).to_be_visible()
    return page


def completing(visitor, **settings) -> Page:
    page = empty(visitor, **settings)
    type_song(page, "the")
    return page


def not_completing(visitor, **settings) -> Page:
    page = empty(visitor, **settings)
    type_song(page, "qwxyzq")
    return page


def playlist(visitor, **settings) -> Page:
    page = visitor.open(fragment(KNOWN, MISSPELT, UNKNOWN, "W" * 60), **settings)
    expect(rows(page)).to_have_count(10)
    expect(page.locator("#model")).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()
    page.locator("[data-kind=hide]").nth(2).click()
    expect(page.locator("#hidden-songs")).to_be_visible()
    return page


def failed(visitor, **settings) -> Page:
    page = playlist(visitor, **settings)
    page.context.set_offline(True)
    page.locator("#length").select_option("20")
    expect(page.locator("#notice.error")).to_be_visible()
    return page


def token_asked(visitor, **settings) -> Page:
    page = visitor.open(**settings)
    page.route("**/api/**", lambda route: route.fulfill(status=401, content_type="application/json", body='{"error": {"code": 401}}'))
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()
    return page


STATES = [empty, completing, not_completing, playlist, failed, token_asked]


@pytest.mark.parametrize(("state", "scheme", "viewport"), list(itertools.product(STATES, ["light", "dark"], [DESK, PHONE])))
def test_axe_finds_nothing(visitor, axe, state, scheme, viewport):
    page = state(visitor, color_scheme=scheme, viewport=viewport, reduced_motion="reduce")
    page.evaluate(axe)
    found = page.evaluate("(values) => axe.run(document, { runOnly: { type: 'tag', values } })", STANDARDS)
    assert [rule["id"] for rule in found["passes"] if rule["id"] == "color-contrast"], "contrast was not looked at"
    told = [f"{rule['id']}: {rule['help']}\n" + "\n".join(node["html"] for node in rule["nodes"]) for rule in found["violations"]]
    assert not told, "\n".join(told)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("locale", ["en-GB", "pt-BR"])
def test_nothing_is_wider_than_a_narrow_screen(visitor, state, locale):
    assert_fits(state(visitor, viewport=PHONE, locale=locale))


def assert_fits(page: Page) -> None:
    wide = page.evaluate(
        """() => [...document.querySelectorAll("body *")]
          .filter((it) => it.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
          .map((it) => it.outerHTML.slice(0, 120))"""
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("state", [completing, playlist])
def test_text_of_twice_the_size_fits(visitor, state):
    page = state(visitor, viewport={"width": 640, "height": 450}, device_scale_factor=2)
    assert_fits(page)
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    assert_fits(page)


def test_nothing_moves_for_those_who_do_not_want_it(visitor):
    page = visitor.open(reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.getElementById('recommendations')).transitionProperty") == "none"
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_chosen_song_shows_without_colours_of_ours(visitor):
    page = completing(visitor, forced_colors="active")
    outline = "(it) => getComputedStyle(it).outlineStyle"
    assert page.get_by_role("option", selected=True).evaluate(outline) == "solid"
    assert page.get_by_role("option", selected=False).first.evaluate(outline) == "none"


def test_the_field_tells_screen_readers_what_is_chosen(visitor):
    page = completing(visitor)
    field = page.get_by_role("combobox", name="Add a song", expanded=True)
    expect(field).to_have_accessible_description("A title, artist - title, or a link to a track. A list of songs can be pasted, one a line.")
    expect(page.get_by_role("listbox", name="Songs found")).to_be_visible()
    expect(page.locator("#announcement")).to_have_text("8 songs found")
    for _ in range(2):
        active = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
        expect(active).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_count(1)


def test_screen_readers_get_names_for_everything(visitor):
    page = visitor.open(fragment(KNOWN))
    expect(rows(page)).to_have_count(10)
    title, artist = (rows(page).first.locator(f".song > .{it}").text_content() for it in ("title", "artist"))
    expect(page.locator("#announcement")).to_have_text(f"The playlist has 10 songs. The first is {title} by {artist}.")
    expect(page.locator("main")).to_match_aria_snapshot(
        f"""
        - main:
          - region "Songs you like":
            - heading "Songs you like" [level=2]
            - combobox "Add a song"
            - list "Songs you like":
              - listitem:
                - button "Remove Unforgettable by French Montana"
          - region "Your playlist":
            - heading "Your playlist" [level=2]
            - combobox "Songs"
            - combobox "Per artist"
            - list:
              - listitem:
                - group:
                  - text: /Goes with Unforgettable.*why {title} by {artist}/
                - button "Add {title} by {artist} to your songs"
                - button "Do not recommend {title} by {artist}"
            - button "Save for a player (M3U8)"
            - button "Save as a table (CSV)"
            - button "Copy link"
        """
    )
