"""A real API server with its store, without nodes: what is applied is checked, defaulted, admitted and kept as on any cluster."""

import os
import re
import shlex
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "administrator-of-a-test"
NAMESPACE = "playlist-recommender"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Cluster:
    """The cluster, as people and Argo CD change it."""

    def __init__(self, kubeconfig: Path):
        self.environment = os.environ | {"KUBECONFIG": str(kubeconfig)}

    def kubectl(self, *args: object, stdin: str | None = None, check: bool = True, env: dict | None = None) -> subprocess.CompletedProcess:
        """Runs `kubectl`."""
        done = subprocess.run(
            ["kubectl", *map(str, args)], env=self.environment | (env or {}), input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def get(self, kind: str, name: str) -> dict | None:
        """An object as it is now."""
        return yaml.safe_load(self.kubectl("-n", NAMESPACE, "get", kind, name, "-o", "yaml", "--ignore-not-found").stdout)

    def by_hand(self, overlay: Path) -> None:
        """What the document tells people to do, at first and later."""
        text = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
        commands = re.findall(r"^kubectl (apply -k k8s/overlays/prod.*)$", text, re.MULTILINE)
        assert len(commands) == 2 and "--force" in commands[1]
        command = commands[1] if self.get("persistentvolumeclaim", "model") else commands[0]
        self.kubectl(*shlex.split(command.replace("k8s/overlays/prod", str(overlay))))

    def by_argo_cd(self, overlay: Path) -> None:
        """What Argo CD does with a commit."""
        rendered = self.kubectl("kustomize", overlay).stdout
        done = subprocess.run(["argo-cd-sync"], env=self.environment, input=rendered, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def forget(self) -> None:
        """Deletes what a test left behind; without controllers a namespace would never go."""
        kinds = "jobs,cronjobs,deployments,services,configmaps,persistentvolumeclaims,networkpolicies,poddisruptionbudgets,hpa"
        self.kubectl("-n", NAMESPACE, "delete", kinds, "--all", "--cascade=background", "--wait=false")
        # What is waited for by controllers, which there are none of.
        for name in self.kubectl("-n", NAMESPACE, "get", kinds, "-o", "name").stdout.split():
            self.kubectl("-n", NAMESPACE, "patch", name, "--type", "merge", "-p", '{"metadata":{"finalizers":null}}', check=False)


@pytest.fixture(scope="session")
def api_server(tmp_path_factory):
    """The processes, which end with the tests."""
    folder = tmp_path_factory.mktemp("cluster")
    store, peers, port = free_port(), free_port(), free_port()
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    (folder / "tokens").write_text(f"{TOKEN},administrator,1,system:masters\n", encoding="utf-8")
    server = f"https://127.0.0.1:{port}"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "test", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
    client, peer = f"http://127.0.0.1:{store}", f"http://127.0.0.1:{peers}"
    commands = {
        "etcd": [
            *("--data-dir", folder / "store", "--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
            "--unsafe-no-fsync",
        ],
        "kube-apiserver": [
            *("--etcd-servers", client, "--cert-dir", folder / "certificates", "--bind-address", "127.0.0.1", "--secure-port", port),
            *("--token-auth-file", folder / "tokens", "--authorization-mode", "RBAC", "--service-cluster-ip-range", "10.0.0.0/16"),
            *("--service-account-issuer", server, "--service-account-key-file", key, "--service-account-signing-key-file", key),
        ],
    }
    running = []
    try:
        for program, args in commands.items():
            log = (folder / f"{program}.log").open("w", encoding="utf-8")
            running.append(subprocess.Popen([program, *map(str, args)], stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        cluster = Cluster(folder / "kubeconfig")
        deadline = time.monotonic() + 120
        while cluster.kubectl("get", "--raw", "/readyz", check=False).returncode:
            for program, process in zip(commands, running, strict=True):
                assert process.poll() is None, (folder / f"{program}.log").read_text(encoding="utf-8")[-4000:]
            assert time.monotonic() < deadline, "the API server is not ready"
            time.sleep(0.2)
        yield cluster
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def cluster(api_server) -> Cluster:
    """The cluster, without what other tests left."""
    yield api_server
    api_server.forget()
