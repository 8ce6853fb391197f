#!/bin/sh
# Makes sure that what Knarr needs on this machine is there: Python with venv, etcd, a running Docker engine
# and a static busybox for the local images. As root on Debian or Ubuntu it installs what is missing by apt;
# elsewhere it says exactly what to install, and ends with 1. Idempotent; quick when nothing is missing.
#
#   deploy/ensure.sh python        only Python with venv
#   deploy/ensure.sh               everything
set -eu

wanted=${1:-all}
packages=

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || packages="$packages python3"
python3 -c 'import venv, ensurepip' 2>/dev/null || packages="$packages python3-venv"
if [ "$wanted" = all ]; then
    [ -n "${KNARR_ETCD:-}" ] || need etcd etcd-server
    if ! docker version >/dev/null 2>&1; then
        need dockerd docker.io
        need iptables iptables
    fi
    if ! { [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1; }; then
        packages="$packages busybox-static"
    fi
fi

if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing:$packages"
        log=$(mktemp)
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086
        if ! { apt-get update -q && apt-get install -y -q --no-install-recommends $packages ca-certificates; } \
            >"$log" 2>&1; then
            tail -n 20 "$log" >&2
            echo "could not install:$packages" >&2
            exit 1
        fi
        rm -f "$log"
    else
        echo "missing on this machine, as Debian names the packages:$packages" >&2
        echo "install them (for example: sudo apt-get install -y --no-install-recommends$packages), then run this again" >&2
        exit 1
    fi
fi
[ "$wanted" = all ] || exit 0

# Debian starts etcd as a service of its own; Knarr runs one itself and needs only the binary.
docker_ready() { docker version >/dev/null 2>&1; }
docker_ready && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "the Docker engine does not answer; start it (sudo systemctl start docker) and let this user reach it (sudo usermod -aG docker $(id -un), then log in again)" >&2
    exit 1
fi
if [ -d /run/systemd/system ]; then
    systemctl start docker
else
    # After a kill or a reboot a pid file may name a process that is something else by now.
    for name in dockerd:/var/run/docker.pid containerd:/var/run/docker/containerd/containerd.pid; do
        file=${name#*:}
        if [ -f "$file" ] && [ "$(cat "/proc/$(cat "$file")/comm" 2>/dev/null)" != "${name%%:*}" ]; then
            rm -f "$file"
        fi
    done
    echo "starting the Docker engine (log: /var/log/dockerd.log)"
    setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
fi
tries=0
until docker_ready; do
    tries=$((tries + 1))
    if [ "$tries" -gt 120 ]; then
        echo "the Docker engine did not answer within 60 s:" >&2
        tail -n 20 /var/log/dockerd.log >&2 || true
        exit 1
    fi
    sleep 0.5
done
