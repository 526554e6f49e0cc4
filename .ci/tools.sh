# The tools of .ci/run, each at one pinned version, installed once from the package registries. Sourced, not run.
# shellcheck shell=bash

CI_TOOLS=${CI_TOOLS:-${XDG_CACHE_HOME:-${HOME:-$ROOT/target}/.cache}/playlist-recommender-ci}
export CI_TOOLS

# Puts a tool on the path: `tool NAME FOLDER COMMAND...` runs the command, which installs into FOLDER, unless it was run before.
tool() {
    local name=$1 folder=$CI_TOOLS/$2
    shift 2
    if [ ! -e "$folder/.installed" ]; then
        echo "installing $name into $folder"
        rm -rf "$folder"
        mkdir -p "$folder"
        if ! "$@" "$folder"; then
            echo "$name could not be installed"
            echo "$name" >"$SCRATCH/missing"
            return 1
        fi
        touch "$folder/.installed"
    fi
    PATH=$folder/bin:$PATH
}

# Says that what installs a tool is missing itself.
needs() {
    if ! command -v "$1" >/dev/null; then
        echo "\`$1\` is missing"
        echo "$1" >"$SCRATCH/missing"
        return 1
    fi
}

from_go() {
    GOBIN=$2/bin go install "$1"
}

# `from_our_go NAME FOLDER`: the programs in our own folder, built again when it changes.
from_our_go() {
    needs go
    local digest
    digest=$(cd "$2" && find . -name '*.go' -o -name 'go.*' | sort | xargs sha256sum | sha256sum | cut -c 1-16)
    tool "$1" "$1-$digest" build_go "$2"
}

build_go() {
    mkdir -p "$2/bin" && (cd "$1" && go build -mod=readonly -ldflags='-s -w' -o "$2/bin/" ./...)
}

# `from_npm PACKAGE... FOLDER`.
from_npm() {
    npm install --global --prefix "${!#}" --no-audit --no-fund --loglevel error "${@:1:$#-1}"
}

from_pypi() {
    # Wheels alone: a source package may fetch a binary from elsewhere.
    python3 -m venv "$2" && "$2/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$1"
}

# `from_crates_io CRATE VERSION FEATURES FOLDER`. Nobody ships these prebuilt; without optimisation across crates they are built in a
# third of the time and work as fast.
from_crates_io() {
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_TARGET_DIR=$4/build \
        cargo install --locked --quiet --no-default-features --features "$3" --root "$4" --version "$2" "$1" && rm -rf "$4/build"
}

# A distribution replaces its packages when they are mended, so these have no version here. No service is started by them.
from_debian() {
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo -n)
    "${root[@]}" apt-get update --quiet=2 &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 timeout 10m apt-get install --quiet=2 --yes --no-install-recommends "$@" >/dev/null
}

# Installs PACKAGES for those COMMANDS that are missing: `command_from_debian 'COMMAND...' PACKAGE...`.
command_from_debian() {
    local command missing=
    for command in $1; do
        PATH=$PATH:/usr/sbin command -v "$command" >/dev/null || missing=$command
    done
    shift
    [ -n "$missing" ] || return 0
    echo "installing $* for \`$missing\`"
    if ! command -v apt-get >/dev/null || ! from_debian "$@"; then
        echo "\`$missing\` could not be installed"
        echo "$missing" >"$SCRATCH/missing"
        return 1
    fi
}

install_sshd() {
    command_from_debian 'ssh sshd ssh-keygen ps' openssh-client openssh-server procps
    # Where the service would make it, for root's sshd.
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
}

# Gives a process another wall clock.
install_faketime() {
    command_from_debian faketime faketime
}

