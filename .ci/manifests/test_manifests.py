"""What every overlay keeps, and where files must agree that no schema connects."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml

from conftest import OVERLAYS, ROOT, render


def seconds(duration: str) -> float:
    """A duration as the binaries read it."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", duration).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def container(pod: dict) -> dict:
    """The one container of a pod."""
    (only,) = pod["spec"]["containers"]
    return only


def environment(pod: dict) -> dict:
    """The literal environment of a pod."""
    return {entry["name"]: entry.get("value") for entry in container(pod).get("env", [])}


def load(path: str) -> dict:
    """One object in a file."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_schemas_accept_everything(objects, tmp_path):
    file = tmp_path / f"{objects.overlay}.yaml"
    file.write_text(yaml.safe_dump_all(objects.all), encoding="utf-8")
    done = subprocess.run(["kubernetes-validate", "--strict", file], capture_output=True, text=True, check=False)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    # It warns of versions of the API that are going away, and of kinds that it does not know.
    assert printed.count(" passed for resource ") == len(objects.all) == len(printed.splitlines()), printed


def test_the_names_that_others_rely_on_are_there(objects):
    objects.only("Namespace", "playlist-recommender")
    objects.only("Service", "playlist-recommender")
    objects.only("Deployment", "recommender")
    objects.only("Job", "trainer")
    objects.only("PersistentVolumeClaim", "model")
    assert objects.only("Service", "playlist-recommender-headless")["spec"]["clusterIP"] == "None"
    assert {one["metadata"].get("namespace") for one in objects.all if one["kind"] != "Namespace"} == {"playlist-recommender"}


def test_images_have_a_registry_and_a_version(objects):
    for pod in objects.pods:
        assert re.fullmatch(r".+/.+:\d+\.\d+\.\d+", container(pod)["image"])


def test_pods_keep_to_the_restricted_standard(objects):
    labels = objects.only("Namespace", "playlist-recommender")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in objects.pods:
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= set(container(pod)["resources"]["requests"])
        assert "memory" in container(pod)["resources"]["limits"]


def test_what_refers_to_something_finds_it(objects):
    recommender = objects.only("Deployment", "recommender")["spec"]["template"]
    labels = recommender["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in container(recommender)["ports"]}
    for service in (one for one in objects.all if one["kind"] == "Service"):
        assert service["spec"]["selector"].items() <= labels
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    budget = objects.only("PodDisruptionBudget", "recommender")["spec"]["selector"]["matchLabels"]
    assert budget.items() <= labels
    # The trainer's pods must not get requests.
    job = objects.only("Job", "trainer")["spec"]["template"]
    assert not budget.items() <= job["metadata"]["labels"].items()
    for pod in objects.pods:
        objects.only("ServiceAccount", pod["spec"]["serviceAccountName"])
        for volume in pod["spec"]["volumes"]:
            objects.only("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
        assert {mount["name"] for mount in container(pod)["volumeMounts"]} == {volume["name"] for volume in pod["spec"]["volumes"]}
        (mount,) = container(pod)["volumeMounts"]
        assert environment(pod)["MODEL_DIR"] == mount["mountPath"]
    (settings,) = container(job)["envFrom"]
    assert objects.only("ConfigMap", settings["configMapRef"]["name"])["data"]["DATASET"]


def test_only_the_trainer_writes_to_the_volume(objects):
    mounts = {container(pod)["name"]: container(pod)["volumeMounts"][0].get("readOnly", False) for pod in objects.pods}
    assert mounts == {"recommender": True, "trainer": False}


def test_a_drain_fits_into_the_time_that_the_cluster_allows(objects):
    pod = objects.only("Deployment", "recommender")["spec"]["template"]
    drain = seconds(environment(pod)["DRAIN_DELAY"]) + seconds(environment(pod)["GRACE_PERIOD"])
    assert drain + 5 <= pod["spec"]["terminationGracePeriodSeconds"]


def test_liveness_does_not_depend_on_a_model_and_readiness_does(objects):
    pod = container(objects.only("Deployment", "recommender")["spec"]["template"])
    grpc = {port["name"]: port["containerPort"] for port in pod["ports"]}["grpc"]
    assert pod["startupProbe"]["grpc"] == {"port": grpc, "service": "liveness"}
    assert pod["livenessProbe"]["grpc"] == {"port": grpc, "service": "liveness"}
    assert pod["readinessProbe"]["grpc"] == {"port": grpc, "service": ""}


def test_a_rollout_takes_no_replica_away_before_another_is_ready(objects):
    strategy = objects.only("Deployment", "recommender")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_the_claim_outlives_mistakes_and_the_job_is_replaced_when_it_changes(objects):
    annotation = "argocd.argoproj.io/sync-options"
    assert objects.only("PersistentVolumeClaim", "model")["metadata"]["annotations"][annotation] == "Prune=false,Delete=false"
    job = objects.only("Job", "trainer")
    assert job["metadata"]["annotations"] == {annotation: "Force=true"}
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_more_than_one_replica_needs_a_volume_for_more_than_one_node(objects):
    replicas = objects.only("Deployment", "recommender")["spec"]["replicas"]
    modes = objects.only("PersistentVolumeClaim", "model")["spec"]["accessModes"]
    assert (replicas, modes) == {"dev": (1, ["ReadWriteOnce"]), "prod": (2, ["ReadWriteMany"])}[objects.overlay]


def set_dataset(overlay: dict) -> None:
    overlay["configMapGenerator"][0]["literals"] = ["DATASET=https://datasets.example/another.csv"]


def set_tag_of_trainer(overlay: dict) -> None:
    overlay["images"][0]["newTag"] = "99.0.0"


def set_tag_of_recommender(overlay: dict) -> None:
    overlay["images"][1]["newTag"] = "99.0.0"


def set_replicas(overlay: dict) -> None:
    overlay["replicas"][0]["count"] = 99


@pytest.mark.parametrize(
    ("change", "trains_again"),
    [(set_dataset, True), (set_tag_of_trainer, True), (set_tag_of_recommender, False), (set_replicas, False)],
)
def test_the_job_changes_with_what_it_trains_from_and_with_nothing_else(tmp_path, change, trains_again):
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    folder = tmp_path / "k8s" / "overlays" / "prod"
    before = render(folder)
    overlay = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert [image["name"] for image in overlay["images"]] == ["trainer", "recommender"]
    change(overlay)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    after = render(folder)
    assert after != before
    jobs = [next(one for one in objects if one["kind"] == "Job") for objects in (before, after)]
    assert jobs[0]["metadata"]["name"] == jobs[1]["metadata"]["name"] == "trainer"
    assert (jobs[0]["spec"]["template"] != jobs[1]["spec"]["template"]) is trains_again


def test_argo_cd_may_do_what_the_overlay_needs_and_no_more(objects):
    project, application = load("argocd/project.yaml"), load("argocd/application.yaml")
    assert application["spec"]["project"] == project["metadata"]["name"]
    assert project["spec"]["sourceRepos"] == [application["spec"]["source"]["repoURL"]]
    assert project["spec"]["destinations"] == [application["spec"]["destination"]]
    assert application["spec"]["destination"]["namespace"] == "playlist-recommender"
    assert (ROOT / application["spec"]["source"]["path"] / "kustomization.yaml").is_file()
    for scope, is_cluster_wide in (("clusterResourceWhitelist", True), ("namespaceResourceWhitelist", False)):
        allowed = {(entry["group"], entry["kind"]) for entry in project["spec"][scope]}
        used = {
            (one["apiVersion"].rpartition("/")[0], one["kind"]) for one in objects.all if (one["kind"] == "Namespace") is is_cluster_wide
        }
        assert allowed == used


def test_nothing_waits_for_anything_else_in_a_sync():
    for path in [*(ROOT / "k8s").rglob("*.yaml"), *(ROOT / "argocd").glob("*.yaml")]:
        assert "argocd.argoproj.io/sync-wave" not in path.read_text(encoding="utf-8"), path
        assert "argocd.argoproj.io/hook" not in path.read_text(encoding="utf-8"), path


def test_settings_have_the_names_that_the_binaries_read(objects):
    for pod in objects.pods:
        name = container(pod)["name"]
        args = (ROOT / name / "src" / "args.rs").read_text(encoding="utf-8")
        known = set(re.findall(r'env = "([A-Z_]+)"', args))
        used = set(environment(pod))
        for source in container(pod).get("envFrom", []):
            used |= set(objects.only("ConfigMap", source["configMapRef"]["name"])["data"])
        assert used <= known, used - known


@pytest.mark.parametrize("service", ["trainer", "recommender"])
def test_an_image_is_pinned_labelled_and_runs_as_nobody(service):
    version = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]["version"]
    dockerfile = (ROOT / f"Dockerfile.{service}").read_text(encoding="utf-8")
    for base in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE):
        assert base == "scratch" or re.fullmatch(r"\S+:\d+\.\d+\.\d+-alpine\d+\.\d+", base)
    assert f"ARG VERSION={version}\n" in dockerfile
    assert "\nUSER 65532:65532\n" in dockerfile
    assert f'\nENTRYPOINT ["/{service}"]' in dockerfile
    for label in ("title", "description", "version", "revision", "source"):
        assert f"org.opencontainers.image.{label}=" in dockerfile
    members = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["members"]
    for member in members:
        assert f"COPY {member}/Cargo.toml {member}/\n" in dockerfile
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    assert {f"!{member}" for member in members} <= set(ignored)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_tls_can_be_taken_up(overlay, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    up = os.path.relpath(ROOT / "k8s", folder)
    kustomization = {"resources": [f"{up}/overlays/{overlay}"], "components": [f"{up}/components/tls"]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    objects = {(one["kind"], one["metadata"]["name"]): one for one in render(folder)}
    pod = objects["Deployment", "recommender"]["spec"]["template"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(pod)["volumeMounts"]}
    for variable, file in (("TLS_CERT", "tls.crt"), ("TLS_KEY", "tls.key")):
        assert environment(pod)[variable] == f"{mounts['tls']}/{file}"
    (secret,) = [volume["secret"] for volume in pod["spec"]["volumes"] if volume["name"] == "tls"]
    # The process is in the group, and nobody else reads it.
    assert secret["defaultMode"] == 0o440
    # The kubelet does not speak gRPC over TLS.
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert container(pod)[probe]["httpGet"] == {"path": path, "port": "metrics"}
        assert "grpc" not in container(pod)[probe]
        assert container(pod)[probe]["periodSeconds"] > 0
    for service in ("playlist-recommender", "playlist-recommender-headless"):
        (port,) = objects["Service", service]["spec"]["ports"]
        assert port["appProtocol"] == "https" and port["targetPort"] == "grpc"


def test_the_network_policy_of_the_document_selects_the_pods(tmp_path):
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "NetworkPolicy" in block]
    policy = yaml.safe_load(block)
    deployment = load("k8s/base/recommender/deployment.yaml")
    assert policy["spec"]["podSelector"]["matchLabels"] == deployment["spec"]["selector"]["matchLabels"]
    ports = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
    assert ports == [port["containerPort"] for port in container(deployment["spec"]["template"])["ports"]]
    file = tmp_path / "policy.yaml"
    file.write_text(block, encoding="utf-8")
    subprocess.run(["kubernetes-validate", "--strict", file], check=True)
