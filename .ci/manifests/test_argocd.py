"""What Argo CD may do, and what it waits for. That its files are of their types is in test_schemas.py."""

import re

import yaml

from conftest import ROOT, combination


def load(path: str) -> dict:
    """One object in a file."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def kinds(objects: list[dict], cluster_wide: bool) -> set[tuple[str, str]]:
    """Groups and kinds of objects that are in a namespace, or of those that are in none."""
    return {(one["apiVersion"].rpartition("/")[0], one["kind"]) for one in objects if (one["kind"] == "Namespace") is cluster_wide}


def test_argo_cd_may_do_what_the_overlays_need_and_no_more(plain):
    project, application = load("argocd/project.yaml"), load("argocd/application.yaml")
    assert application["spec"]["project"] == project["metadata"]["name"]
    assert project["spec"]["sourceRepos"] == [application["spec"]["source"]["repoURL"]]
    assert project["spec"]["destinations"] == [application["spec"]["destination"]]
    assert application["spec"]["destination"]["namespace"] == "playlist-recommender"
    assert (ROOT / application["spec"]["source"]["path"] / "kustomization.yaml").is_file()
    for scope, cluster_wide in (("clusterResourceWhitelist", True), ("namespaceResourceWhitelist", False)):
        allowed = {(entry["group"], entry["kind"]) for entry in project["spec"][scope]}
        assert allowed == kinds(plain.all, cluster_wide)


def test_argo_cd_keeps_the_cluster_in_step_by_itself():
    policy = load("argocd/application.yaml")["spec"]["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True}
    assert policy["retry"]["limit"] > 0
    # Replace would train at each sync; with a server-side apply the Job could not be replaced.
    assert "syncOptions" not in policy


def test_nothing_waits_for_anything_else_in_a_sync(objects):
    for one in objects.all:
        annotations = one["metadata"].get("annotations", {})
        assert not [name for name in annotations if name.startswith("argocd.argoproj.io/") and not name.endswith("/sync-options")]


def test_the_claim_and_what_it_lives_in_outlive_mistakes(objects):
    for kind, name in (("PersistentVolumeClaim", "model"), ("Namespace", "playlist-recommender")):
        options = objects.only(kind, name)["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
        assert options == "Prune=false,Delete=false"


def test_what_the_document_tells_to_add_for_the_autoscaler_fits_the_application():
    text = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "ignoreDifferences" in block]
    added = yaml.safe_load(block)
    assert added.keys() == {"spec"}
    (ignored,) = added["spec"]["ignoreDifferences"]
    deployment = combination("prod", ("hpa",)).only("Deployment", "recommender")
    assert ignored == {"group": "apps", "kind": "Deployment", "name": deployment["metadata"]["name"], "jsonPointers": ["/spec/replicas"]}
    assert added["spec"]["syncPolicy"]["syncOptions"] == ["RespectIgnoreDifferences=true"]