# What builds images and runs containers.
install_container_tools() {
    if [ "$(id -u)" -ne 0 ]; then
        echo 'this needs root'
        echo root >"$SCRATCH/missing"
        return 1
    fi
    # runc starts containers also where control groups are of both versions.
    command_from_debian 'buildah podman runc ip openssl readelf' buildah podman runc iproute2 openssl binutils || return
    # Images and layers have a place of their own, which can be removed at any time; another toolchain begins another.
    local place driver=overlay
    place=$CI_TOOLS/containers-$({ rustc -vV && cat "$ROOT/.ci/images/build"; } | sha256sum | cut -c 1-16)
    mkdir -p "$place"
    buildah --storage-driver overlay --root "$place/layers" --runroot "$place/run" images >/dev/null 2>&1 || driver=vfs
    printf '[storage]\ndriver = "%s"\ngraphroot = "%s/layers"\nrunroot = "%s/run"\n' "$driver" "$place" "$place" >"$place/storage.conf"
    export CONTAINERS_STORAGE_CONF=$place/storage.conf
}

install_cargo_deny() {
    tool cargo-deny cargo-deny-0.20.2 from_crates_io cargo-deny 0.20.2 ''
}

# Two minutes of two cores.
install_mdbook() {
    tool mdbook mdbook-0.5.4 from_crates_io mdbook 0.5.4 search
}

# Four minutes of two cores.
install_cargo_semver_checks() {
    tool cargo-semver-checks cargo-semver-checks-0.51.0 from_crates_io cargo-semver-checks 0.51.0 ''
}

install_grpcurl() {
    needs go
    tool grpcurl grpcurl-1.9.4 from_go github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
}

install_actionlint() {
    needs go
    tool actionlint actionlint-1.7.12 from_go github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
}

# The library that `kubectl apply -k` uses, as a program.
install_kustomize() {
    needs go
    tool kustomize kustomize-5.8.1 from_go sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
}

# Our own programs, whose dependencies are the Go types of Kubernetes, Argo CD and the Prometheus operator.
install_typed_manifests() {
    from_our_go typed-manifests "$ROOT/.ci/typed"
}

# An API server and its store, kubectl, and Argo CD's engine.
install_control_plane() {
    from_our_go control-plane "$ROOT/.ci/control-plane"
}

install_buf() {
    needs npm
    tool buf buf-1.75.0 from_npm @bufbuild/buf@1.75.0
}

# A library for browsers that speaks gRPC-Web, for node to `require`.
install_connect_web() {
    needs npm
    tool connect-web connect-web-2.3.0 from_npm @connectrpc/connect-web@2.3.0 @connectrpc/connect@2.3.0 @bufbuild/protobuf@2.17.0
    export NODE_PATH=$CI_TOOLS/connect-web-2.3.0/lib/node_modules
}

# The clients of the service that this one replaced.
install_http_clients() {
    command_from_debian 'curl wget' curl wget
}

# A browser, with letters to draw; axe-core, which finds what keeps people out of a page; and Google's library for gRPC-Web, which streams in
# browsers alone.
install_browser() {
    # Ubuntu's package of Chromium wants snapd, but its machines for workflows have Chrome.
    CHROMIUM=$(command -v google-chrome || true)
    if [ -z "$CHROMIUM" ]; then
        command_from_debian chromium chromium fonts-dejavu-core || return
        CHROMIUM=$(command -v chromium)
    fi
    needs npm
    tool axe-core axe-core-4.14.1 from_npm axe-core@4.14.1
    AXE=$CI_TOOLS/axe-core-4.14.1/lib/node_modules/axe-core/axe.min.js
    tool grpc-web grpc-web-2.1.1 from_npm grpc-web@2.1.1
    GRPC_WEB=$CI_TOOLS/grpc-web-2.1.1/lib/node_modules/grpc-web/index.js
    export CHROMIUM AXE GRPC_WEB
}

# Linters of scripts, YAML and Dockerfiles, pytest, and what the tests import.
install_python_tools() {
    needs python3
    local requirements=$ROOT/.ci/requirements.txt
    tool 'the Python packages' "python-$(sha256sum "$requirements" | cut -c 1-16)" from_pypi "$requirements"
}
