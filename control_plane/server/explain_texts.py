"""What fields are for, a sentence each: for `explain`. Types, defaults and rules come from the tables.

Named by message and field as in the schema. A field without a sentence is told by its type and its rules; one
that names no field is refused by a test.
"""

from typing import Final

from google.protobuf.descriptor import Descriptor

from knarr.api.schema import Field
from knarr.api.support import name_of

_OBJECTS: Final = {
    "core.Pod": "Containers that run together on one node and share its network namespace and volumes.",
    "core.Node": "A machine that runs pods; made by its agent when it first connects.",
    "core.Namespace": "A room for names: objects of one namespace are deleted with it.",
    "core.ConfigMap": "Settings that pods read as files or environment variables.",
    "core.Secret": "As a ConfigMap, for what not everybody may read; values are base64 text.",
    "core.Service": "A stable name and address for a set of pods.",
    "core.Event": "Something that happened to an object; kept for a while.",
    "core.ServiceAccount": "Who a pod is when it asks the API something.",
    "core.LimitRange": "Default, least and most resources of what is created in a namespace.",
    "core.ResourceQuota": "How much a namespace may use in all.",
    "core.PersistentVolume": "A piece of storage that exists by itself.",
    "core.PersistentVolumeClaim": "A request for storage, to be used by pods.",
    "apps.Deployment": "Keeps a number of equal pods running and replaces them step by step on a change.",
    "apps.ReplicaSet": "Keeps a number of equal pods running; usually made by a Deployment.",
    "apps.StatefulSet": "Keeps numbered pods with names and volumes of their own.",
    "apps.DaemonSet": "Keeps one pod on each eligible node.",
    "apps.ControllerRevision": "An unchanging snapshot of a template.",
    "batch.Job": "Runs pods until enough of them have succeeded.",
    "batch.CronJob": "Makes a Job at each time of a schedule.",
    "autoscaling.v2.HorizontalPodAutoscaler": "Sets the replicas of a workload from measurements.",
    "policy.PodDisruptionBudget": "How many pods of a set may be missing when pods are evicted on purpose.",
    "scheduling.PriorityClass": "A name for a priority of pods.",
    "scheduling.v1alpha3.PodGroup": "Pods that get nodes together, or none of them does.",
    "networking.Ingress": "Leads HTTP requests from outside to Services.",
    "networking.NetworkPolicy": "Which traffic pods may send and receive.",
    "coordination.Lease": "Who holds a role, and until when.",
}

_META: Final = {
    "meta.ObjectMeta": {
        "": "What every object has: names, labels, owners, and the marks of the API.",
        "name": "The name; unique in its namespace and kind, and not to be changed.",
        "generateName": "The beginning of a name that the API makes when name is left out.",
        "namespace": "The namespace; empty means the one of the request. Not to be changed.",
        "uid": "Unique to this object for all time. Written by the API.",
        "resourceVersion": "The version of the last change. In an update: only if it has not changed since.",
        "generation": "Counts the changes of spec. Written by the API.",
        "creationTimestamp": "When it was created. Written by the API.",
        "deletionTimestamp": "When its deletion was asked for, plus its grace. Written by the API.",
        "deletionGracePeriodSeconds": "How long it may take to end. Written by the API.",
        "labels": "Short texts by which objects are selected.",
        "annotations": "Texts that tools keep with the object; nothing is selected by them.",
        "ownerReferences": "The objects that this one belongs to and is deleted with.",
        "finalizers": "Names of what must be done before the object can go; each is removed by who does it.",
        "managedFields": "Who owns which fields. Written by the API.",
    },
    "meta.LabelSelector": {
        "": "Selects objects by their labels; all parts must hold.",
        "matchLabels": "Labels with exactly these values.",
        "matchExpressions": "Conditions: In, NotIn, Exists, DoesNotExist.",
    },
}

