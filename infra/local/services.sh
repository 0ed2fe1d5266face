#!/usr/bin/env bash
# Installs the servers that service tests use: PostgreSQL and Chromium by apt, an S3 server built by Go.
# What is there already is left alone; a second call is immediate.
set -euo pipefail

readonly S3_MODULE=github.com/versity/versitygw/cmd/versitygw S3_VERSION=v1.8.0
readonly CACHE=${SMART_ROUTING_CACHE:-$HOME/.cache/smart-routing}
readonly S3_STAMP=$CACHE/bin/.versitygw-$S3_VERSION
PATH=$PATH:/usr/local/go/bin

say() { echo "services: $*"; }

any_program() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null && return
    done
    return 1
}

missing_packages() {
    any_program postgres /usr/lib/postgresql/*/bin/postgres || echo postgresql
    any_program chromium chromium-browser google-chrome || echo chromium
}

install_packages() {
    local -a packages
    mapfile -t packages < <(missing_packages)
    ((${#packages[@]})) || return 0
    if ((EUID != 0)) || ! any_program apt-get; then
        say "not installed: ${packages[*]}; as root on Debian: apt-get install ${packages[*]}" >&2
        return 1
    fi
    say "installing ${packages[*]}"
    local attempt
    for attempt in 1 2 3; do
        apt_install "${packages[@]}" && return
        say "apt-get failed (attempt $attempt of 3)" >&2
        sleep $((attempt * 5))
    done
    return 1
}

# RUNLEVEL=1 keeps Debian from starting a PostgreSQL of its own: each test session starts one.
apt_install() {
    local -a apt=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null
}

build_s3_server() {
    [[ -e $S3_STAMP ]] && return
    if ! any_program go; then
        say "not installed: go (1.25 or newer), which builds the S3 server versitygw $S3_VERSION" >&2
        return 1
    fi
    say "building versitygw $S3_VERSION (about two minutes)"
    mkdir -p "$CACHE/bin"
    work=$(mktemp -d "$CACHE/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    GOMODCACHE=$work/modules GOCACHE=$work/objects GOBIN=$work/bin GOFLAGS=-modcacherw CGO_ENABLED=0 \
        go install -trimpath -ldflags='-s -w' "$S3_MODULE@$S3_VERSION" &>"$work/log" || { cat "$work/log" >&2; return 1; }
    mv "$work/bin/versitygw" "$CACHE/bin/"
    touch "$S3_STAMP"
}

complete=true
install_packages || complete=false
build_s3_server || complete=false
$complete || { say "incomplete: tests of what is missing are skipped" >&2; exit 1; }
say "all there: PostgreSQL, Chromium, S3 server"
