"""What every overlay keeps with every set of components, and where files must agree that no schema connects."""

import re
import tomllib

import pytest
import yaml

from conftest import COMPONENTS, ONE_OFF, OVERLAYS, ROOT, container, edited, environment, help_of, render

# What clusters and people find the parts by.
NAMESPACE = "playlist-recommender"


def seconds(duration: str) -> float:
    """A duration as the binaries read it."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", duration).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def size(quantity: str) -> int:
    """Bytes, as Kubernetes or the trainer write them."""
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)B?", quantity).groups()
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit]


def port_of(address: str) -> int:
    """The port of an address."""
    return int(address.rpartition(":")[2])


def test_the_overlays_and_components_are_those_of_the_documents():
    assert OVERLAYS == ["dev", "prod"]
    assert COMPONENTS == ["hpa", "monitoring", "schedule", "tls", "token"]
    assert ONE_OFF == ["list", "prune", "rollback"]


def test_the_names_that_others_rely_on_are_there(objects):
    objects.only("Namespace", NAMESPACE)
    objects.only("Service", "playlist-recommender")
    objects.only("Deployment", "recommender")
    objects.only("Job", "trainer")
    objects.only("PersistentVolumeClaim", "model")
    assert objects.only("Service", "playlist-recommender-headless")["spec"]["clusterIP"] == "None"
    assert {one["metadata"].get("namespace") for one in objects.all if one["kind"] != "Namespace"} == {NAMESPACE}
    names = [(one["kind"], one["metadata"]["name"]) for one in objects.all]
    assert len(names) == len(set(names))


def test_the_namespace_is_one_line(tmp_path, plain):
    elsewhere = render(edited(tmp_path, plain.overlay, lambda kustomization: kustomization.update(namespace="elsewhere")))
    assert {one["metadata"].get("namespace", one["metadata"]["name"]) for one in elsewhere} == {"elsewhere"}
    assert len(elsewhere) == len(plain.all)


def test_images_have_a_registry_and_a_version(objects):
    for pod in objects.pods:
        assert re.fullmatch(r".+/.+:\d+\.\d+\.\d+", container(pod)["image"])
        # A tag is never pushed twice.
        assert container(pod).get("imagePullPolicy", "IfNotPresent") == "IfNotPresent"


def test_pods_keep_to_the_restricted_standard(objects):
    labels = objects.only("Namespace", NAMESPACE)["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
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
        for forbidden in ("hostNetwork", "hostPID", "hostIPC", "initContainers"):
            assert forbidden not in pod["spec"]


def test_requests_are_below_limits_and_the_trainer_stops_before_it_is_killed(objects):
    for pod in objects.pods:
        requests, limits = container(pod)["resources"]["requests"], container(pod)["resources"]["limits"]
        assert {"cpu", "memory"} <= requests.keys()
        assert size(requests["memory"]) <= size(limits["memory"])
        # Throttling would hold answers up.
        assert "cpu" not in limits
        if "MAX_MEMORY" in environment(pod):
            assert size(environment(pod)["MAX_MEMORY"]) < size(limits["memory"])
    assert "MAX_MEMORY" in environment(objects.pod("Job", "trainer"))


def test_services_budget_and_autoscaler_find_the_pods_and_nothing_else(objects):
    labels = objects.pod("Deployment", "recommender")["metadata"]["labels"].items()
    trainers = [pod["metadata"]["labels"].items() for pod in objects.pods if container(pod)["name"] == "trainer"]
    selectors = [one["spec"]["selector"] for one in objects.all if one["kind"] == "Service"]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in objects.all if one["kind"] in ("PodDisruptionBudget", "Deployment")]
    selectors += [
        spread["labelSelector"]["matchLabels"] for spread in objects.pod("Deployment", "recommender")["spec"]["topologySpreadConstraints"]
    ]
    assert len(selectors) == 5
    for selector in selectors:
        assert selector.items() <= labels
        # The trainer's pods must not get requests.
        assert not any(selector.items() <= trainer for trainer in trainers)
    ports = {port["name"]: port["containerPort"] for port in container(objects.pod("Deployment", "recommender"))["ports"]}
    for service in (one for one in objects.all if one["kind"] == "Service"):
        assert service["spec"]["type"] == "ClusterIP"
        (port,) = service["spec"]["ports"]
        assert ports[port["targetPort"]] == port["port"] == 52023
        assert port["appProtocol"] == ("https" if "tls" in objects.components else "kubernetes.io/h2c")
    for autoscaler in objects.named("HorizontalPodAutoscaler", "recommender"):
        target = autoscaler["spec"]["scaleTargetRef"]
        assert (target["apiVersion"], target["kind"], target["name"]) == ("apps/v1", "Deployment", "recommender")


def test_each_pod_has_a_network_policy_with_its_ports(objects):
    for pod in objects.pods:
        policies = [
            one["spec"]
            for one in objects.all
            if one["kind"] == "NetworkPolicy" and one["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        ]
        (policy,) = policies
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        allowed = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
        assert allowed == [port["containerPort"] for port in container(pod).get("ports", [])]
        # The recommender calls nobody, the trainer downloads.
        assert bool(policy["egress"]) is (container(pod)["name"] == "trainer")


def test_accounts_volumes_and_settings_that_pods_name_are_there(objects):
    secrets = {"tls": "recommender-tls", "token": "recommender-tokens"}
    expected = {secrets[component] for component in objects.components if component in secrets}
    for pod in objects.pods:
        account = objects.only("ServiceAccount", pod["spec"]["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False
        for volume in pod["spec"]["volumes"]:
            if "secret" in volume:
                expected.remove(volume["secret"]["secretName"])
            else:
                objects.only("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
        assert {mount["name"] for mount in container(pod)["volumeMounts"]} == {volume["name"] for volume in pod["spec"]["volumes"]}
        (model,) = [mount for mount in container(pod)["volumeMounts"] if mount["name"] == "model"]
        assert environment(pod)["MODEL_DIR"] == model["mountPath"]
        for source in container(pod).get("envFrom", []):
            assert objects.only("ConfigMap", source["configMapRef"]["name"])["data"]["DATASET"]
    assert not expected


def test_only_the_trainer_writes_and_only_to_the_volume(objects):
    for pod in objects.pods:
        writable = [mount["name"] for mount in container(pod)["volumeMounts"] if not mount.get("readOnly", False)]
        assert writable == (["model"] if container(pod)["name"] == "trainer" else [])


def test_a_drain_fits_into_the_time_that_the_cluster_allows(objects):
    pod = objects.pod("Deployment", "recommender")
    defaults = help_of("recommender").settings
    for variable in ("DRAIN_DELAY", "GRACE_PERIOD"):
        assert environment(pod)[variable] == defaults[variable]
    drain = seconds(environment(pod)["DRAIN_DELAY"]) + seconds(environment(pod)["GRACE_PERIOD"])
    assert drain + 5 <= pod["spec"]["terminationGracePeriodSeconds"]
    # The sum is stated there.
    text = (ROOT / "k8s/base/recommender/deployment.yaml").read_text(encoding="utf-8")
    (stated,) = re.findall(r"# DRAIN_DELAY (\d+) s \+ GRACE_PERIOD (\d+) s = (\d+) s\b.*\n(?: +#.*\n)* +terminationGracePeriodSeconds:", text)
    assert list(map(int, stated)) == [seconds(defaults["DRAIN_DELAY"]), seconds(defaults["GRACE_PERIOD"]), drain]


def test_liveness_does_not_depend_on_a_model_and_readiness_does(objects):
    recommender = container(objects.pod("Deployment", "recommender"))
    grpc = {port["name"]: port["containerPort"] for port in recommender["ports"]}["grpc"]
    for probe, service, path in (
        ("startupProbe", "liveness", "/healthz"),
        ("livenessProbe", "liveness", "/healthz"),
        ("readinessProbe", "", "/readyz"),
    ):
        # The kubelet does not speak gRPC over TLS.
        if "tls" in objects.components:
            assert recommender[probe]["httpGet"] == {"path": path, "port": "metrics"}
            assert "grpc" not in recommender[probe]
        else:
            assert recommender[probe]["grpc"] == {"port": grpc, "service": service}
        assert recommender[probe]["periodSeconds"] > 0
    # A slow start is no reason to be killed, and a replica that drains is taken out before its connections end.
    assert recommender["startupProbe"]["failureThreshold"] * recommender["startupProbe"]["periodSeconds"] >= 30
    assert recommender["readinessProbe"]["periodSeconds"] == 1


def test_a_rollout_takes_no_replica_away_before_another_is_ready(objects):
    strategy = objects.only("Deployment", "recommender")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert objects.only("PodDisruptionBudget", "recommender")["spec"]["maxUnavailable"] == 1
    (spread,) = objects.pod("Deployment", "recommender")["spec"]["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"


def test_more_than_one_replica_needs_a_volume_for_more_than_one_node(plain):
    replicas = plain.only("Deployment", "recommender")["spec"]["replicas"]
    modes = plain.only("PersistentVolumeClaim", "model")["spec"]["accessModes"]
    assert (replicas, modes) == {"dev": (1, ["ReadWriteOnce"]), "prod": (2, ["ReadWriteMany"])}[plain.overlay]


def test_the_autoscaler_alone_sets_the_number_of_replicas(objects):
    autoscalers = objects.named("HorizontalPodAutoscaler", "recommender")
    assert bool(autoscalers) is ("hpa" in objects.components)
    for autoscaler in autoscalers:
        assert "replicas" not in objects.only("Deployment", "recommender")["spec"]
        assert 2 <= autoscaler["spec"]["minReplicas"] < autoscaler["spec"]["maxReplicas"]


def test_settings_and_ports_are_those_that_help_names(objects):
    for pod in objects.pods:
        known = help_of(container(pod)["name"]).settings
        used = set(environment(pod))
        for source in container(pod).get("envFrom", []):
            used |= set(objects.only("ConfigMap", source["configMapRef"]["name"])["data"])
        assert used <= known.keys(), used - known.keys()
    defaults = help_of("recommender").settings
    ports = {port["name"]: port["containerPort"] for port in container(objects.pod("Deployment", "recommender"))["ports"]}
    assert ports == {"grpc": port_of(defaults["LISTEN"]), "metrics": port_of(defaults["METRICS_LISTEN"])}


def test_secrets_can_be_read_by_the_process_and_by_nobody_else(objects):
    pod = objects.pod("Deployment", "recommender")
    mounts = {mount["name"]: mount["mountPath"] for mount in container(pod)["volumeMounts"]}
    for volume in pod["spec"]["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o440
    files = {
        "tls": {"TLS_CERT": "/tls/tls.crt", "TLS_KEY": "/tls/tls.key"},
        "token": {"TOKEN_FILE": "/tokens/tokens"},
    }
    for component, variables in files.items():
        for variable, path in variables.items():
            assert environment(pod).get(variable) == (path if component in objects.components else None)
            if component in objects.components:
                assert path.rpartition("/")[0] in mounts.values()


def test_a_component_that_brings_another_kind_says_that_argo_cd_must_allow_it():
    project = yaml.safe_load((ROOT / "argocd/project.yaml").read_text(encoding="utf-8"))
    allowed = {entry["kind"] for entry in project["spec"]["namespaceResourceWhitelist"]}
    for component in COMPONENTS:
        folder = ROOT / "k8s" / "components" / component
        text = (folder / "kustomization.yaml").read_text(encoding="utf-8")
        for resource in yaml.safe_load(text).get("resources", []):
            brought = yaml.safe_load((folder / resource).read_text(encoding="utf-8"))
            if brought["kind"] not in allowed:
                assert brought["kind"] in text and brought["apiVersion"].rpartition("/")[0] in text, component


def test_the_patch_of_the_document_lets_in_its_callers_alone(tmp_path, plain):
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "NetworkPolicy" in block]

    def take_up(kustomization: dict) -> None:
        kustomization["patches"] = [*kustomization.get("patches", []), {"path": "networkpolicy.yaml"}]

    folder = edited(tmp_path, plain.overlay, take_up)
    (folder / "networkpolicy.yaml").write_text(block, encoding="utf-8")
    (changed,) = [one for one in render(folder) if one not in plain.all]
    (before,) = [one for one in plain.all if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", "recommender")]
    assert changed == before | {"spec": before["spec"] | yaml.safe_load(block)["spec"]}
    assert all(rule["from"] for rule in changed["spec"]["ingress"])


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
