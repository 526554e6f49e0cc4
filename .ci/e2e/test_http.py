"""The port for those who know no gRPC: the clients of the service of old, browsers' libraries, and a tester that reads the OpenAPI document."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from conftest import ROOT
from test_security import certificates  # noqa: F401

SONGS = {"songs": ["Unforgettable", "HUMBLE."]}


def done(*command: object, timeout: float = 60, **options) -> str:
    """What a program prints that has to end well."""
    ended = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL, **options
    )
    assert ended.returncode == 0, f"{command}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def is_playlist(answer: dict) -> bool:
    """Whether it is what the service of old answered."""
    return (
        len(answer["songs"]) == 10
        and all(isinstance(title, str) for title in answer["songs"])
        and re.fullmatch(r"\d+\.\d+\.\d+", answer["version"]) is not None
        and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", answer["model_date"]) is not None
    )


def test_the_commands_of_the_document_work(sample_service):
    text = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "wget" in block]
    commands = block.strip().splitlines()
    assert [command.split()[0] for command in commands] == ["curl", "wget"]
    for command in commands:
        assert "localhost:52023" in command
        command = command.replace("curl ", "curl --silent --show-error ").replace("localhost:52023", sample_service.address)
        assert is_playlist(json.loads(done("sh", "-ec", command)))


def test_curl_speaks_http_1_and_2_and_is_told_what_is_wrong(sample_service):
    url = f"http://{sample_service.address}/api/recommend"
    for version in "--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge":
        assert is_playlist(json.loads(done("curl", "--silent", "--show-error", version, "--data", json.dumps(SONGS), url))), version
    answer = done("curl", "--silent", "--write-out", "\n%{http_code} %{content_type}", "--data", "songs=HUMBLE.", url)
    body, line = answer.rsplit("\n", 1)
    assert line == "400 application/json"
    assert json.loads(body)["error"]["status"] == "INVALID_ARGUMENT"
    assert done("curl", "--silent", "--head", f"http://{sample_service.address}/").startswith("HTTP/1.1 200 OK\n")


def test_tls_offers_both_versions_of_http(recommenders, sample_volume, certificates):  # noqa: F811
    service = recommenders.start(sample_volume, "--tls-cert", certificates / "tls.crt", "--tls-key", certificates / "tls.key")
    _, port = service.address.rsplit(":", 1)
    curl = ["curl", "--silent", "--show-error", "--cacert", certificates / "ca.crt", "--write-out", " %{http_version}"]
    for flag, version in ("--http1.1", "1.1"), ("--http2", "2"):
        answer = done(*curl, flag, f"https://localhost:{port}/healthz")
        assert answer == f'{{"status":"SERVING"}} {version}'


def test_python_requests_keeps_its_connection(sample_service):
    url = f"http://{sample_service.address}"
    with requests.Session() as session:
        for route in "/api/recommend", "/api/recommender":
            answer = session.post(url + route, json=SONGS, timeout=10)
            assert answer.status_code == 200
            assert is_playlist(answer.json())
        answer = session.post(url + "/api/recommend", data=json.dumps(SONGS), timeout=10)
        assert is_playlist(answer.json())
        found = session.get(url + "/api/songs", params={"query": "humb", "page_size": 1}, timeout=10).json()
        assert found["songs"][0]["title"] == "HUMBLE."
        assert session.get(url + "/api/model", timeout=10).json()["counts"]["rules"] > 0
        pools = session.get_adapter(url).poolmanager.pools
        (host,) = pools.keys()
        assert pools[host].num_connections == 1
    refused = requests.post(url + "/api/recommend", json=SONGS, headers={"Origin": "https://elsewhere.example"}, timeout=10)
    assert refused.status_code == 403


def test_cors_is_set_by_the_environment(recommenders, sample_volume):
    origins = "https://music.example,http://localhost:3000"
    service = recommenders.start_with_model(sample_volume, env={"CORS_ALLOW_ORIGIN": origins, "PAGE": "false"})
    for origin in origins.split(","):
        answer = requests.post(f"http://{service.address}/api/recommend", json=SONGS, headers={"Origin": origin}, timeout=10)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert requests.get(f"http://{service.address}/", timeout=10).status_code == 404


def test_a_tester_finds_no_answer_that_the_document_does_not_describe(sample_service, tmp_path):
    """Schemathesis makes requests of all kinds out of the document, right and wrong ones, and holds the answers against it."""
    done(
        Path(sys.executable).with_name("schemathesis"),
        "run",
        f"http://{sample_service.address}/api/openapi.json",
        *("--max-examples", "60", "--seed", "1", "--workers", "1", "--suppress-health-check", "all"),
        *("--checks", "all", "--exclude-checks", "negative_data_rejection,positive_data_acceptance"),
        *("--request-timeout", "10", "--max-time", "60"),
        timeout=240,
        cwd=tmp_path,
    )
    # It is still well.
    assert requests.get(f"http://{sample_service.address}/readyz", timeout=10).status_code == 200


@pytest.fixture(scope="session")
def contract(tmp_path_factory) -> Path:
    """The contract, compiled, for clients that generate no code."""
    file = tmp_path_factory.mktemp("contract") / "contract.bin"
    done(
        *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={ROOT / 'proto'}"),
        *(f"--descriptor_set_out={file}", "--include_imports", "playlist/v1/playlist.proto"),
    )
    return file


def test_a_library_for_browsers_speaks_grpc_web(sample_service, contract):
    script = ROOT / ".ci" / "e2e" / "grpc_web.cjs"
    answer = json.loads(done("node", script, f"http://{sample_service.address}", contract))
    assert len(answer["playlist"]) == 10
    assert answer["searched"] == "HUMBLE."
    assert answer["refused"] == {"code": 3, "fields": ["songs"]}
    assert answer["watched"] == answer["model"] != ""
