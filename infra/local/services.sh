#!/usr/bin/env bash
# Installs the servers of the service tests and of the stack: by apt what Debian has, by Go and Maven the rest.
# What is there already is left alone; a second call is immediate.
set -euo pipefail

readonly CACHE=${SMART_ROUTING_CACHE:-$HOME/.cache/smart-routing}
readonly TRINO=trino-server-476 GATEWAY=gateway-ha-20-jar-with-dependencies.jar
readonly TRINO_SHA256=cfd5accde17e8ebd251eeeb78aed1f490e77bb3a164d95a0f454bf8a7c1cbd3f
readonly GATEWAY_SHA256=fbdd59a5a45aa258ed0181843cf6c71825b520ffb59b61f3c2e5d55e9100b519
readonly TRINO_PLUGINS=(http-event-listener iceberg memory tpcds tpch)
readonly JAVA_RELEASE=25
PATH=$PATH:/usr/local/go/bin:/usr/sbin

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
    any_program redis-server || echo redis-server
    any_program mariadbd || echo mariadb-server
    any_program prometheus || echo prometheus
    any_program prometheus-alertmanager alertmanager || echo prometheus-alertmanager
    any_program chromium chromium-browser google-chrome || echo chromium
    any_program curl || echo curl
    [[ $(ldconfig -p) == *libgomp.so.1* ]] || echo libgomp1 # which LightGBM loads
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

# RUNLEVEL=1 keeps Debian from starting servers of its own: tests and the stack start theirs.
apt_install() {
    local -a apt=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null
}

# build NAME VERSION MODULE [PACKAGE]: one program of a Go module. Of the module itself, not by `go install`, which asks
# a proxy for more than some of them answer.
build() (
    name=$1 version=$2 module=$3 package=${4:-.}
    stamp=$CACHE/bin/.$name-$version
    [[ -e $stamp ]] && exit
    if ! any_program go; then
        say "not installed: go (1.25 or newer; a package of Debian or go.dev), which builds $name $version" >&2
        exit 1
    fi
    say "building $name $version"
    work=$(mktemp -d "$CACHE/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    export GOMODCACHE=$work/modules GOCACHE=$work/objects GOFLAGS=-modcacherw CGO_ENABLED=0
    if go mod download -json "$module@$version" >"$work/module.json" 2>"$work/log" &&
        source=$(sed -nE 's/^\s*"Dir": "(.*)",?$/\1/p' "$work/module.json") &&
        (cd "$source" && go build -trimpath -ldflags='-s -w' -o "$work/$name" "$package") &>>"$work/log"; then
        mv "$work/$name" "$CACHE/bin/" && touch "$stamp"
    else
        say "$name $version was not built: $(tail -n 1 "$work/log")" >&2
        exit 1
    fi
)

# fetch ARTIFACT FILE SHA256: a file of a Maven repository, into Maven's own cache.
fetch() {
    local artifact=$1 file=$2 sha256=$3 log
    if ! any_program mvn; then
        say "not installed: mvn (package maven), which fetches ${file##*/}" >&2
        return 1
    fi
    say "fetching ${file##*/}"
    log=$(mktemp)
    if ! mvn --batch-mode --quiet dependency:get "-Dartifact=$artifact" -Dtransitive=false &>"$log"; then
        say "${file##*/} was not fetched: $(grep -m 1 ERROR "$log" || tail -n 1 "$log")" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
    echo "$sha256  $file" | sha256sum --check --status && return
    say "${file##*/} is not the file that it should be (sha256 of $file is not $sha256)" >&2
    return 1
}

repository() { echo "$HOME/.m2/repository/io/trino/$1"; }

# Trino with the plugins that we use; the others would only make its start longer.
unpack_trino() (
    [[ -e $CACHE/$TRINO/.complete ]] && exit
    tarball=$(repository trino-server/476)/$TRINO.tar.gz
    fetch io.trino:trino-server:476:tar.gz "$tarball" "$TRINO_SHA256"
    say "unpacking $TRINO"
    work=$(mktemp -d "$CACHE/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    tar -xzf "$tarball" -C "$work"
    mv "$work/$TRINO/plugin" "$work/all"
    mkdir "$work/$TRINO/plugin"
    mv "${TRINO_PLUGINS[@]/#/$work/all/}" "$work/$TRINO/plugin/"
    touch "$work/$TRINO/.complete"
    rm -rf "${CACHE:?}/$TRINO"
    mv "$work/$TRINO" "$CACHE/"
)

copy_gateway() (
    [[ -e $CACHE/$GATEWAY ]] && exit
    jar=$(repository gateway/gateway-ha/20)/$GATEWAY
    fetch io.trino.gateway:gateway-ha:20:jar:jar-with-dependencies "$jar" "$GATEWAY_SHA256"
    cp "$jar" "$CACHE/.$GATEWAY"
    mv "$CACHE/.$GATEWAY" "$CACHE/$GATEWAY"
)

find_java() {
    local home release
    for home in "${JAVA_HOME:-}" "$(readlink -f "$(command -v java)" | sed 's|/bin/java$||')" /usr/lib/jvm/*; do
        release=$(sed -nE 's/^JAVA_VERSION="([0-9]+).*/\1/p' "$home/release" 2>/dev/null) || continue
        ((${release:-0} >= JAVA_RELEASE)) && return
    done
    say "not installed: Java $JAVA_RELEASE or newer, for Trino: the package temurin-$JAVA_RELEASE-jdk (adoptium.net), or set JAVA_HOME" >&2
    return 1
}

mkdir -p "$CACHE/bin"
build versitygw v1.8.0 github.com/versity/versitygw ./cmd/versitygw &
build process-compose v1.87.0 github.com/f1bonacc1/process-compose &
unpack_trino &
copy_gateway &
complete=true
find_java || complete=false
install_packages || complete=false
for job in $(jobs -p); do
    wait "$job" || complete=false
done
$complete || { say "incomplete: tests of what is missing are skipped" >&2; exit 1; }
say "all there: PostgreSQL, Redis, MariaDB, S3 server, Trino, trino-gateway, Prometheus, Alertmanager, Chromium, supervisor"
