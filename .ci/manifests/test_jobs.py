"""The Jobs: what makes the training run again, what ends it, and the one-off Jobs, whose commands are run here on a real volume."""

import copy
import json
import re
import subprocess

import pytest
import yaml

from conftest import BINARIES, CLEAN_ENVIRONMENT, ONE_OFF, ROOT, combination, container, edited, environment, help_of, render, template

SAMPLES = [ROOT / "demo" / "sample" / name for name in ("playlists.csv", "playlists-update.csv")]
DOCUMENT = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


def set_dataset(overlay: dict) -> None:
    overlay["configMapGenerator"][0]["literals"] = ["DATASET=https://datasets.example/another.csv"]


def set_parameter(overlay: dict) -> None:
    overlay["configMapGenerator"][0]["literals"].append("MIN_SUPPORT=2%")


def set_tag_of_trainer(overlay: dict) -> None:
    overlay["images"][0]["newTag"] = "99.0.0"


def set_tag_of_recommender(overlay: dict) -> None:
    overlay["images"][1]["newTag"] = "99.0.0"


def set_replicas(overlay: dict) -> None:
    overlay["replicas"][0]["count"] = 99


@pytest.mark.parametrize(
    ("change", "trains_again"),
    [(set_dataset, True), (set_parameter, True), (set_tag_of_trainer, True), (set_tag_of_recommender, False), (set_replicas, False)],
)
def test_the_job_changes_with_what_it_trains_from_and_with_nothing_else(tmp_path, plain, change, trains_again):
    after = render(edited(tmp_path, plain.overlay, change))
    assert after != plain.all
    jobs = [next(one for one in objects if one["kind"] == "Job") for objects in (plain.all, after)]
    assert jobs[0]["metadata"] == jobs[1]["metadata"]
    assert jobs[0]["metadata"]["name"] == "trainer"
    assert (jobs[0]["spec"]["template"] != jobs[1]["spec"]["template"]) is trains_again
    assert (jobs[0]["spec"] != jobs[1]["spec"]) is trains_again


def test_the_images_are_in_the_order_in_which_these_tests_change_them():
    for file in (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml"):
        images = yaml.safe_load(file.read_text(encoding="utf-8"))["images"]
        assert [image["name"] for image in images] == ["trainer", "recommender"]


def test_argo_cd_replaces_the_job_when_it_changes_and_only_then(objects):
    job = objects.only("Job", "trainer")
    assert job["metadata"]["annotations"] == {"argocd.argoproj.io/sync-options": "Force=true"}
    # With a time to live, self-healing would train for ever.
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert template(job)["spec"]["restartPolicy"] == "Never"
    assert job["spec"]["activeDeadlineSeconds"] > 0


def test_trying_again_ends_at_once_where_it_would_change_nothing(objects):
    job = objects.only("Job", "trainer")
    # 0 is success, and 1 may pass.
    hopeless = sorted(help_of("trainer").exit_codes - {0, 1})
    ignored, failing = job["spec"]["podFailurePolicy"]["rules"]
    assert ignored == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
    assert failing == {
        "action": "FailJob",
        "onExitCodes": {"containerName": container(template(job))["name"], "operator": "In", "values": hopeless},
    }
    assert hopeless == [2, 3, 4]


def test_a_scheduled_run_is_the_job_s(objects):
    scheduled = objects.named("CronJob", "trainer")
    assert bool(scheduled) is ("schedule" in objects.components)
    for one in scheduled:
        assert one["spec"]["jobTemplate"]["spec"] == objects.only("Job", "trainer")["spec"]
        assert one["spec"]["concurrencyPolicy"] == "Forbid"
        # What it runs in is as old as the settings that it was written with.
        assert one["spec"]["timeZone"] == "Etc/UTC"


@pytest.mark.parametrize("name", ONE_OFF)
def test_a_one_off_job_is_the_trainer_s_but_for_what_it_runs(name):
    (job,) = render(ROOT / "k8s" / "one-off" / name)
    trainer = copy.deepcopy(combination("prod", ()).only("Job", "trainer"))
    assert job["metadata"]["name"] == f"versions-{name}"
    assert job["metadata"]["namespace"] == trainer["metadata"]["namespace"]
    # Argo CD must not take it for one of its own, nor must it stay.
    assert "annotations" not in job["metadata"]
    assert job["spec"]["ttlSecondsAfterFinished"] > 0 == job["spec"]["backoffLimit"]
    ours, theirs = template(job), template(trainer)
    assert container(ours).pop("args")[:2] == ["versions", name]
    container(theirs).pop("envFrom", None)
    assert ours == theirs


def test_a_one_off_job_is_alone_whatever_the_overlay_has_taken_up(objects, tmp_path):
    def take_all_up(kustomization: dict) -> None:
        if objects.components:
            kustomization["components"] = [f"../../components/{component}" for component in objects.components]

    edited(tmp_path, "prod", take_all_up)
    assert [one["kind"] for one in render(tmp_path / "k8s/one-off/list")] == ["Job"]


def shell(commands: str, calls: str) -> str:
    """What commands of the document print where `kubectl` is a stand-in that renders, and shows what it would create."""
    stand_in = f"""
        kubectl() {{
            case "$*" in
            "kustomize "*) kustomize build "$2" ;;
            "create -f -") cat ;;
            *) echo "kubectl $*" >>"{calls}" ;;
            esac
        }}
        set -eu -o pipefail
    """
    done = subprocess.run(["bash", "-c", stand_in + commands], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def documented(name: str) -> str:
    """The commands of the document that make a one-off Job."""
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL) if f"k8s/one-off/{name}" in block]
    return block


def run_in_place(commands: str, volume, tmp_path) -> str:
    """Runs what the documented commands would create: the same arguments and environment, on a volume of a test."""
    calls = tmp_path / "calls"
    (job,) = yaml.safe_load_all(shell(commands, calls))
    followed = calls.read_text(encoding="utf-8")
    assert f"job/{job['metadata']['name']}" in followed and f"--namespace {job['metadata']['namespace']}" in followed
    run = container(template(job))
    variables = environment(template(job)) | {"MODEL_DIR": str(volume)}
    done = subprocess.run(
        [BINARIES / "trainer", *run["args"]], env=CLEAN_ENVIRONMENT | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def train(volume, dataset) -> str:
    """Trains, and returns the version."""
    variables = CLEAN_ENVIRONMENT | {"DATASET": str(dataset), "MODEL_DIR": str(volume)}
    done = subprocess.run([BINARIES / "trainer", "--json"], env=variables, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["version"]


def test_the_documented_commands_list_roll_back_and_prune(tmp_path):
    volume = tmp_path / "volume"
    first, second = [train(volume, sample) for sample in SAMPLES]
    listed = run_in_place(documented("list"), volume, tmp_path)
    assert f"* {second}" in listed and f"  {first}" in listed

    # People put the version in the place of its stand-in.
    assert "version=20" in documented("rollback")
    rolled_back = run_in_place(re.sub(r"version=\S+", f"version={first}", documented("rollback")), volume, tmp_path)
    assert f"{first} is in service" in rolled_back
    assert (volume / "CURRENT").read_text(encoding="utf-8") == f"{first}\n"

    assert "nothing to remove" in run_in_place(documented("prune"), volume, tmp_path)
    assert {path.name for path in (volume / "versions").iterdir()} == {first, second}
