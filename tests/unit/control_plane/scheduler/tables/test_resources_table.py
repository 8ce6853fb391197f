"""NodeResourcesFit as documented: what a pod requests, and of what a node has enough.

Source: kubernetes.io/docs/concepts/configuration/manage-resources-containers,
…/workloads/pods/init-containers, …/workloads/pods/sidecar-containers, …/scheduling-eviction/pod-overhead.
"""

from typing import Any

import pytest

from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod
from tests.unit.control_plane.scheduler.tables.asking import FITS, bench, fitting, pod_of, why

CPU, MEMORY, STORAGE = "cpu", "memory", "ephemeral-storage"
GPU, HUGE = "example.com/gpu", "hugepages-2Mi"


def asks(*, limits: dict[str, str] | None = None, always: bool = False, **requests: str) -> dict[str, Any]:
    """Of a pod; `always`: an init container that is a sidecar."""
    asked = {name.replace("_", "-"): amount for name, amount in requests.items()}
    made: dict[str, Any] = {
        "name": "c",
        "image": "i",
        "resources": {"requests": asked, "limits": limits or {}},
    }
    return made | ({"restartPolicy": "Always"} if always else {})


def spec(
    *containers: dict[str, Any], init: list[dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    return {"containers": list(containers), "initContainers": init or [], **more}


REQUESTED = {
    # spec of the pod -> (cpu that is just enough in milli, memory that is just enough in Mi)
    "one container": (spec(asks(cpu="500m", memory="64Mi")), 500, 64),
    "containers are added up": (spec(asks(cpu="500m"), asks(cpu="250m", memory="1Mi")), 750, 1),
    "nothing requested is nothing needed": (spec(asks()), 0, 0),
    "an init container runs alone: the larger counts": (
        spec(asks(cpu="100m", memory="8Mi"), init=[asks(cpu="900m", memory="4Mi")]),
        900,
        8,
    ),
    "of several init containers the largest": (
        spec(asks(cpu="100m"), init=[asks(cpu="200m"), asks(cpu="700m"), asks(cpu="300m")]),
        700,
        0,
    ),
    "init containers smaller than the rest": (
        spec(asks(cpu="500m"), asks(cpu="500m"), init=[asks(cpu="999m")]),
        1000,
        0,
    ),
    "a sidecar is added to the containers": (
        spec(asks(cpu="500m"), init=[asks(cpu="200m", always=True)]),
        700,
        0,
    ),
    "a sidecar runs beside later init containers": (
        spec(asks(cpu="100m"), init=[asks(cpu="200m", always=True), asks(cpu="600m")]),
        800,
        0,
    ),
    "a sidecar does not run beside earlier init containers": (
        spec(asks(cpu="100m"), init=[asks(cpu="600m"), asks(cpu="200m", always=True)]),
        600,
        0,
    ),
    "sidecars before an init container add up": (
        spec(
            asks(cpu="100m"),
            init=[
                asks(cpu="200m", always=True),
                asks(cpu="300m", always=True),
                asks(cpu="400m"),
            ],
        ),
        900,
        0,
    ),
    "each resource by itself": (
        spec(asks(cpu="100m", memory="80Mi"), init=[asks(cpu="400m", memory="20Mi")]),
        400,
        80,
    ),
    "overhead is added": (spec(asks(cpu="500m"), overhead={"cpu": "250m", "memory": "120Mi"}), 750, 120),
    "overhead is added to init containers too": (
        spec(asks(cpu="100m"), init=[asks(cpu="500m")], overhead={"cpu": "50m"}),
        550,
        0,
    ),
    "limits alone are no requests here: the API fills them in": (spec(asks(limits={"cpu": "2"})), 0, 0),
    "fractions of a milli are rounded up": (spec(asks(cpu="0.0005")), 1, 0),
    "exponents are numbers": (spec(asks(cpu="1e-1", memory="1048576")), 100, 1),
}


@pytest.mark.parametrize(("asked", "milli", "mib"), REQUESTED.values(), ids=REQUESTED)
def test_what_a_pod_requests_just_fits(asked: dict[str, Any], milli: int, mib: int) -> None:
    enough = make_node("enough", cpu=f"{milli}m", memory=f"{mib}Mi")
    assert fitting(bench(enough), pod_of(asked)) == ["enough"]
    if milli:
        less = bench(make_node("n", cpu=f"{milli - 1}m", memory=f"{mib}Mi"))
        assert why(less, pod_of(asked)) == ["1 Insufficient cpu"]
    if mib:
        less = bench(make_node("n", cpu=f"{milli}m", memory=f"{mib * 1024 - 1}Ki"))
        assert why(less, pod_of(asked)) == ["1 Insufficient memory"]


ENOUGH = {
    # what is requested, what there is beside 4 cpu and 8Gi, what runs already -> reasons
    "ephemeral storage that is there": ({STORAGE: "1Gi"}, {STORAGE: "1Gi"}, {}, FITS),
    "ephemeral storage that is not": ({STORAGE: "2Gi"}, {STORAGE: "1Gi"}, {}, [STORAGE]),
    "ephemeral storage that is taken": ({STORAGE: "1Gi"}, {STORAGE: "1Gi"}, {STORAGE: "1"}, [STORAGE]),
    "a node that says nothing of ephemeral storage has none": ({STORAGE: "1"}, {}, {}, [STORAGE]),
    "huge pages that are there": ({HUGE: "4Mi"}, {HUGE: "4Mi"}, {}, FITS),
    "huge pages that are not": ({HUGE: "6Mi"}, {HUGE: "4Mi"}, {}, [HUGE]),
    "huge pages of another size": ({"hugepages-1Gi": "1Gi"}, {HUGE: "2Gi"}, {}, ["hugepages-1Gi"]),
    "an extended resource that is there": ({GPU: "2"}, {GPU: "2"}, {}, FITS),
    "an extended resource that is taken": ({GPU: "2"}, {GPU: "2"}, {GPU: "1"}, [GPU]),
    "an extended resource that no node has": ({GPU: "1"}, {}, {}, [GPU]),
    "none of an extended resource": ({GPU: "0"}, {}, {}, FITS),
    "an extended resource at zero on the node": ({GPU: "1"}, {GPU: "0"}, {}, [GPU]),
    "all that is missing is said": (
        {CPU: "5", MEMORY: "9Gi", GPU: "1", STORAGE: "1"},
        {},
        {},
        [CPU, STORAGE, GPU, MEMORY],
    ),
    "the rest of what runs": ({CPU: "3"}, {}, {CPU: "1"}, FITS),
    "more than the rest of what runs": ({CPU: "3001m"}, {}, {CPU: "1"}, [CPU]),
    "memory that is taken": ({MEMORY: "5Gi"}, {}, {MEMORY: "4Gi"}, [MEMORY]),
    "no request fits an overcommitted node": ({}, {}, {CPU: "9", MEMORY: "99Gi"}, FITS),
    "a request for one of them does not": ({CPU: "1m"}, {}, {CPU: "9"}, [CPU]),
    "nor is the other one said": ({MEMORY: "1"}, {}, {CPU: "9"}, FITS),
    "quantities in other units": ({MEMORY: "8589934592"}, {}, {}, FITS),
    "a byte too much": ({MEMORY: "8589934593"}, {}, {}, [MEMORY]),
    "decimal units": ({MEMORY: "8590M"}, {}, {}, [MEMORY]),
}


@pytest.mark.parametrize(("requests", "more", "runs", "lacks"), ENOUGH.values(), ids=ENOUGH)
def test_what_a_node_has_enough_of(
    requests: dict[str, str], more: dict[str, str], runs: dict[str, str], lacks: list[str]
) -> None:
    node = make_node("n", cpu="4", memory="8Gi", more=more)
    found = bench(node, running=[make_pod("q", node="n", requests=runs)])
    assert why(found, make_pod("p", requests=requests)) == sorted(f"1 Insufficient {name}" for name in lacks)


COUNTED = {
    "below the number of pods": ("2", 1, FITS),
    "at the number of pods": ("2", 2, ["1 Too many pods"]),
    "above the number of pods": ("2", 3, ["1 Too many pods"]),
    "a node that takes none": ("0", 0, ["1 Too many pods"]),
}


@pytest.mark.parametrize(("most", "pods", "reasons"), COUNTED.values(), ids=COUNTED)
def test_how_many_pods_a_node_takes(most: str, pods: int, reasons: list[str]) -> None:
    running = [make_pod(f"q{number}", node="n") for number in range(pods)]
    assert why(bench(make_node("n", pods=most), running=running), make_pod("p")) == reasons


def test_pods_that_have_ended_hold_nothing() -> None:
    """The picture has no pods that succeeded or failed; those told to stop hold what they have until then."""
    going = bench(make_node("n", cpu="1"))
    going.place(make_pod("q", node="n", requests={CPU: "1"}), terminating=True)
    assert why(going, make_pod("p", requests={CPU: "1"})) == ["1 Insufficient cpu"]
    going.cluster.remove_pod("default/q")
    assert why(going, make_pod("p", requests={CPU: "1"})) == FITS
