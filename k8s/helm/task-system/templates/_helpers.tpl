{{/* What every template here is given: the chart's own context and one installation's facts. See installations.yaml. */}}

{{/* `name`: what the thing is. Selectors use `app` alone, because they can never be changed. */}}
{{- define "task-system.metadata" -}}
name: {{ .name }}
namespace: {{ .at.namespace }}
labels:
  app: {{ .app | default .name }}
  app.kubernetes.io/name: {{ .app | default .name }}
  app.kubernetes.io/part-of: triumvir
  app.kubernetes.io/instance: {{ .at.root.Release.Name }}
  app.kubernetes.io/managed-by: {{ .at.root.Release.Service }}
  helm.sh/chart: {{ .at.root.Chart.Name }}-{{ .at.root.Chart.Version }}
{{- end }}

{{- define "task-system.image" -}}
image: {{ printf "%s:%s" .image.repository .image.tag | quote }}
imagePullPolicy: {{ .at.root.Values.image.pullPolicy }}
{{- end }}

{{/* `user`: a number, because an image that names its user cannot be seen not to be root. */}}
{{- define "task-system.pod" -}}
# Kubernetes would put the address of each Service into variables named after it: STORE_SERVICE_PORT, REDIS_PORT. They are settings of ours.
enableServiceLinks: false
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  # Once: to walk through all files at every start takes long, and makes Postgres's folder writable for its group.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .at.root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* On different nodes, where there are several. */}}
{{- define "task-system.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: { matchLabels: { app: {{ . }} } }
{{- end }}

{{- define "task-system.container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: {{ . }}
  capabilities: { drop: [ALL] }
{{- end }}

{{- define "task-system.disruption-budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "task-system.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector: { matchLabels: { app: {{ .name }} } }
{{- end }}

{{- define "task-system.volume-claim" -}}
- metadata: { name: data }
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storageClass }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources: { requests: { storage: {{ .size | quote }} } }
{{- end }}

{{/* A value that was given, or the one that is in the cluster, or one made now. */}}
{{- define "task-system.secret-value" -}}
{{- $there := (lookup "v1" "Secret" .namespace .secret).data | default dict -}}
{{- if .given }}{{ .given }}
{{- else if hasKey $there .key }}{{ index $there .key | b64dec }}
{{- else }}{{ randAlphaNum 40 }}
{{- end }}
{{- end }}

{{- define "task-system.secret" -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "task-system.metadata" . | nindent 2 }}
  annotations:
    # The data on the volumes outlives `helm uninstall`; without its password nobody could read it.
    helm.sh/resource-policy: keep
type: Opaque
data:
  {{- range $key, $value := .data }}
  {{ $key }}: {{ $value | b64enc }}
  {{- end }}
{{- end }}

{{/* Names of the ensemble's members: zookeeper-0.zookeeper:2181,… */}}
{{- define "task-system.zookeeper-host" -}}
{{- range $i := until (int .root.Values.zookeeper.replicas) }}{{ if $i }},{{ end }}zookeeper-{{ $i }}.zookeeper:2181{{ end }}
{{- end }}
