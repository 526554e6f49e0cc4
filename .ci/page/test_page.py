"""What a person does with the page."""

import csv
import io
import json
import re
import urllib.request

import pytest
from conftest import KNOWN, MISSPELT, UNKNOWN, fragment, processes, rows, type_song
from playwright.sync_api import Page, expect
from waiting import eventually


def ask(origin: str, path: str, body: dict | None = None) -> dict:
    """What the service answers to others."""
    request = urllib.request.Request(f"{origin}/{path}", json.dumps(body).encode() if body else None)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def titles(page: Page) -> list[str]:
    return rows(page).locator(".song > .title").all_text_contents()


def test_a_song_is_typed_completed_and_answered(visitor):
    page = visitor.open()
    type_song(page, "unforg")
    option = page.get_by_role("option", name="Unforgettable French Montana")
    expect(option).to_have_attribute("aria-selected", "true")
    option.click()
    expect(page.locator("#chips .chip")).to_have_text("Unforgettable French Montana")
    expect(rows(page)).to_have_count(10)
    answer = ask(visitor.origin, "api/recommend", {"songs": [KNOWN]})
    assert titles(page) == answer["songs"]
    expect(page.locator("#song")).to_be_focused()
    expect(page).to_have_title("Playlist with French Montana - Unforgettable · Playlist recommender")


def test_the_first_answer_is_there_at_once(visitor, record_property):
    measure = """() => new Promise((resolve) => {
      const list = document.getElementById("recommendations");
      let clicked;
      new MutationObserver(() => requestAnimationFrame(() => resolve(performance.now() - clicked))).observe(list, { childList: true });
      const option = document.querySelector("[role=option]");
      clicked = performance.now();
      option.click();
    })"""
    times = []
    for _ in range(5):
        page = visitor.open()
        expect(page.locator("#starters button")).to_have_count(8)
        type_song(page, "unforg")
        times.append(page.evaluate(measure))
    record_property("milliseconds_to_first_answer", times)
    print("milliseconds from the click to the list:", *(f"{time:.0f}" for time in times))
    # A machine that does much else at the time is granted ten times what is promised.
    assert min(times) < 1000


def test_who_types_faster_than_the_list_gets_the_song_all_the_same(visitor):
    page = visitor.open()
    # The keys come at once: the list has no time to open.
    page.locator("#song").fill("unforg")
    page.keyboard.press("Enter")
    expect(page.locator("#chips .title")).to_have_text("Unforgettable")
    expect(rows(page)).to_have_count(10)


