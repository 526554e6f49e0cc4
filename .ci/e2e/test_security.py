"""TLS, client certificates and tokens, with grpcurl, with `playlist`, and with the certificates of docs/security.md."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from conftest import BINARIES, CLEAN_ENVIRONMENT, ROOT, run
from waiting import eventually

SERVICE = "playlist.v1.PlaylistService"
TOKEN = "a-token-of-the-end-to-end-test"
HEALTH = """
syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; } ServingStatus status = 1; }
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
"""


def make_certificates(folder: Path):
    """Runs the commands that the document tells, as it tells them."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    (commands,) = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "openssl req" in block]
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["sh", "-ec", commands], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def certificates(tmp_path_factory) -> Path:
    """A folder with `ca.crt`, and certificates and keys of a server (`tls`) and a client (`client`)."""
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


def grpcurl(address: str, *args: object, code: int = 0) -> str:
    """What grpcurl prints."""
    done = subprocess.run(
        ["grpcurl", "-max-time", "10", *map(str, args[:-1]), address, str(args[-1])],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == code, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def refused(*args: object, env: dict[str, str] | None = None) -> str:
    """What `playlist` tells when it is not let in."""
    done = subprocess.run(
        [BINARIES / "playlist", *map(str, args)],
        env=CLEAN_ENVIRONMENT | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stderr


def test_tls_is_spoken_with_grpcurl_and_playlist(recommenders, sample_volume, certificates):
    service = recommenders.start(sample_volume, "--tls-cert", certificates / "tls.crt", "--tls-key", certificates / "tls.key")
    ca = certificates / "ca.crt"
    _, port = service.address.rsplit(":", 1)

    info = json.loads(grpcurl(service.address, "-cacert", ca, f"{SERVICE}/ModelInfo"))
    assert info["version"]
    grpcurl(service.address, f"{SERVICE}/ModelInfo", code=1)
    grpcurl(service.address, "-plaintext", f"{SERVICE}/ModelInfo", code=1)

    url = f"https://localhost:{port}"
    eventually(lambda: json.loads(run("playlist", "--server", url, "--ca-cert", ca, "info", "--json"))["model_version"])
    answer = run("playlist", "recommend", "Unforgettable", env={"PLAYLIST_SERVER": url, "PLAYLIST_CA_CERT": str(ca)})
    assert "Songs:" in answer
    report = json.loads(run("playlist", "--server", url, "--ca-cert", ca, "doctor", "--json"))
    assert {"tls": "ok", "health": "ok"}.items() <= {check["check"]: check["outcome"] for check in report["checks"]}.items(), report
    assert "--ca-cert" in refused("--server", url, "info")
    assert "https://" in refused("--server", f"http://localhost:{port}", "info")


def test_a_client_certificate_and_a_token_are_asked_for(recommenders, sample_volume, certificates, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# of this test\n{TOKEN}\n", encoding="utf-8")
    ca = certificates / "ca.crt"
    service = recommenders.start(
        sample_volume,
        *("--tls-cert", certificates / "tls.crt", "--tls-key", certificates / "tls.key"),
        *("--tls-client-ca", ca, "--token-file", tokens),
    )
    trusting = ("-cacert", ca)
    known = (*trusting, "-cert", certificates / "client.crt", "-key", certificates / "client.key")
    bearer = ("-H", f"authorization: Bearer {TOKEN}")

    grpcurl(service.address, *trusting, *bearer, f"{SERVICE}/ModelInfo", code=1)
    told = grpcurl(service.address, *known, "-H", "authorization: Bearer another-token-that-is-long", "list", code=1)
    assert "token is not accepted" in told
    assert SERVICE in grpcurl(service.address, *known, *bearer, "list")
    assert json.loads(grpcurl(service.address, *known, *bearer, f"{SERVICE}/ModelInfo"))["version"]
    # Probes have no token. Without one there is no reflection, so the contract of health checks comes with the call.
    proto = tmp_path / "health.proto"
    proto.write_text(HEALTH, encoding="utf-8")
    health = grpcurl(service.address, *known, "-import-path", tmp_path, "-proto", proto.name, "grpc.health.v1.Health/Check")
    assert json.loads(health)["status"]

    environment = {
        "PLAYLIST_SERVER": f"https://{service.address}",
        "PLAYLIST_CA_CERT": str(ca),
        "PLAYLIST_CLIENT_CERT": str(certificates / "client.crt"),
        "PLAYLIST_CLIENT_KEY": str(certificates / "client.key"),
        "PLAYLIST_TOKEN_FILE": str(tokens),
    }
    assert json.loads(run("playlist", "info", "--json", env=environment))["version"]
    without = lambda *missing: {name: value for name, value in environment.items() if name not in missing}
    assert "not trusted" in refused("info", env=without("PLAYLIST_CA_CERT"))
    assert "has no token" in refused("info", env=without("PLAYLIST_TOKEN_FILE"))
    assert "asks for a client certificate" in refused("info", env=without("PLAYLIST_CLIENT_CERT", "PLAYLIST_CLIENT_KEY"))


def test_certificates_are_replaced_without_a_restart(recommenders, sample_volume, tmp_path):
    make_certificates(tmp_path / "before")
    make_certificates(tmp_path / "after")
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "..data").symlink_to(tmp_path / "before")
    for name in ("tls.crt", "tls.key"):
        (mount / name).symlink_to(f"..data/{name}")
    service = recommenders.start(sample_volume, "--tls-cert", mount / "tls.crt", "--tls-key", mount / "tls.key")
    before, after = (("-cacert", tmp_path / name / "ca.crt") for name in ("before", "after"))
    grpcurl(service.address, *before, f"{SERVICE}/ModelInfo")

    (mount / "..data_tmp").symlink_to(tmp_path / "after")
    (mount / "..data_tmp").rename(mount / "..data")

    def is_replaced() -> bool:
        done = subprocess.run(
            ["grpcurl", "-max-time", "10", *map(str, after), service.address, f"{SERVICE}/ModelInfo"], capture_output=True, check=False
        )
        return done.returncode == 0

    eventually(is_replaced, what="the new certificate")
    grpcurl(service.address, *before, f"{SERVICE}/ModelInfo", code=1)


def test_reflection_can_be_switched_off(recommenders, sample_volume):
    service = recommenders.start(sample_volume, "--reflection", "false")
    assert "does not support the reflection API" in grpcurl(service.address, "-plaintext", "list", code=1)
    contract = ("-import-path", ROOT / "proto", "-proto", "playlist/v1/playlist.proto")
    assert json.loads(grpcurl(service.address, "-plaintext", *contract, f"{SERVICE}/ModelInfo"))["version"]
