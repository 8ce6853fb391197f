"""The fields of served kinds that Knarr honours: what people write there happens.

By message, named by package and type. Fields that it does not honour stand in knarr.api.support_table, kinds
on which nothing acts in knarr.api.support_stored; a test holds the three to the schema. `status` of an object
is not people's to write and stands in none.
"""

from typing import Final

_FIELDS: Final = {
    "apps.ControllerRevision": "data metadata revision",
    "apps.Deployment": "metadata spec",
    "apps.DeploymentSpec": (
        "minReadySeconds paused progressDeadlineSeconds replicas revisionHistoryLimit selector strategy "
        "template"
    ),
    "apps.DeploymentStrategy": "rollingUpdate type",
    "apps.ReplicaSet": "metadata spec",
    "apps.ReplicaSetSpec": "minReadySeconds replicas selector template",
    "apps.RollingUpdateDeployment": "maxSurge maxUnavailable",
    "coordination.Lease": "metadata spec",
    "coordination.LeaseSpec": (
        "acquireTime holderIdentity leaseDurationSeconds leaseTransitions preferredHolder renewTime strategy"
    ),
    "core.Affinity": "nodeAffinity podAffinity podAntiAffinity",
    "core.Capabilities": "add drop",
    "core.ConfigMap": "binaryData data immutable metadata",
    "core.ConfigMapEnvSource": "localObjectReference optional",
    "core.ConfigMapKeySelector": "key localObjectReference optional",
    "core.ConfigMapProjection": "items localObjectReference optional",
    "core.ConfigMapVolumeSource": "defaultMode items localObjectReference optional",
    "core.Container": (
        "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports "
        "readinessProbe resources securityContext startupProbe stdin tty volumeMounts workingDir"
    ),
    "core.ContainerPort": "containerPort hostIP hostPort name protocol",
    "core.DownwardAPIProjection": "items",
    "core.DownwardAPIVolumeFile": "fieldRef mode path resourceFieldRef",
    "core.DownwardAPIVolumeSource": "defaultMode items",
    "core.EnvFromSource": "configMapRef prefix secretRef",
    "core.EnvVar": "name value valueFrom",
    "core.EnvVarSource": "configMapKeyRef fieldRef resourceFieldRef secretKeyRef",
    "core.Event": (
        "action count eventTime firstTimestamp involvedObject lastTimestamp message metadata reason "
        "related reportingComponent reportingInstance series source type"
    ),
    "core.EventSeries": "count lastObservedTime",
    "core.EventSource": "component host",
    "core.ExecAction": "command",
    "core.HTTPGetAction": "host httpHeaders path port scheme",
    "core.HTTPHeader": "name value",
    "core.HostAlias": "hostnames ip",
    "core.HostPathVolumeSource": "path type",
    "core.KeyToPath": "key mode path",
    "core.Lifecycle": "stopSignal",
    "core.LimitRange": "metadata spec",
    "core.LimitRangeItem": "default defaultRequest max maxLimitRequestRatio min type",
    "core.LimitRangeSpec": "limits",
    "core.LocalObjectReference": "name",
    "core.LocalVolumeSource": "path",
    "core.Namespace": "metadata spec",
    "core.NamespaceSpec": "finalizers",
    "core.Node": "metadata spec",
    "core.NodeAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution requiredDuringSchedulingIgnoredDuringExecution"
    ),
    "core.NodeSelector": "nodeSelectorTerms",
    "core.NodeSelectorRequirement": "key operator values",
    "core.NodeSelectorTerm": "matchExpressions matchFields",
    "core.NodeSpec": "externalID podCIDR podCIDRs providerID taints unschedulable",
    "core.ObjectFieldSelector": "apiVersion fieldPath",
    "core.ObjectReference": "apiVersion fieldPath kind name namespace resourceVersion uid",
    "core.PersistentVolume": "metadata spec",
    "core.PersistentVolumeClaim": "metadata spec",
    "core.PersistentVolumeClaimSpec": (
        "accessModes resources selector storageClassName volumeMode volumeName"
    ),
    "core.PersistentVolumeClaimVolumeSource": "claimName readOnly",
    "core.PersistentVolumeSource": "hostPath local",
    "core.PersistentVolumeSpec": (
        "accessModes capacity claimRef nodeAffinity persistentVolumeReclaimPolicy persistentVolumeSource "
        "storageClassName volumeMode"
    ),
    "core.Pod": "metadata spec",
    "core.PodAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution requiredDuringSchedulingIgnoredDuringExecution"
    ),
    "core.PodAffinityTerm": (
        "labelSelector matchLabelKeys mismatchLabelKeys namespaceSelector namespaces topologyKey"
    ),
    "core.PodAntiAffinity": (
        "preferredDuringSchedulingIgnoredDuringExecution requiredDuringSchedulingIgnoredDuringExecution"
    ),
    "core.PodDNSConfig": "nameservers options searches",
    "core.PodDNSConfigOption": "name value",
    "core.PodReadinessGate": "conditionType",
    "core.PodSchedulingGate": "name",
    "core.PodSchedulingGroup": "podGroupName",
    "core.PodSecurityContext": (
        "appArmorProfile fsGroup runAsGroup runAsNonRoot runAsUser seccompProfile supplementalGroups sysctls"
    ),
    "core.PodSpec": (
        "activeDeadlineSeconds affinity containers dnsConfig hostAliases hostNetwork hostname "
        "initContainers nodeName nodeSelector os overhead preemptionPolicy priority priorityClassName "
        "readinessGates restartPolicy schedulerName schedulingGates schedulingGroup securityContext "
        "shareProcessNamespace terminationGracePeriodSeconds tolerations topologySpreadConstraints "
        "volumes"
    ),
    "core.PodTemplate": "metadata template",
    "core.PodTemplateSpec": "metadata spec",
    "core.PreferredSchedulingTerm": "preference weight",
    "core.Probe": (
        "failureThreshold handler initialDelaySeconds periodSeconds successThreshold "
        "terminationGracePeriodSeconds timeoutSeconds"
    ),
    "core.ProbeHandler": "exec httpGet tcpSocket",
    "core.ProjectedVolumeSource": "defaultMode sources",
    "core.ResourceFieldSelector": "containerName divisor resource",
    "core.ResourceQuota": "metadata spec",
    "core.ResourceQuotaSpec": "hard scopeSelector scopes",
    "core.ResourceRequirements": "limits requests",
    "core.ScopeSelector": "matchExpressions",
    "core.ScopedResourceSelectorRequirement": "operator scopeName values",
    "core.Secret": "data immutable metadata stringData type",
    "core.SecretEnvSource": "localObjectReference optional",
    "core.SecretKeySelector": "key localObjectReference optional",
    "core.SecretProjection": "items localObjectReference optional",
    "core.SecretVolumeSource": "defaultMode items optional secretName",
    "core.SecurityContext": (
        "allowPrivilegeEscalation appArmorProfile capabilities privileged readOnlyRootFilesystem "
        "runAsGroup runAsNonRoot runAsUser seccompProfile"
    ),
    "core.Service": "metadata",
    "core.Sysctl": "name value",
    "core.TCPSocketAction": "host port",
    "core.Taint": "effect key timeAdded value",
    "core.Toleration": "effect key operator tolerationSeconds value",
    "core.TopologySpreadConstraint": (
        "labelSelector matchLabelKeys maxSkew minDomains nodeAffinityPolicy nodeTaintsPolicy topologyKey "
        "whenUnsatisfiable"
    ),
    "core.Volume": "name volumeSource",
    "core.VolumeMount": "mountPath mountPropagation name readOnly subPath subPathExpr",
    "core.VolumeProjection": "configMap downwardAPI secret",
    "core.VolumeNodeAffinity": "required",
    "core.VolumeResourceRequirements": "requests",
    "core.VolumeSource": "configMap downwardAPI emptyDir hostPath persistentVolumeClaim projected secret",
    "core.WeightedPodAffinityTerm": "podAffinityTerm weight",
    "meta.LabelSelector": "matchExpressions matchLabels",
    "meta.LabelSelectorRequirement": "key operator values",
    "meta.ManagedFieldsEntry": "apiVersion fieldsType fieldsV1 manager operation subresource time",
    "meta.ObjectMeta": (
        "annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers "
        "generateName generation labels managedFields name namespace ownerReferences resourceVersion "
        "selfLink uid"
    ),
    "meta.OwnerReference": "apiVersion blockOwnerDeletion controller kind name uid",
    "policy.PodDisruptionBudget": "metadata spec",
    "policy.PodDisruptionBudgetSpec": "maxUnavailable minAvailable selector unhealthyPodEvictionPolicy",
    "scheduling.PriorityClass": "description globalDefault metadata preemptionPolicy value",
    "scheduling.v1alpha3.DisruptionMode": "single",
    "scheduling.v1alpha3.GangSchedulingPolicy": "minCount",
    "scheduling.v1alpha3.PodGroup": "metadata spec",
    "scheduling.v1alpha3.PodGroupSchedulingPolicy": "basic gang",
    "scheduling.v1alpha3.PodGroupSpec": (
        "disruptionMode podGroupTemplateRef scheduleTimeoutSeconds schedulingPolicy"
    ),
    "scheduling.v1alpha3.PodGroupTemplateReference": "workload",
    "scheduling.v1alpha3.WorkloadPodGroupTemplateReference": "podGroupTemplateName workloadName",
    "storage.StorageClass": "metadata volumeBindingMode",
}

HONOURED: Final = frozenset(
    f"{message}.{field}" for message, fields in _FIELDS.items() for field in fields.split()
)
