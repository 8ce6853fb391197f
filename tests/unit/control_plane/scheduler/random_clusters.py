"""Random small clusters and pods from one seed, crowded enough that every rule matters. For property
tests."""

import random
from typing import Any

from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core

NAMESPACES = {"ns-a": {"team": "a", "env": "prod"}, "ns-b": {"team": "b"}, "ns-c": {}}
CONTROLLERS = {"o1": {"app": "web"}, "o2": {"ver": "1"}}  # uid -> matchLabels
_APPS = ("web", "db", "cache")
_ZONE, _HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
_KEYS = (_ZONE, _HOST, "rack")
_EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")
_IMAGES = ("app:1", "big:1", "plain")


class Generator:
    """Makes objects; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._names = 0

    def name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def node(self, name: str | None = None) -> core.Node:
        r = self.random
        name = name or self.name("n")
        labels = {_HOST: name} if self.chance(0.9) else {}
        if self.chance(0.85):
            labels[_ZONE] = r.choice(("z1", "z2", "z3"))
        if self.chance(0.4):
            labels["rack"] = r.choice(("r1", "r2"))
        if self.chance(0.5):
            labels["rank"] = r.choice(("1", "07", "10", "x", "3.5", ""))
        allocatable = {"cpu": r.choice(("1", "2", "3500m", "8")), "memory": r.choice(("1Gi", "2Gi", "4000M"))}
        allocatable["pods"] = r.choice(("2", "5", "110"))
        if self.chance(0.3):
            allocatable["example.com/widget"] = r.choice(("0", "1", "4"))
        if self.chance(0.05):
            del allocatable["memory"]
        images = [{"names": [image], "sizeBytes": r.choice((10**7, 10**8, 2 * 10**9))} for image in _IMAGES]
        return from_dict(
            {
                "metadata": {"name": name, "labels": labels},
                "spec": {
                    "unschedulable": self.chance(0.08),
                    "taints": [self._taint() for _ in range(r.choice((0, 0, 0, 1, 2)))],
                },
                "status": {"allocatable": allocatable, "images": [i for i in images if self.chance(0.3)]},
            },
            core.Node,
        )

    def service(self) -> tuple[str, str, dict[str, str]]:
        """Namespace, name and what it selects."""
        selector = {"app": self.random.choice(_APPS)} | ({"ver": "1"} if self.chance(0.3) else {})
        return self.random.choice(("ns-a", "ns-b")), self.name("s"), selector

    def pod(self, plain: float = 0.3) -> core.Pod:
        """`plain`: the share of pods that ask for nothing but resources."""
        r, name = self.random, self.name("p")
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": r.choice(("ns-a", "ns-a", "ns-b", "ns-c")),
            "uid": f"uid-{name}",
            "labels": {"app": r.choice(_APPS)} | ({"ver": r.choice("12")} if self.chance(0.4) else {}),
        }
        if self.chance(0.3):
            owner = r.choice(("o1", "o2", "other"))
            metadata["ownerReferences"] = [
                {"apiVersion": "v1", "kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
            ]
        spec: dict[str, Any] = {"containers": [self._container() for _ in range(r.choice((1, 1, 2)))]}
        if not self.chance(plain):
            self._wishes(spec)
        return from_dict({"metadata": metadata, "spec": spec}, core.Pod)

    def _wishes(self, spec: dict[str, Any]) -> None:
        r = self.random
        if self.chance(0.2):
            spec["initContainers"] = [
                self._container() | ({"restartPolicy": "Always"} if self.chance(0.5) else {})
                for _ in range(2)
            ]
        if self.chance(0.1):
            spec["overhead"] = {"cpu": "50m"}
        if self.chance(0.2):
            port = {"containerPort": 80, "hostPort": r.choice((80, 81)), "protocol": r.choice(("TCP", "UDP"))}
            port["hostIP"] = r.choice(("", "10.0.0.1", "10.0.0.2"))
            spec["containers"][0]["ports"] = [port]
        if self.chance(0.4):
            spec["tolerations"] = [self._toleration() for _ in range(r.choice((1, 2)))]
        if self.chance(0.15):
            spec["nodeSelector"] = {_ZONE: r.choice(("z1", "z2"))}
        if self.chance(0.5):
            spec["affinity"] = self._affinity()
        if self.chance(0.35):
            keys = r.sample(_KEYS, r.choice((1, 1, 2)))
            spec["topologySpreadConstraints"] = [self._spread(key) for key in keys]

    def _container(self) -> dict[str, Any]:
        r = self.random
        requests = {}
        if self.chance(0.8):
            requests["cpu"] = r.choice(("0", "50m", "200m", "1"))
        if self.chance(0.7):
            requests["memory"] = r.choice(("64Mi", "100M", "500Mi"))
        if self.chance(0.1):
            requests["example.com/widget"] = r.choice(("0", "1"))
        return {"name": "c", "image": r.choice(_IMAGES), "resources": {"requests": requests}}

    def _taint(self) -> dict[str, str]:
        r = self.random
        return {"key": r.choice(("a", "b")), "value": r.choice(("", "1")), "effect": r.choice(_EFFECTS)}

    def _toleration(self) -> dict[str, str]:
        r = self.random
        if self.chance(0.3):
            return {"operator": "Exists"}
        found = {"key": r.choice(("a", "b", "node.kubernetes.io/unschedulable"))}
        found["effect"] = r.choice(("", *_EFFECTS))
        if self.chance(0.5):
            return found | {"operator": "Exists"}
        return found | {"operator": "Equal", "value": r.choice(("", "1"))}

    def _affinity(self) -> dict[str, Any]:
        r = self.random
        found: dict[str, Any] = {}
        required, preferred = (
            "requiredDuringSchedulingIgnoredDuringExecution",
            ("preferredDuringSchedulingIgnoredDuringExecution"),
        )
        if self.chance(0.4):
            node: dict[str, Any] = {}
            if self.chance(0.5):
                node[required] = {"nodeSelectorTerms": [self._node_term() for _ in range(r.choice((1, 2)))]}
            if self.chance(0.6):
                node[preferred] = [
                    {"weight": r.choice((1, 10, 50)), "preference": self._node_term()} for _ in range(2)
                ]
            found["nodeAffinity"] = node
        for kind in ("podAffinity", "podAntiAffinity"):
            if self.chance(0.4):
                terms: dict[str, Any] = {}
                if self.chance(0.6):
                    terms[required] = [self._pod_term() for _ in range(r.choice((1, 1, 2)))]
                if self.chance(0.5):
                    terms[preferred] = [{"weight": r.choice((1, 20)), "podAffinityTerm": self._pod_term()}]
                found[kind] = terms
        return found

    def _node_term(self) -> dict[str, Any]:
        if self.chance(0.1):
            names = [f"n{self.random.randrange(1, 9)}" for _ in range(2)]
            operator = self.random.choice(("In", "In", "NotIn"))
            return {"matchFields": [{"key": "metadata.name", "operator": operator, "values": names[:1]}]}
        return {"matchExpressions": [self._requirement() for _ in range(self.random.choice((0, 1, 1, 2)))]}

    def _requirement(self) -> dict[str, Any]:
        r = self.random
        operator = r.choice(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))
        if operator in ("Gt", "Lt"):
            return {"key": "rank", "operator": operator, "values": [r.choice(("0", "5", "9", "-1"))]}
        row = {"key": r.choice((_ZONE, "rack", "rank", "absent")), "operator": operator}
        if operator in ("In", "NotIn"):
            return row | {"values": r.sample(("z1", "z2", "r1", "10"), 2)}
        return row

    def _selector(self) -> dict[str, Any]:
        r = self.random
        kind = r.random()
        if kind < 0.1:
            return {}
        if kind < 0.7:
            return {"matchLabels": {"app": r.choice(_APPS)}}
        operator = r.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        row: dict[str, Any] = {"key": r.choice(("app", "ver")), "operator": operator}
        if operator in ("In", "NotIn"):
            row["values"] = r.sample(("web", "db", "1"), 2)
        return {"matchExpressions": [row]}

    def _pod_term(self) -> dict[str, Any]:
        r = self.random
        term: dict[str, Any] = {"topologyKey": r.choice(_KEYS)}
        if self.chance(0.95):
            term["labelSelector"] = self._selector()
        if self.chance(0.2):
            term["namespaces"] = r.sample(tuple(NAMESPACES), 2)
        if self.chance(0.2):
            term["namespaceSelector"] = r.choice(({}, {"matchLabels": {"team": "a"}}))
        if self.chance(0.15):
            term["matchLabelKeys" if self.chance(0.5) else "mismatchLabelKeys"] = ["ver"]
        return term

    def _spread(self, key: str) -> dict[str, Any]:
        r = self.random
        row: dict[str, Any] = {
            "maxSkew": r.choice((1, 1, 2)),
            "topologyKey": key,
            "whenUnsatisfiable": r.choice(("DoNotSchedule", "ScheduleAnyway")),
        }
        if self.chance(0.95):
            row["labelSelector"] = self._selector()
        if self.chance(0.2):
            row["matchLabelKeys"] = ["ver"]
        if self.chance(0.2):
            row["nodeAffinityPolicy"] = "Ignore"
        if self.chance(0.2):
            row["nodeTaintsPolicy"] = "Honor"
        if self.chance(0.2) and row["whenUnsatisfiable"] == "DoNotSchedule":
            row["minDomains"] = r.choice((1, 3, 4))
        return row
