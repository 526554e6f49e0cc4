"""Google's library for gRPC-Web, in its default mode, which is text, and the only one in which it streams."""

import base64
import os
from pathlib import Path

import pytest
from conftest import processes
from google.rpc import error_details_pb2, status_pb2
from playwright.sync_api import Page
from waiting import eventually

# What protoc-gen-grpc-web would write for a method; messages come and go as lists of bytes.
CLIENT = """
([service, name, isStream]) => {
  const { GrpcWebClientBase, MethodDescriptor, MethodType } = grpcWeb;
  const kind = isStream ? MethodType.SERVER_STREAMING : MethodType.UNARY;
  const path = `/playlist.v1.PlaylistService/${name}`;
  const method = new MethodDescriptor(path, kind, Array, Array, (bytes) => Uint8Array.from(bytes), (bytes) => [...bytes]);
  const client = new GrpcWebClientBase({ format: "text" });
  window.call = (message) => (isStream ? client.serverStreaming : client.unaryCall).call(client, service + path, message, {}, method);
}
"""
ASK = """
(message) => call(message).then(
  (answer) => ({ answer }),
  ({ code, message, metadata }) => ({ code, message, details: metadata["grpc-status-details-bin"] }),
)
"""
WATCH = """
(message) => {
  window.told = [];
  window.stream = call(message);
  stream.on("data", (answer) => told.push(answer));
  stream.on("error", ({ code, message }) => told.push(`${code}: ${message}`));
  stream.on("end", () => told.push("the end"));
}
"""


@pytest.fixture(params=["a page of the service", "a page from elsewhere"])
def services(request, recommenders, tmp_path):
    """A volume with a model, the service that is asked, and the one whose page asks, which may be another one."""
    volume = tmp_path / "volume"
    processes.train(volume, processes.SAMPLE)
    if request.param == "a page of the service":
        asked = asking = recommenders.start_with_model(volume)
    else:
        asking = recommenders.start(volume)
        asked = recommenders.start_with_model(volume, env={"CORS_ALLOW_ORIGIN": f"http://{asking.address}"})
    return volume, asked, asking


@pytest.fixture
def page(browser, services):
    """A page that has loaded the library, and nothing of ours."""
    _, _, asking = services
    library = Path(os.environ["GRPC_WEB"]).read_text(encoding="utf-8")
    page = browser.new_page()
    page.goto(f"http://{asking.address}/healthz")
    page.evaluate(f"() => {{ const exports = (window.grpcWeb = {{}});\n{library}\n}}")
    yield page
    page.close()


def prepare(page: Page, service, method: str, is_stream: bool = False):
    """Has the page call this method of the service from now on."""
    page.evaluate(CLIENT, [f"http://{service.address}", method, is_stream])


def test_a_playlist_is_answered_and_a_refusal_has_its_details(page, services, stubs):
    messages, _ = stubs
    _, asked, _ = services
    prepare(page, asked, "Recommend")
    request = messages.RecommendRequest(songs=["Unforgettable", "HUMBLE."], limit=5)
    with page.expect_request("**/Recommend") as sent:
        told = page.evaluate(ASK, list(request.SerializeToString()))
    assert sent.value.headers["content-type"] == "application/grpc-web-text"
    playlist = messages.RecommendResponse.FromString(bytes(told["answer"]))
    assert len(playlist.songs) == 5
    assert [seed.seed for seed in playlist.seeds] == ["Unforgettable", "HUMBLE."]

    told = page.evaluate(ASK, [])
    assert (told["code"], told["message"]) == (3, "`songs` is empty; name at least one song")
    status = status_pb2.Status.FromString(base64.b64decode(told["details"] + "=="))
    bad_request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad_request) for detail in status.details)
    assert [violation.field for violation in bad_request.field_violations] == ["songs"]


def test_a_stream_tells_of_each_model_as_it_comes(page, services, stubs):
    messages, _ = stubs
    volume, asked, _ = services
    prepare(page, asked, "WatchModel", is_stream=True)
    page.evaluate(WATCH, [])

    def version(number: int) -> str:
        """What a message tells, once it is there."""
        eventually(lambda: page.evaluate("told.length") > number, what=f"message {number}")
        told = page.evaluate("told")[number]
        assert isinstance(told, list), told
        return messages.WatchModelResponse.FromString(bytes(told)).model_version

    assert version(0) == processes.current(volume)
    processes.train(volume, processes.SAMPLE_UPDATE)
    assert version(1) == processes.current(volume)
    page.evaluate("stream.cancel()")
