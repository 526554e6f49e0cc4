"""What the page does when the service cannot answer, or answers differently from now on."""

import urllib.error
import urllib.request

import pytest
from conftest import KNOWN, Visitor, fragment, processes, rows
from playwright.sync_api import Page, expect
from waiting import eventually

TOKEN = "a-token-of-the-test-of-the-page"


@pytest.fixture
def visits(browser):
    """Makes visitors of services."""
    visitors = []

    def visit(address: str) -> Visitor:
        visitors.append(Visitor(browser, f"http://{address}"))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.leave()


def message(page: Page):
    return page.locator("#notice .message")


def test_a_page_without_a_model_goes_on_by_itself_when_there_is_one(visits, recommenders, tmp_path):
    volume = tmp_path / "volume"
    service = recommenders.start(volume)
    page = visits(service.address).open(fragment(KNOWN))
    expect(message(page)).to_have_text("No model has been published yet. The page goes on by itself as soon as there is one.")
    expect(page.locator("#notice .countdown")).to_contain_text("Next try in")
    expect(page.locator("#model")).to_be_hidden()
    assert processes.train(volume, processes.SAMPLE)["outcome"] == "published"
    expect(rows(page)).to_have_count(10, timeout=30_000)
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#model")).to_be_visible()


def test_a_service_that_is_away_is_waited_for_and_what_is_shown_stays(visits, recommenders, sample_volume):
    service = recommenders.start_with_model(sample_volume)
    page = visits(service.address).open(fragment(KNOWN))
    expect(rows(page)).to_have_count(10)
    service.process.terminate()
    assert service.process.wait(timeout=30) == 0
    page.locator("#length").select_option("20")
    expect(message(page)).to_have_text("The service is out of reach. What is shown stays until it is back.")
    expect(rows(page)).to_have_count(10)
    recommenders.start(sample_volume, listen=service.address)
    expect(rows(page)).to_have_count(20, timeout=30_000)
    expect(page.locator("#notice")).to_be_hidden()


def test_an_overloaded_service_is_asked_again_when_it_wants_to_be(visits, sample_service):
    # An answer of the service under load, which cannot be had at will.
    body = """{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "too many calls", "details": [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "2.500s"}]}}"""
    page = visits(sample_service.address).open()
    expect(page.locator("#starters button")).to_have_count(8)
    times = []

    def refuse(route):
        times.append(page.evaluate("performance.now()"))
        if len(times) == 1:
            route.fulfill(status=429, content_type="application/json", body=body)
        else:
            route.continue_()

    page.route("**/api/recommend", refuse)
    page.locator("#starters button").first.click()
    expect(message(page)).to_have_text("The service has more to do than it can answer soon.")
    expect(rows(page)).to_have_count(10)
    expect(page.locator("#notice")).to_be_hidden()
    assert len(times) == 2
    assert times[1] - times[0] >= 2400


def test_a_request_that_is_refused_is_told_and_not_repeated(visits, sample_service):
    asked = []
    page = visits(sample_service.address).open()
    page.on("request", lambda request: asked.append(request.url) if "recommend" in request.url else None)
    page.evaluate("(fragment) => { location.hash = fragment; }", fragment("x" * 2000))
    expect(message(page)).to_contain_text("The service cannot answer this: ")
    expect(page.get_by_role("button", name="Try now")).to_be_hidden()
    page.locator("#chips button").click()
    expect(page.locator("#notice")).to_be_hidden()
    assert len(asked) == 1


def test_another_model_is_noticed_and_taken_when_the_person_wants_it(visits, recommenders, tmp_path):
    volume = tmp_path / "volume"
    processes.train(volume, processes.SAMPLE)
    service = recommenders.start_with_model(volume)
    before = processes.current(volume)
    visitor = visits(service.address)
    page = visitor.open()
    page.clock.install()
    page.goto("about:blank")
    page.goto(f"{visitor.origin}/{fragment(KNOWN)}")
    expect(rows(page)).to_have_count(10)
    page.get_by_text("Details").click()
    expect(page.locator("#model dd").first).to_have_text(before)
    processes.train(volume, processes.SAMPLE_UPDATE)
    eventually(lambda: service.info()["model_version"] != before, what="the new model in service")
    page.clock.fast_forward("31")
    expect(message(page)).to_contain_text("A newly trained model is in service.")
    expect(page.locator("#model dd").first).to_have_text(processes.current(volume))
    with page.expect_request("**/api/recommend"):
        page.get_by_role("button", name="Update the playlist").click()
    expect(page.locator("#notice")).to_be_hidden()


def test_a_page_that_nobody_sees_asks_nothing(visits, sample_service):
    visitor = visits(sample_service.address)
    page = visitor.open()
    page.clock.install()
    page.goto("about:blank")
    page.goto(visitor.origin)
    expect(page.locator("#starters button")).to_have_count(8)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    turn = "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });" \
        " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(turn, True)
    for _ in range(3):
        page.clock.fast_forward("31")
    assert page.evaluate("fetch('healthz').then((it) => it.status)") == 200
    assert [url for url in asked if "healthz" not in url] == []
    with page.expect_response("**/api/model"):
        page.evaluate(turn, False)
    # And where somebody looks, it asks by itself.
    with page.expect_response("**/api/model"):
        page.clock.fast_forward("31")


def test_a_service_that_asks_for_a_token_gets_the_one_that_is_typed(visits, recommenders, sample_volume, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{TOKEN}\n", encoding="utf-8")
    service = recommenders.start(sample_volume, "--token-file", tokens)
    page = visits(service.address).open(fragment(KNOWN))
    expect(message(page)).to_have_text("This service asks for a token. Whoever runs it can give you one.")
    page.get_by_label("Token").fill("another-token-that-is-long")
    page.keyboard.press("Enter")
    expect(message(page)).to_have_text("The service does not accept this token.")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Use it").click()
    expect(rows(page)).to_have_count(10)
    expect(page.locator("#notice")).to_be_hidden()
    page.reload()
    expect(rows(page)).to_have_count(10)
    assert TOKEN not in page.url


def test_a_page_that_is_switched_off_is_not_there_and_the_rest_is(recommenders, sample_volume):
    service = recommenders.start(sample_volume, "--page=false")

    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://{service.address}{path}", timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    files = ("/", "/app.js", "/style.css", "/icon.svg")
    assert {path: status(path) for path in files} == dict.fromkeys(files, 404)
    assert status("/healthz") == 200
    eventually(lambda: status("/readyz") == 200, what="a model in service")
    assert status("/api/songs?query=un") == 200


def test_scripts_that_the_page_did_not_bring_do_not_run(browser, sample_service):
    visitor = Visitor(browser, f"http://{sample_service.address}")
    page = visitor.open()
    page.evaluate("window.told = 0; addEventListener('securitypolicyviolation', () => window.told++)")
    page.evaluate("document.head.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }))")
    page.evaluate("document.body.append(Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:9/x.png' }))")
    assert page.evaluate("window.ran") is None
    # The witness of all other tests sees it.
    with pytest.raises(AssertionError, match="Content-Security-Policy was violated"):
        eventually(lambda: page.evaluate("window.told") > 1, what="two violations")
        visitor.leave()
    assert {it.split("-")[0] for it in visitor.contexts[0][1].violations} == {"script", "img"}
