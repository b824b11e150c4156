#!/usr/bin/env bash
# Puts the programs that the tests and the demonstration start into target/tools/.
#
#   scripts/tools.sh            all of them
#   scripts/tools.sh helm …     only those named
#
# A program is taken, in this order, from
#   1. KUBEBUILDER_ASSETS, in whatever version lies there: who sets it has chosen;
#   2. target/tools, if it was built from the same go.mod and go.sum;
#   3. PATH, if it says that it is of the pinned version;
#   4. Go: built from the module under tests/tools/ that pins it.
# Cases 1 and 3 leave a symbolic link, so whoever starts a program needs to look in one folder.
# TOOLS_DIR names another folder than target/tools.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=${TOOLS_DIR:-$root/target/tools}
modules=$root/tests/tools
every=(kustomize helm kubectl etcd kube-apiserver kube-controller-manager kube-scheduler kwok)

# Which folder of tests/tools/ builds the program, which module's version is its own, which package it is.
describe() {
  case $1 in
    kustomize) folder=kustomize module=sigs.k8s.io/kustomize/kustomize/v5 package=$module ;;
    helm) folder=helm module=helm.sh/helm/v4 package=$module/cmd/helm ;;
    kwok) folder=kwok module=sigs.k8s.io/kwok package=$module/cmd/kwok ;;
    etcd) folder=controlplane module=go.etcd.io/etcd/server/v3 package=$module ;;
    kubectl | kube-apiserver | kube-controller-manager | kube-scheduler)
      folder=controlplane module=k8s.io/kubernetes package=$module/cmd/$1 ;;
    *) fail "no tool is called '$1'; there are: ${every[*]}" ;;
  esac
  version=$(awk -v module="$module" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$modules/$folder/go.mod")
  [[ -n $version ]] || fail "tests/tools/$folder/go.mod does not pin $module"
}

# Linker flags that make a program report the version it was built from, as its publisher's builds do.
linker_flags() {
  local base=k8s.io/component-base/version number=${version#v}
  case $1 in
    kustomize) echo "-s -w -X sigs.k8s.io/kustomize/api/provenance.version=$version" ;;
    helm) echo "-s -w -X helm.sh/helm/v4/internal/version.version=$version" ;;
    etcd | kwok) echo "-s -w" ;;
    *) echo "-s -w -X $base.gitVersion=$version -X $base.gitMajor=${number%%.*}" \
      "-X $base.gitMinor=$(cut -d. -f2 <<<"$number")" ;;
  esac
}

# What a program says about its own version, as vX.Y.Z; empty if it says nothing we understand.
version_of() {
  local -a ask=(--version)
  case $(basename "$1") in
    kustomize | helm) ask=(version) ;;
    kubectl) ask=(version --client) ;;
  esac
  { timeout 20 "$1" "${ask[@]}" </dev/null 2>/dev/null || true; } |
    { grep -oE 'v?[0-9]+\.[0-9]+\.[0-9]+[-+.0-9A-Za-z]*' || true; } | sed -n '1s/^v\{0,1\}/v/p'
}

# Changes whenever a rebuild could give another program.
fingerprint() {
  { cat "$modules/$folder/go.mod" "$modules/$folder/go.sum"; linker_flags "$1"; } | sha256sum | cut -d' ' -f1
}

say() { printf '%-24s %s\n' "$1" "$2"; }

fail() {
  printf 'tools: %s\n' "$*" >&2
  exit 1
}

link() {
  rm -f "$tools/.$1.built"
  ln -sfn "$(readlink -f "$2")" "$tools/$1"
}

# Prints how long a build has taken: in place on a terminal, else once in 30 s.
wait_for() {
  local pid=$1 label=$2 started=$3 spent=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    spent=$((SECONDS - started))
    if [[ -t 1 ]]; then
      printf '\r%-24s building %s … %d s ' "$label" "$version" "$spent"
    elif ((spent >= next_word)); then
      say "$label" "still building, $spent s"
      next_word=$((next_word + 30))
    fi
  done
  [[ ! -t 1 ]] || printf '\r\033[K'
  wait "$pid"
}

# Ends the build that runs, and what it started, with the script.
interrupted() {
  trap - INT TERM
  if [[ -n $building ]]; then
    # As a person's Ctrl-C: Go then removes what it was working on.
    kill -INT -- "-$building" 2>/dev/null || true
    wait "$building" 2>/dev/null || true
  fi
  exit "$1"
}
building=
trap 'interrupted 130' INT
trap 'interrupted 143' TERM

build() {
  local name=$1 started=$SECONDS next_word=30 log=$tools/.$1.log
  command -v go >/dev/null || fail "$name $version has to be built, and there is no Go here." \
    "Install Go 1.26 or newer (see https://go.dev/doc/install), then run: make tools"
  [[ -t 1 ]] || say "$name" "building $version"
  # With job control it gets a process group of its own; without, it would ignore Ctrl-C and live on.
  set -m
  (
    cd "$modules/$folder"
    CGO_ENABLED=0 GOFLAGS=-mod=readonly exec nice -n 5 \
      go build -trimpath -ldflags "$(linker_flags "$name")" -o "$tools/.$name.new" "$package"
  ) >"$log" 2>&1 </dev/null &
  building=$!
  set +m
  if ! wait_for "$building" "$name" "$started"; then
    tail -n 20 "$log" >&2
    fail "building $name $version failed (whole output: $log). Run it again: $0 $name"
  fi
  building=
  mv -f "$tools/.$name.new" "$tools/$name"
  fingerprint "$name" >"$tools/.$name.built"
  rm -f "$log"
  say "$name" "$version, built in $((SECONDS - started)) s"
}

# kwok does nothing without its stages, which lie in its module and not in its program.
stages() {
  local from stamp=$tools/kwok-stages/.version
  [[ $(cat "$stamp" 2>/dev/null) != "$version" ]] || return 0
  command -v go >/dev/null || fail "kwok's stages come from its Go module, and there is no Go here." \
    "Install Go 1.26 or newer (see https://go.dev/doc/install), then run: make tools"
  from=$(cd "$modules/kwok" && go mod download sigs.k8s.io/kwok && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)
  rm -rf "$tools/kwok-stages"
  cp -R --no-preserve=mode "$from/kustomize/stage" "$tools/kwok-stages"
  echo "$version" >"$stamp"
  say kwok-stages "$version, copied from kwok's module"
}

obtain() {
  local name=$1 folder module package version on_path
  describe "$name"
  if [[ -n ${KUBEBUILDER_ASSETS:-} && -x $KUBEBUILDER_ASSETS/$name ]]; then
    if [[ ! $KUBEBUILDER_ASSETS -ef $tools ]]; then
      link "$name" "$KUBEBUILDER_ASSETS/$name"
      say "$name" "$(version_of "$tools/$name"), from KUBEBUILDER_ASSETS"
    fi
  elif [[ -x $tools/$name && $(cat "$tools/.$name.built" 2>/dev/null) == "$(fingerprint "$name")" ]]; then
    say "$name" "$version, built before"
  elif on_path=$(type -P "$name") && [[ ! ${on_path%/*} -ef $tools ]] &&
    [[ $(version_of "$on_path") == "$version" ]]; then
    link "$name" "$on_path"
    say "$name" "$version, from $on_path"
  else
    build "$name"
  fi
  [[ $name != kwok ]] || stages
}

mkdir -p "$tools"
(($# > 0)) || set -- "${every[@]}"
for name in "$@"; do
  obtain "$name"
done
