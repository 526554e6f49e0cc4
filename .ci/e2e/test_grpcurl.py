"""grpcurl, a client that knows nothing of the service but what its reflection tells."""

import base64
import json
import subprocess

import pytest

from conftest import current, manifest

SERVICE = "playlist.v1.PlaylistService"

# grpcurl exits with this plus the status code.
GRPCURL_STATUS = 64


@pytest.fixture
def grpcurl(sample_service):
    """Runs grpcurl against the sample and returns what it prints; of a failed call, that is the status as JSON."""

    def call(*args: str, data: str | None = None, flags: tuple[str, ...] = (), code: int = 0):
        request = [*(["-d", data] if data is not None else []), *flags]
        done = subprocess.run(
            ["grpcurl", "-plaintext", "-format-error", "-max-time", "10", *request, sample_service.address, *args],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == code, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    call.address = sample_service.address
    return call


def test_the_services_are_listed(grpcurl):
    assert set(grpcurl("list").split()) >= {
        SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert set(grpcurl("list", SERVICE).split()) == {
        f"{SERVICE}.{method}" for method in ("ModelInfo", "Recommend", "SearchSongs", "WatchModel")
    }


def test_the_contract_is_described_with_everything_that_it_imports(grpcurl):
    described = grpcurl("describe", SERVICE)
    for line in (
        "rpc Recommend ( .playlist.v1.RecommendRequest ) returns ( .playlist.v1.RecommendResponse )",
        "rpc WatchModel ( .playlist.v1.WatchModelRequest ) returns ( stream .playlist.v1.WatchModelResponse )",
    ):
        assert line in described
    assert "repeated string songs = 1;" in grpcurl("describe", "playlist.v1.RecommendRequest")
    assert "int64 seconds = 1;" in grpcurl("describe", "google.protobuf.Timestamp")


def test_the_request_id_comes_back_and_a_trace_context_is_taken(grpcurl):
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    flags = ("-v", "-H", "x-request-id: try-1", "-H", f"traceparent: {traceparent}", "-H", "tracestate: vendor=value")
    printed = grpcurl(f"{SERVICE}/Recommend", data='{"songs":["Unforgettable"]}', flags=flags)
    _, _, headers = printed.partition("Response headers received:")
    assert "\nx-request-id: try-1\n" in headers


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_answers_in_both_versions(grpcurl, version):
    method = f"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    answer = json.loads(grpcurl(method, data='{"list_services": ""}'))
    assert SERVICE in {service["name"] for service in answer["listServicesResponse"]["service"]}
    answer = json.loads(grpcurl(method, data=json.dumps({"file_containing_symbol": SERVICE})))
    files = [base64.b64decode(file) for file in answer["fileDescriptorResponse"]["fileDescriptorProto"]]
    assert any(b"playlist.proto" in file for file in files)
    assert any(b"google/protobuf/timestamp.proto" in file for file in files)


def test_the_call_of_the_readme_just_works(grpcurl, sample_volume):
    answer = json.loads(grpcurl(f"{SERVICE}/Recommend", data='{"songs":["Unforgettable"]}'))
    assert len(answer["songs"]) == 10
    titles = [recommendation["song"]["title"] for recommendation in answer["songs"]]
    assert len(set(titles)) == 10
    assert "Unforgettable" not in titles
    for recommendation in answer["songs"]:
        assert recommendation["song"]["artist"]
        assert recommendation["song"]["uri"].startswith("sample:track:")
        assert recommendation["score"] > 0
    assert answer["songs"][0]["source"] == "SOURCE_RULES"
    rule = answer["songs"][0]["rules"][0]
    assert rule["antecedent"][0]["title"] == "Unforgettable"
    assert 0 < rule["confidence"] <= 1
    assert rule["lift"] > 1
    assert answer["modelVersion"] == current(sample_volume)
    assert answer["modelDate"][:19] == manifest(sample_volume)["trained_at"][:19]
    assert answer["version"]
    assert answer["servedBy"] == "replica-1"
    assert answer["seeds"][0]["match"] == "MATCH_EXACT"
    assert "unknownSongs" not in answer


def test_an_unknown_song_is_told_and_is_no_error(grpcurl):
    answer = json.loads(grpcurl(f"{SERVICE}/Recommend", data='{"songs":["humble", "qqqqq zzzzz"], "limit": 3}'))
    assert [seed["match"] for seed in answer["seeds"]] == ["MATCH_NORMALISED", "MATCH_UNKNOWN"]
    assert answer["seeds"][0]["song"]["title"] == "HUMBLE."
    assert answer["unknownSongs"] == ["qqqqq zzzzz"]
    assert len(answer["songs"]) == 3


def test_model_info_tells_what_the_manifest_says(grpcurl, sample_volume):
    info = json.loads(grpcurl(f"{SERVICE}/ModelInfo"))
    told = manifest(sample_volume)
    assert info["modelVersion"] == current(sample_volume)
    assert info["dataset"]["sha256"] == told["dataset"]["sha256"]
    assert info["dataset"]["playlists"] == told["dataset"]["playlists"]
    assert int(info["counts"]["rules"]) == told["counts"]["rules"]
    assert int(info["counts"]["itemsets"]) == told["counts"]["itemsets"]
    assert info["parameters"]["minSupportCount"] == told["parameters"]["min_support_count"]
    assert info["trainerRevision"] == told["trainer"]["revision"]
    assert info["lastRefresh"]["outcome"] in ("REFRESH_OUTCOME_SWAPPED", "REFRESH_OUTCOME_UNCHANGED")


def test_songs_are_searched_page_by_page(grpcurl):
    first = json.loads(grpcurl(f"{SERVICE}/SearchSongs", data='{"query": "", "page_size": 2}'))
    second = json.loads(
        grpcurl(f"{SERVICE}/SearchSongs", data=json.dumps({"query": "", "page_size": 2, "page_token": first["nextPageToken"]}))
    )
    uris = [song["uri"] for page in (first, second) for song in page["songs"]]
    assert len(set(uris)) == 4
    found = json.loads(grpcurl(f"{SERVICE}/SearchSongs", data='{"query": "unforg"}'))
    assert found["songs"][0]["title"] == "Unforgettable"


def test_the_watch_begins_with_the_model_in_service(grpcurl, sample_volume):
    process = subprocess.Popen(
        ["grpcurl", "-plaintext", grpcurl.address, f"{SERVICE}/WatchModel"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        message = ""
        while True:
            message += process.stdout.readline()
            assert process.poll() is None, message
            try:
                first = json.loads(message)
                break
            except json.JSONDecodeError:
                continue
    finally:
        process.kill()
        process.wait()
    assert first["modelVersion"] == current(sample_volume)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"songs": []}, "songs"),
        ({"songs": ["Unforgettable", ""]}, "songs[1]"),
        ({"songs": ["a" * 1025]}, "songs[0]"),
        ({"songs": ["Unforgettable"], "limit": 501}, "limit"),
    ],
    ids=["no seeds", "an empty seed", "a seed that is too long", "a limit out of range"],
)
def test_an_invalid_request_names_its_field(grpcurl, request_, field):
    status = json.loads(grpcurl(f"{SERVICE}/Recommend", data=json.dumps(request_), code=GRPCURL_STATUS + 3))
    assert status["message"]
    details = {detail["@type"].rsplit("/", 1)[-1]: detail for detail in status["details"]}
    violations = details["google.rpc.BadRequest"]["fieldViolations"]
    assert [violation["field"] for violation in violations] == [field]
    assert violations[0]["description"]
    assert details["google.rpc.ErrorInfo"]["reason"] == "INVALID_REQUEST"
    assert details["google.rpc.ErrorInfo"]["domain"] == "playlist.v1"


@pytest.mark.parametrize("service", ["", SERVICE, "liveness"])
def test_health_is_serving(grpcurl, service):
    answer = json.loads(grpcurl("grpc.health.v1.Health/Check", data=json.dumps({"service": service})))
    assert answer == {"status": "SERVING"}