_PODS: Final = {
    "core.Pod": {
        "spec": "What shall run. Written by people and controllers; mostly fixed once created.",
        "status": "What runs. Written by the agent of the pod's node.",
    },
    "core.PodTemplateSpec": {
        "": "The pods that a controller makes.",
        "metadata": "Labels and annotations of the pods.",
        "spec": "What the pods run.",
    },
    "core.PodSpec": {
        "": "What shall run, where, and how it ends.",
        "volumes": "Files that the containers may mount.",
        "containers": "What runs side by side for as long as the pod does.",
        "initContainers": "What runs before the containers, one after the other, each to its end.",
        "restartPolicy": "Whether containers that end are started again.",
        "terminationGracePeriodSeconds": "Seconds from asking the containers to end until they are killed.",
        "activeDeadlineSeconds": "Seconds that the pod may run before it fails.",
        "dnsPolicy": "Which resolver the containers get.",
        "nodeSelector": "Labels that the node must have.",
        "serviceAccountName": "Who the pod is to the API.",
        "nodeName": "The node it runs on. Written by the scheduler, once.",
        "hostNetwork": "Use the network of the node instead of one of its own.",
        "securityContext": "User, groups and rights of all containers.",
        "imagePullSecrets": "Secrets with the credentials for pulling images.",
        "hostname": "The host name inside; the pod's name when left out.",
        "affinity": "Which nodes and which other pods it wants, or does not want, near.",
        "schedulerName": "Which scheduler, or which profile of it, finds a node.",
        "tolerations": "Taints of nodes that it can live with.",
        "hostAliases": "Lines for /etc/hosts.",
        "priorityClassName": "The name of a PriorityClass.",
        "priority": "The number of its PriorityClass. Written by the API.",
        "preemptionPolicy": "Whether pods of lower priority may be evicted to make room.",
        "dnsConfig": "Name servers, search domains and options of the resolver.",
        "shareProcessNamespace": "Containers see each other's processes.",
        "readinessGates": "Further conditions that must hold before the pod is Ready.",
        "topologySpreadConstraints": "How evenly equal pods are spread over zones, nodes and the like.",
        "schedulingGates": "While there are any, no node is looked for.",
    },
    "core.Container": {
        "": "A program, and what it may use.",
        "name": "Unique in the pod.",
        "image": "The image, with a tag or a digest.",
        "command": "Replaces the image's entry point; $(NAME) stands for a variable.",
        "args": "Replaces the image's arguments; $(NAME) stands for a variable.",
        "workingDir": "Where it starts; the image's own when left out.",
        "ports": "Ports it listens on; hostPort publishes one at the node's address.",
        "env": "Environment variables, in order: later ones may use earlier ones.",
        "envFrom": "Variables from all keys of a ConfigMap or Secret.",
        "resources": "What is set aside for it, and what it may use at most.",
        "volumeMounts": "Where volumes appear in its file system.",
        "livenessProbe": "When it fails, the container is restarted.",
        "readinessProbe": "While it fails, the pod is not Ready.",
        "startupProbe": "Until it has succeeded, the other probes wait.",
        "lifecycle": "What is done when it starts and when it stops.",
        "imagePullPolicy": "When the image is pulled.",
        "securityContext": "User, capabilities and rights of this container.",
        "restartPolicy": "Always makes an init container one that goes on running beside the others.",
        "stdin": "Keep an input open.",
        "tty": "Give it a terminal; needs stdin.",
    },
    "core.ResourceRequirements": {
        "limits": "The most that it may use, by resource: cpu, memory, …",
        "requests": "What the scheduler sets aside for it; the limits when left out.",
    },
    "core.ContainerPort": {
        "containerPort": "The port inside.",
        "hostPort": "The port of the node that leads here.",
        "hostIP": "The address of the node that hostPort is bound to.",
        "protocol": "The protocol of the port.",
        "name": "A name that probes and Services can use for it.",
    },
    "core.EnvVar": {
        "name": "The variable.",
        "value": "Its value; $(NAME) stands for an earlier variable.",
        "valueFrom": "Take it from a ConfigMap, a Secret or the pod itself.",
    },
    "core.Probe": {
        "": "A question that is put to a container again and again.",
        "exec": "A command; exit code 0 is success.",
        "httpGet": "A request; a status from 200 to 399 is success.",
        "tcpSocket": "A connection; that it opens is success.",
        "initialDelaySeconds": "Seconds from the start to the first try.",
        "timeoutSeconds": "Seconds after which a try has failed.",
        "periodSeconds": "Seconds between tries.",
        "successThreshold": "Successes in a row that count as success.",
        "failureThreshold": "Failures in a row that count as failure.",
        "terminationGracePeriodSeconds": "Seconds that the container gets to end when the probe fails.",
    },
    "core.Volume": {
        "": "Files for the containers, from one source.",
        "name": "What mounts call it.",
    },
    "core.VolumeMount": {
        "name": "Which volume.",
        "mountPath": "Where it appears.",
        "subPath": "Only this path of the volume.",
        "readOnly": "It cannot be written to.",
    },
    "core.Toleration": {
        "key": "The key of the taint; empty with operator Exists: all taints.",
        "operator": "Equal compares the value, Exists does not.",
        "value": "The value of the taint.",
        "effect": "The effect of the taint; empty: all effects.",
        "tolerationSeconds": "With NoExecute: for how long.",
    },
    "core.Affinity": {
        "nodeAffinity": "Nodes by their labels.",
        "podAffinity": "Near pods with these labels.",
        "podAntiAffinity": "Away from pods with these labels.",
    },
}

