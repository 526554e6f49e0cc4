"""What an API server makes of the manifests, and when the training runs again: applied by hand, and by Argo CD's own engine."""

import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import NAMESPACE, ROOT, Cluster

OVERLAYS = ["dev", "prod"]
WAYS = [Cluster.by_hand, Cluster.by_argo_cd]


class Checkout:
    """A copy of the manifests, to be edited as in git."""

    def __init__(self, folder: Path, overlay: str = "prod"):
        subprocess.run(["cp", "-r", ROOT / "k8s", folder], check=True)
        self.k8s = folder / "k8s"
        self.overlay = self.k8s / "overlays" / overlay
        self.file = self.overlay / "kustomization.yaml"

    def edit(self, before: str, after: str) -> None:
        """Changes one line."""
        text = self.file.read_text(encoding="utf-8")
        assert text.count(before) == 1
        self.file.write_text(text.replace(before, after), encoding="utf-8")


DATASET = ("DATASET=https://datasets.example/playlists.csv.gz", "DATASET=https://datasets.example/others.csv.gz")
PARAMETER = (DATASET[0], f"{DATASET[0]}\n      - MIN_SUPPORT=2%")
TRAINER = ("/trainer\n    newTag: 0.1.0", "/trainer\n    newTag: 0.2.0")
RECOMMENDER = ("/recommender\n    newTag: 0.1.0", "/recommender\n    newTag: 0.2.0")
REPLICAS = ("count: 2", "count: 5")


@pytest.mark.parametrize("apply", WAYS)
@pytest.mark.parametrize(
    ("edit", "trains_again"),
    [(DATASET, True), (PARAMETER, True), (TRAINER, True), (RECOMMENDER, False), (REPLICAS, False), (None, False)],
    ids=["dataset", "parameter", "trainer", "recommender", "replicas", "nothing"],
)
def test_the_training_runs_again_when_what_it_trains_from_changes_and_only_then(cluster, tmp_path, apply, edit, trains_again):
    checkout = Checkout(tmp_path)
    apply(cluster, checkout.overlay)
    before = cluster.get("job", "trainer")

    if edit:
        checkout.edit(*edit)
    apply(cluster, checkout.overlay)

    after = cluster.get("job", "trainer")
    assert (after["metadata"]["uid"] != before["metadata"]["uid"]) is trains_again
    if edit is REPLICAS:
        assert cluster.get("deployment", "recommender")["spec"]["replicas"] == 5
    if edit is RECOMMENDER:
        (container,) = cluster.get("deployment", "recommender")["spec"]["template"]["spec"]["containers"]
        assert container["image"].endswith("/recommender:0.2.0")
    # Its settings are there.
    (container,) = after["spec"]["template"]["spec"]["containers"]
    assert cluster.get("configmap", container["envFrom"][0]["configMapRef"]["name"])["data"]["DATASET"]


def test_by_hand_the_claim_stays_whatever_its_overlay_says(cluster, tmp_path):
    checkout = Checkout(tmp_path)
    cluster.by_hand(checkout.overlay)
    before = cluster.get("persistentvolumeclaim", "model")

    claim = checkout.overlay / "persistentvolumeclaim.yaml"
    claim.write_text(claim.read_text(encoding="utf-8").replace("storageClassName: shared", "storageClassName: other"), encoding="utf-8")
    checkout.edit(*DATASET)
    cluster.by_hand(checkout.overlay)

    assert cluster.get("persistentvolumeclaim", "model") == before


def test_to_replace_the_job_would_train_at_each_sync(cluster, tmp_path):
    checkout = Checkout(tmp_path)
    job = checkout.k8s / "base/trainer/job.yaml"
    job.write_text(job.read_text(encoding="utf-8").replace("Force=true", "Replace=true,Force=true"), encoding="utf-8")
    cluster.by_argo_cd(checkout.overlay)
    before = cluster.get("job", "trainer")["metadata"]["uid"]

    checkout.edit(*REPLICAS)
    cluster.by_argo_cd(checkout.overlay)

    assert cluster.get("job", "trainer")["metadata"]["uid"] != before


