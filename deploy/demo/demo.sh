#!/bin/sh
# A two-node cluster on this machine, shown from beginning to end; ends with 0 only if every step held.
# Usage: demo.sh FOLDER-WITH-THE-KNARR-PROGRAM
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
work=$(mktemp -d)
# A cluster of its own, beside any that this machine runs already.
export XDG_STATE_HOME="$work/state" KNARR_CONFIG="$work/config.yaml"
web_port=${KNARR_DEMO_PORT:-8088}

knarr() { "$bin/knarr" "$@"; }

show() { # show COMMAND…: print it as a person would type it, then run it
    printf '\n$ knarr %s\n' "$*"
    knarr "$@"
}

finish() {
    code=$?
    trap - EXIT INT TERM
    if [ "$code" != 0 ]; then
        echo "demo failed (exit code $code); what the cluster says:" >&2
        { knarr get nodes,pods -A -o wide && knarr events -A; } >&2 || true
        tail -n 30 "$work"/state/knarr/local/log/*.log >&2 || true
    fi
    knarr down --purge >/dev/null 2>&1 || true
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

until_true() { # until_true SECONDS WHAT COMMAND…
    seconds=$1 what=$2
    shift 2
    tries=$((seconds * 4))
    until "$@"; do
        tries=$((tries - 1))
        if [ "$tries" = 0 ]; then
            echo "not so within $seconds s: $what" >&2
            return 1
        fi
        sleep 0.25
    done
}

running() { # running COUNT: so many pods of the deployment are Running, none is anything else
    [ "$(knarr get pods -l app=nginx --no-headers 2>/dev/null | awk '$3 == "Running" && $2 == "1/1"' | wc -l)" = "$1" ] &&
        [ "$(knarr get pods -l app=nginx --no-headers 2>/dev/null | wc -l)" = "$1" ]
}

containers() { docker ps -aq --filter label=knarr.io/node --filter "label=knarr.io/cluster=$cluster"; }

echo "== a cluster of two nodes"
show up --nodes 2
show get nodes
test "$(knarr get nodes --no-headers | awk '$2 == "Ready"' | wc -l)" = 2
cluster=$(knarr version | sed -n 's/.*(cluster \([^,]*\),.*/\1/p')

echo
echo "== Kubernetes' own example, as it stands in its documentation"
show apply -f "$here/web.yaml" --wait
show get pods -o wide
test "$(knarr get pods -l app=nginx -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | wc -l)" = 2
running 3

echo
echo "== an HTTP answer through a published port"
sed "s/@PORT@/$web_port/" "$here/published.yaml" >"$work/published.yaml"
show apply -f "$work/published.yaml" --wait
printf '\n$ fetch http://127.0.0.1:%s/\n' "$web_port"
answer() { "$bin/python" -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:$web_port/', timeout=5).read().decode().strip())"; }
until_true 10 "the published port answers" sh -c "'$bin/python' -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:$web_port/', timeout=2)\" 2>/dev/null"
answer

echo
echo "== more of it"
show scale deployment/nginx-deployment --replicas 5 --wait
show get deployment,pods
running 5

echo
echo "== a container is killed behind Knarr's back, and comes back"
pod=$(knarr get pods -l app=nginx -o 'jsonpath={.items[0].metadata.name}')
before=$(knarr get pod "$pod" -o 'jsonpath={.status.containerStatuses[0].containerID}')
printf '\n$ docker rm -f %s   (of pod %s)\n' "${before#docker://}" "$pod"
docker rm -f "${before#docker://}"
replaced() {
    now=$(knarr get pod "$pod" -o 'jsonpath={.status.containerStatuses[0].containerID}')
    [ -n "$now" ] && [ "$now" != "$before" ] && running 5
}
until_true 30 "another container runs in its place" replaced
show get pod "$pod"
show logs deployment/nginx-deployment --tail 2

echo
echo "== and away"
test -n "$(containers)"
show down --purge
left=$(containers)
if [ -n "$left" ]; then
    echo "containers left behind: $left" >&2
    exit 1
fi
echo
echo "No container is left. The demo is over; everything held."