_WORKLOADS: Final = {
    "apps.DeploymentSpec": {
        "replicas": "How many pods.",
        "selector": "Which pods are its own; must match the template's labels.",
        "template": "The pods that it makes.",
        "strategy": "How old pods are replaced by new ones.",
        "minReadySeconds": "Seconds that a new pod must be Ready before it counts as available.",
        "revisionHistoryLimit": "How many old ReplicaSets are kept for going back.",
        "paused": "Changes of the template are not rolled out while it is true.",
        "progressDeadlineSeconds": "Seconds without progress after which a rollout has failed.",
    },
    "apps.DeploymentStrategy": {
        "type": "RollingUpdate replaces pods step by step, Recreate ends all first.",
        "rollingUpdate": "How many pods may be missing and how many too many in between.",
    },
    "apps.RollingUpdateDeployment": {
        "maxUnavailable": "Pods that may be missing: a number or a share.",
        "maxSurge": "Pods that may be too many: a number or a share.",
    },
    "apps.ReplicaSetSpec": {
        "replicas": "How many pods.",
        "selector": "Which pods are its own; must match the template's labels.",
        "template": "The pods that it makes.",
    },
    "apps.StatefulSetSpec": {
        "replicas": "How many pods.",
        "serviceName": "The Service that gives the pods their names.",
        "podManagementPolicy": "One after the other, or all at once.",
        "updateStrategy": "How pods are replaced on a change.",
        "volumeClaimTemplates": "Claims that each pod gets for itself.",
    },
    "apps.DaemonSetSpec": {"updateStrategy": "How pods are replaced on a change."},
    "batch.JobSpec": {
        "parallelism": "How many pods run at once.",
        "completions": "How many must succeed.",
        "backoffLimit": "How many failures end the job.",
        "activeDeadlineSeconds": "Seconds that the job may take.",
        "ttlSecondsAfterFinished": "Seconds after its end when it is deleted.",
        "suspend": "No pods run while it is true.",
        "template": "The pods that it makes.",
    },
    "batch.CronJobSpec": {
        "schedule": "Minute, hour, day, month, day of the week; or @hourly, @daily and the like.",
        "timeZone": "The time zone of the schedule.",
        "concurrencyPolicy": "What happens when the last job still runs.",
        "suspend": "No jobs are made while it is true.",
        "startingDeadlineSeconds": "How late a job may be made.",
        "successfulJobsHistoryLimit": "How many finished jobs are kept.",
        "failedJobsHistoryLimit": "How many failed jobs are kept.",
        "jobTemplate": "The jobs that it makes.",
    },
    "policy.PodDisruptionBudgetSpec": {
        "minAvailable": "Pods that must stay: a number or a share.",
        "maxUnavailable": "Pods that may be missing: a number or a share.",
        "selector": "Which pods are meant.",
    },
    "scheduling.PriorityClass": {
        "value": "Higher comes first.",
        "globalDefault": "Pods without a class get this one.",
        "preemptionPolicy": "Whether its pods may evict pods of lower priority.",
        "description": "When to use it.",
    },
    "scheduling.v1alpha3.PodGroupSpec": {
        "schedulingPolicy": "basic: each pod by itself; gang: all or none.",
        "scheduleTimeoutSeconds": "How long a gang may hold nodes with too few pods. Knarr's own field.",
    },
    "scheduling.v1alpha3.GangSchedulingPolicy": {
        "minCount": "How many pods must fit at the same time.",
    },
}

_REST: Final = {
    "core.ConfigMap": {
        "data": "Texts by key.",
        "binaryData": "Bytes by key, as base64.",
        "immutable": "The data can never be changed again.",
    },
    "core.Secret": {
        "data": "Bytes by key, as base64.",
        "stringData": "Texts by key; written only, they become data.",
        "type": "What the keys are for.",
        "immutable": "The data can never be changed again.",
    },
    "core.ServiceSpec": {
        "ports": "The ports it answers at, and where they lead.",
        "selector": "Which pods it leads to.",
        "clusterIP": "Its address; None for no address.",
        "type": "From where it can be reached.",
        "sessionAffinity": "Whether a client stays with one pod.",
    },
    "core.ServicePort": {
        "port": "The port of the Service.",
        "targetPort": "The port of the pods, by number or name.",
        "nodePort": "The port of every node that leads here.",
    },
    "core.NodeSpec": {
        "taints": "What keeps pods away that do not tolerate it.",
        "unschedulable": "No new pods; see `knarr cordon`.",
    },
    "core.Taint": {
        "effect": "NoSchedule: no new pods. PreferNoSchedule: rather not. NoExecute: those there go too.",
    },
}

_TEXTS: Final = {
    f"{message}.{field}" if field else message: text
    for table in (_META, _PODS, _WORKLOADS, _REST)
    for message, texts in table.items()
    for field, text in texts.items()
}


def text_of(field: Field | None, descriptor: Descriptor | None) -> str:
    """What a field is for, or else what its message is; "" where nothing is known."""
    told = _TEXTS.get(name_of(field.descriptor), "") if field is not None else ""
    return told or (_message_text(descriptor) if descriptor is not None else "")


def _message_text(descriptor: Descriptor) -> str:
    name = descriptor.full_name.removeprefix("knarr.").replace(".v1.", ".")
    return _OBJECTS.get(name) or _TEXTS.get(name, "")


def named() -> tuple[str, ...]:
    """Every name in the tables: "core.Pod", "core.Pod.spec"."""
    return (*_OBJECTS, *_TEXTS)