def test_argo_cd_prunes_old_settings_and_never_the_claim(cluster, tmp_path):
    checkout = Checkout(tmp_path)
    cluster.by_argo_cd(checkout.overlay)
    claim = cluster.get("persistentvolumeclaim", "model")["metadata"]["uid"]

    checkout.edit(*DATASET)
    (checkout.k8s / "base/kustomization.yaml").write_text(
        (checkout.k8s / "base/kustomization.yaml").read_text(encoding="utf-8").replace("  - model\n", ""), encoding="utf-8"
    )
    checkout.edit("patches:\n  - path: persistentvolumeclaim.yaml\n", "")
    cluster.by_argo_cd(checkout.overlay)

    listed = yaml.safe_load(cluster.kubectl("-n", NAMESPACE, "get", "configmaps", "-o", "yaml").stdout)["items"]
    # What is deleted stays as it is until a controller, which there is none of here, has deleted what depends on it.
    kept = [one["data"]["DATASET"] for one in listed if "deletionTimestamp" not in one["metadata"]]
    deleted = [one["data"]["DATASET"] for one in listed if "deletionTimestamp" in one["metadata"]]
    assert (kept, deleted) == (["https://datasets.example/others.csv.gz"], ["https://datasets.example/playlists.csv.gz"])
    metadata = cluster.get("persistentvolumeclaim", "model")["metadata"]
    assert metadata["uid"] == claim and "deletionTimestamp" not in metadata


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_server_takes_all_components_and_admits_the_pods(cluster, tmp_path, overlay):
    checkout = Checkout(tmp_path, overlay)
    top = checkout.k8s / "overlays/top"
    top.mkdir()
    # The kinds of `monitoring` come with operators.
    components = ["hpa", "schedule", "tls", "token"]
    kustomization = {
        "namespace": NAMESPACE,
        "resources": [f"../{overlay}"],
        "components": [f"../../components/{component}" for component in components],
    }
    (top / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    for folder in (checkout.overlay, top):
        cluster.by_hand(folder)
        for one in yaml.safe_load_all(cluster.kubectl("kustomize", folder).stdout):
            if one["kind"] not in ("Deployment", "Job"):
                continue
            pod = one["spec"]["template"] | {"apiVersion": "v1", "kind": "Pod"}
            pod["metadata"] = pod["metadata"] | {"name": "pod", "namespace": NAMESPACE}
            admitted = cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod))
            assert "Warning" not in admitted.stderr
            # And the standard is in force.
            pod["spec"]["securityContext"]["runAsNonRoot"] = False
            refused = cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod), check=False)
            assert refused.returncode and "restricted" in refused.stderr


def test_the_autoscaler_is_taken_up_without_losing_replicas(cluster, tmp_path):
    checkout = Checkout(tmp_path)
    cluster.by_hand(checkout.overlay)
    checkout.edit("replicas:\n  - name: recommender\n    count: 2\n", "components:\n  - ../../components/hpa\n")

    editor = {"KUBE_EDITOR": "sed -i '/^ *replicas: /d'"}
    cluster.kubectl("-n", NAMESPACE, "apply", "edit-last-applied", "deployment/recommender", env=editor)
    cluster.by_hand(checkout.overlay)

    assert cluster.get("deployment", "recommender")["spec"]["replicas"] == 2
    assert cluster.get("hpa", "recommender")["spec"]["minReplicas"] == 2


@pytest.mark.parametrize("name", ["list", "rollback", "prune"])
def test_a_one_off_job_is_created_beside_the_trainer_s(cluster, name):
    cluster.by_argo_cd(ROOT / "k8s/overlays/prod")
    trainer = cluster.get("job", "trainer")["metadata"]["uid"]
    rendered = cluster.kubectl("kustomize", ROOT / "k8s/one-off" / name).stdout

    cluster.kubectl("create", "-f", "-", stdin=rendered)
    # Argo CD leaves it alone.
    cluster.by_argo_cd(ROOT / "k8s/overlays/prod")

    assert cluster.get("job", f"versions-{name}")["spec"]["ttlSecondsAfterFinished"] == 600
    assert cluster.get("job", "trainer")["metadata"]["uid"] == trainer
