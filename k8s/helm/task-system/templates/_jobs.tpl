{{/* job-a, job-b, job-c: each submits tasks to its namespace's store and waits for them, and each waits for the one before. */}}
{{- define "task-system.jobs" }}
{{- $at := . }}
---
# For whoever waits for a job: to look at the two jobs that are waited for, and at nothing else.
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "job-waiter") | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "job-waiter") | nindent 2 }}
rules:
  - apiGroups: [batch]
    resources: [jobs]
    resourceNames: [job-a, job-b]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "job-waiter") | nindent 2 }}
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: job-waiter }
subjects:
  - { kind: ServiceAccount, name: job-waiter, namespace: {{ .namespace }} }
{{- include "task-system.job" (dict "at" . "name" "job-a" "values" .root.Values.jobA) }}
{{- include "task-system.job" (dict "at" . "name" "job-b" "values" .root.Values.jobB "after" "job-a") }}
{{- include "task-system.job" (dict "at" . "name" "job-c" "values" .root.Values.jobC "after" "job-b") }}
{{- end }}

{{- define "task-system.job" }}
{{- $root := .at.root }}
{{- $name := .name }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "task-system.metadata" (dict "at" .at "name" .name) | nindent 2 }}
data:
  submit.sh: |
    {{- $root.Files.Get "files/submit.sh" | nindent 4 }}
  # A workflow: all of its tasks are submitted, or none. YAML, of which JSON is a part.
  tasks.yaml: |
    name: {{ .name }}
    jobs:
      {{- range $index, $command := .values.commands }}
      - name: {{ $name }}-{{ add1 $index }}
        type: command
        payload: {{ dict "command" $command "env" (dict "created_by" $name) | toJson }}
        tags: [{{ $name }}]
      {{- end }}
---
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "task-system.metadata" (dict "at" .at "name" .name) | nindent 2 }}
spec:
  {{- /* A Job's template cannot be changed, so one that is there stays as it is; deleted, it is made anew by the next upgrade. */}}
  {{- $there := lookup "batch/v1" "Job" .at.namespace .name }}
  {{- if $there }}
  {{- /* Without the labels that Kubernetes added: once in a revision, a rollback to one before would take them away. */}}
  {{- $_ := set $there.spec.template.metadata "labels" (dict "app" .name) }}
  {{- toYaml (omit $there.spec "selector") | nindent 2 }}
  {{- else }}
  backoffLimit: 10
  template:
    metadata:
      labels: { app: {{ .name }} }
    spec:
      restartPolicy: Never
      {{- if .after }}
      serviceAccountName: job-waiter
      {{- end }}
      {{- include "task-system.pod" (dict "at" .at "user" 1000) | nindent 6 }}
      initContainers:
        {{- if .after }}
        - name: wait-for-{{ .after }}
          {{- include "task-system.image" (dict "at" .at "image" $root.Values.image) | nindent 10 }}
          args: [node, dist/tools/wait-for-kubernetes-job.js, {{ .after }}]
          env:
            - { name: KUBERNETES_API, value: 'https://kubernetes.default.svc' }
            - { name: SERVICE_ACCOUNT, value: /var/run/secrets/kubernetes.io/serviceaccount }
            - { name: NODE_EXTRA_CA_CERTS, value: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt }
          volumeMounts:
            - { name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
          {{- include "task-system.container-security" true | nindent 10 }}
          resources: {{ toJson $root.Values.jobResources }}
        {{- end }}
        # Healthy: a store, a scheduler and an executor are there.
        - name: wait-for-store
          {{- include "task-system.image" (dict "at" .at "image" $root.Values.image) | nindent 10 }}
          args: [node, --input-type=module, -e, {{ $root.Files.Get "files/wait-for-store.js" | toJson }}]
          env:
            - { name: STORE_SERVICE_URL, value: 'http://store-service:3000' }
          {{- include "task-system.container-security" true | nindent 10 }}
          resources: {{ toJson $root.Values.jobResources }}
      containers:
        - name: {{ .name }}
          {{- include "task-system.image" (dict "at" .at "image" .values.image) | nindent 10 }}
          args: [sh, /tasks/submit.sh, {{ .name }}, /tasks/tasks.yaml]
          env:
            - { name: STORE_SERVICE_URL, value: 'http://store-service:3000' }
            - name: TRIUMVIR_API_KEY
              valueFrom: { secretKeyRef: { name: store, key: api-key } }
            # The same for every pod of this Job, and for no other Job.
            - name: JOB_UID
              valueFrom: { fieldRef: { fieldPath: "metadata.labels['controller-uid']" } }
          volumeMounts:
            - { name: tasks, mountPath: /tasks, readOnly: true }
          {{- include "task-system.container-security" true | nindent 10 }}
          resources: {{ toJson $root.Values.jobResources }}
      volumes:
        - name: tasks
          configMap: { name: {{ .name }} }
        {{- if .after }}
        # Only the container that waits gets the token.
        - name: token
          projected:
            sources:
              - serviceAccountToken: { path: token, expirationSeconds: 3600 }
              - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
              - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
        {{- end }}
  {{- end }}
{{- end }}