def test_the_keyboard_alone_is_enough(visitor):
    page = visitor.open()
    keys = page.keyboard
    expect(page.locator("#song")).to_be_focused()
    page.keyboard.type("the")
    expect(page.get_by_role("option")).to_have_count(8)
    second = page.get_by_role("option").nth(1).locator(".title").text_content()
    keys.press("ArrowDown")
    expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    keys.press("ArrowUp")
    keys.press("ArrowUp")
    expect(page.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.locator("#chips .title")).to_have_text(second)
    expect(rows(page)).to_have_count(10)
    # From the field on everything comes in the order in which it is read.
    keys.press("Tab")
    expect(page.get_by_role("button", name=re.compile("^Remove "))).to_be_focused()
    for name in ("Songs", "Per artist"):
        keys.press("Tab")
        expect(page.get_by_role("combobox", name=name, exact=True)).to_be_focused()
    keys.press("Tab")
    expect(page.locator("#recommendations summary").first).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#recommendations details").first).to_have_attribute("open", "")
    keys.press("Tab")
    first = titles(page)[0]
    keys.press("Enter")
    expect(page.locator("#chips .title").nth(1)).to_have_text(first)
    expect(rows(page).first.locator(".song > .title")).not_to_have_text(first)
    # The focus stays where it was in the list.
    expect(page.locator("#recommendations [data-kind=add]").first).to_be_focused()
    keys.press("Tab")
    first = titles(page)[0]
    keys.press("Enter")
    expect(rows(page).first.locator(".song > .title")).not_to_have_text(first)
    expect(page.locator("#recommendations [data-kind=hide]").first).to_be_focused()
    page.locator("#chips button").first.focus()
    keys.press("Enter")
    expect(page.locator("#chips button")).to_have_count(1)
    expect(page.locator("#chips button")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#song")).to_be_focused()
    expect(page.locator("#playlist")).to_be_hidden()


def test_escape_closes_the_list_and_then_empties_the_field(visitor):
    page = visitor.open()
    type_song(page, "unforg")
    page.keyboard.press("Escape")
    expect(page.locator("#options")).to_be_hidden()
    expect(page.locator("#song")).to_have_value("unforg")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#options")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#song")).to_have_value("")


def test_the_address_has_the_playlist_and_back_undoes(visitor):
    page = visitor.open(fragment(KNOWN, length=20))
    expect(rows(page)).to_have_count(20)
    page.locator("#per-artist").select_option("at most 1")
    expect(page).to_have_url(re.compile("per-artist=1"))
    page.get_by_role("button", name="Remove Unforgettable by French Montana").click()
    expect(page.locator("#playlist")).to_be_hidden()
    expect(page.locator("#starters button")).to_have_count(8)
    page.go_back()
    expect(rows(page)).to_have_count(20)
    expect(page.locator("#per-artist")).to_have_value("1")
    before = titles(page)
    page.reload()
    expect(rows(page)).to_have_count(20)
    assert titles(page) == before


def test_a_pasted_list_is_taken_line_by_line(visitor):
    page = visitor.open()
    page.locator("#song").focus()
    page.evaluate(
        """(text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          document.getElementById("song").dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
        }""",
        f"{KNOWN}\r\n\r\n  HUMBLE.\n{KNOWN}\n",
    )
    expect(page.locator("#chips .title")).to_have_text(["Unforgettable", "HUMBLE."])


def test_a_song_that_is_not_known_for_sure_can_be_put_right(visitor):
    page = visitor.open(fragment(MISSPELT, UNKNOWN))
    doubts = page.locator("#doubts li")
    expect(doubts).to_have_count(2)
    expect(doubts.first).to_contain_text(f"“{MISSPELT}” was taken for HUMBLE. by Kendrick Lamar.")
    expect(doubts.last).to_contain_text(f"The model does not know “{UNKNOWN}”.")
    expect(page.locator("#chips .unknown")).to_have_count(1)
    other = doubts.first.get_by_role("button").first
    name = other.text_content()
    other.click()
    expect(doubts).to_have_count(1)
    assert page.locator("#chips .title").first.text_content() == name.split(" by ")[0]
    expect(page.locator("#song")).to_be_focused()


def test_without_a_song_that_is_known_the_page_says_that_it_shows_what_is_popular(visitor):
    page = visitor.open(fragment(UNKNOWN))
    expect(rows(page)).to_have_count(10)
    expect(page.locator("#remark")).to_have_text("The model knows none of your songs, so these are simply the most popular ones.")
    expect(rows(page).first.locator(".why")).to_have_text(re.compile(r"^Popular: in [\d.]+% of all playlists$"))


def test_a_song_tells_the_rules_that_spoke_for_it(visitor):
    page = visitor.open(fragment(KNOWN, "HUMBLE."))
    expect(rows(page)).to_have_count(10)
    answer = ask(visitor.origin, "api/recommend", {"songs": [KNOWN, "HUMBLE."]})
    for index, recommendation in enumerate(answer["recommendations"]):
        row = rows(page).nth(index)
        row.locator("summary").click()
        reasons = row.locator(".why li")
        expect(reasons).to_have_count(len(recommendation["rules"]))
        for at, rule in enumerate(recommendation["rules"]):
            named = [song["title"] for song in rule["antecedent"]] or [rule["antecedent_artist"]]
            told = reasons.nth(at).text_content()
            assert all(name in told for name in named), told
            assert f": {rule['support_count']} of {rule['antecedent_count']}, " in told
            percent = float(format(rule["confidence"] * 100, ".2g"))
            assert told.startswith(f"{percent:g}% of the playlists with "), told
    assert any(not rule["antecedent"] for it in answer["recommendations"] for rule in it["rules"]), "no rule of an artist was looked at"


def test_a_song_can_be_left_out_and_allowed_again(visitor):
    page = visitor.open(fragment(KNOWN))
    expect(rows(page)).to_have_count(10)
    first = titles(page)[0]
    rows(page).first.get_by_role("button", name=f"Do not recommend {first}").click()
    expect(page.locator("#hidden-songs")).to_contain_text("1 song is left out.")
    expect(page.locator("#recommendations")).not_to_contain_text(first)
    page.get_by_role("button", name="Allow again").click()
    expect(rows(page).first.locator(".title").first).to_have_text(first)
    expect(page.locator("#hidden-songs")).to_be_hidden()


def test_songs_of_one_artist_can_be_limited(visitor):
    page = visitor.open(fragment("HUMBLE.", length=30))
    expect(rows(page)).to_have_count(30)
    page.locator("#per-artist").select_option("at most 1")
    artists = rows(page).locator(".song > .artist")

    def is_capped() -> bool:
        names = artists.all_text_contents()
        return len(set(names)) == len(names) == 30

    eventually(is_capped, what="a playlist with one song of each artist")


def test_the_playlist_is_saved_for_players_and_as_a_table(visitor):
    page = visitor.open(fragment(KNOWN))
    expect(rows(page)).to_have_count(10)
    songs = [it["song"] for it in ask(visitor.origin, "api/recommend", {"songs": [KNOWN]})["recommendations"]]

    def saved(name: str) -> tuple[str, str]:
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        with open(download.value.path(), encoding="utf-8", newline="") as file:
            return download.value.suggested_filename, file.read()

    name, content = saved("M3U8")
    assert name == "playlist.m3u8"
    lines = [f"#EXTINF:-1,{song['artist']} - {song['title']}\n{song['uri']}" for song in songs]
    assert content == "\n".join(["#EXTM3U", f"#PLAYLIST:{KNOWN}", *lines, ""])
    name, content = saved("CSV")
    assert name == "playlist.csv"
    table = list(csv.DictReader(io.StringIO(content)))
    assert [(row["position"], row["title"], row["artist"], row["uri"]) for row in table] == [
        (str(at), song["title"], song["artist"], song["uri"]) for at, song in enumerate(songs, 1)
    ]
    assert {row["source"] for row in table} <= {"SOURCE_RULES", "SOURCE_ARTIST", "SOURCE_POPULARITY"}


def test_the_model_tells_its_version_its_date_and_how_good_it_is(visitor):
    page = visitor.open(timezone_id="America/Sao_Paulo")
    info = ask(visitor.origin, "api/model")
    model = page.locator("#model")
    expect(model.locator(".summary")).to_contain_text(f"from {info['dataset']['playlists']} playlists with {info['dataset']['songs']} different songs")
    model.get_by_text("Details").click()
    expect(model.locator("dd").first).to_have_text(info["model_version"])
    model.get_by_text("How good is it?").click()
    figures = {(it["seeds"], it["recommender"]): it for it in info["evaluation"]["figures"]}
    seeds = sorted({seeds for seeds, _ in figures})
    lines = model.locator("tbody tr")
    expect(lines).to_have_count(len(seeds))
    for line, given in zip(lines.all(), seeds, strict=True):
        cells = line.locator("th, td").all_text_contents()
        ours, theirs = figures[given, "model"], figures[given, "popularity"]
        assert cells[0] == str(given)
        assert [cells[3], cells[4]] == [f"{ours['r_precision']:.2f}", f"{theirs['r_precision']:.2f}"]
    assert info["evaluation"]["held_out_playlists"] > 0
    expect(model).to_contain_text(f"Measured on {info['evaluation']['held_out_playlists']} playlists that it had not seen")


def test_the_page_speaks_portuguese_with_those_who_do(visitor):
    page = visitor.open(fragment(KNOWN), locale="pt-BR")
    expect(rows(page)).to_have_count(10)
    assert page.locator("html").get_attribute("lang") == "pt-BR"
    expect(page.get_by_role("combobox", name="Adicionar uma música")).to_be_visible()
    expect(page.locator("#recommendations summary").first).to_contain_text("Combina com Unforgettable")
    expect(page.locator("body")).not_to_contain_text("undefined")


@pytest.mark.parametrize("locale", ["en-US", "pt-PT", "de-DE"])
def test_no_text_is_missing_in_any_language(visitor, locale):
    page = visitor.open(fragment(KNOWN, MISSPELT, UNKNOWN), locale=locale)
    expect(rows(page)).to_have_count(10)
    assert page.locator("html").get_attribute("lang") == ("pt-BR" if locale == "pt-PT" else "en")
    assert page.locator("[data-text]:empty").count() == 0
    expect(page.locator("body")).not_to_contain_text("undefined")
    module = "import('/texts.js').then(({ text }) => Object.keys(text).sort())"
    english = visitor.open(locale="en-US").evaluate(module)
    assert page.evaluate(module) == english
