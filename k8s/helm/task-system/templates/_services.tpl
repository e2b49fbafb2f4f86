{{/* Store, scheduler and executor: a Deployment each, of one pattern. */}}

{{- define "task-system.store" }}
{{- $values := .root.Values.store }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "store-service" "app" "store") | nindent 2 }}
spec:
  type: {{ $values.service.type }}
  selector: { app: store }
  ports:
    - { name: http, port: 3000, targetPort: http }
    - { name: grpc, port: 50051, targetPort: grpc }
---
{{ include "task-system.disruption-budget" (dict "at" . "name" "store") }}
{{- $env := dict
  "STORE_SERVICE_HOST" "0.0.0.0"
  "STORE_SERVICE_PORT" "3000"
  "SERVER_PORT" "50051"
  "STORE_SERVICE_URL" "http://127.0.0.1:3000" }}
{{- $key := dict "name" "store" "key" "api-key" }}
{{ include "task-system.service" (dict
  "at" . "name" "store" "service" "store-service" "port" 3000 "ports" (dict "grpc" 50051)
  "image" .root.Values.image "values" $values "replicas" $values.replicas
  "env" $env "secrets" (dict "STORE_BOOTSTRAP_KEY" $key "TRIUMVIR_API_KEY" $key)
  "checksum" (printf "%s-%s" .checksums.postgres .checksums.store | sha256sum)
  "lingerSeconds" 5) }}
{{- end }}

{{- define "task-system.scheduler" }}
{{- $values := .root.Values.scheduler }}
---
{{ include "task-system.disruption-budget" (dict "at" . "name" "scheduler") }}
{{- $env := dict
  "SCHEDULER_SERVICE_HOST" "0.0.0.0"
  "SCHEDULER_SERVICE_PORT" "3001"
  "REDIS_HOST" "redis"
  "REDIS_PORT" "6379"
  "NODE_OPTIONS" "--enable-source-maps --max-semi-space-size=16" }}
{{ include "task-system.service" (dict
  "at" . "name" "scheduler" "service" "scheduler-service" "port" 3001
  "image" .root.Values.image "values" $values "replicas" $values.replicas
  "env" $env "secrets" (dict "REDIS_PASSWORD" (dict "name" "redis" "key" "password"))
  "checksum" (printf "%s-%s" .checksums.postgres .checksums.redis | sha256sum)) }}
{{- end }}

{{- define "task-system.executor" }}
{{- $values := .root.Values.taskExecutor }}
{{- $scaling := $values.autoscaling }}
---
{{ include "task-system.disruption-budget" (dict "at" . "name" "task-executor") }}
{{- if $scaling.enabled }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
{{- fail "taskExecutor.autoscaling.maxReplicas: must not be less than taskExecutor.autoscaling.minReplicas" }}
{{- end }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "task-executor") | nindent 2 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: task-executor }
  minReplicas: {{ $scaling.minReplicas }}
  maxReplicas: {{ $scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: { type: Utilization, averageUtilization: {{ $scaling.targetCPUUtilizationPercentage }} }
{{- end }}
{{- $env := dict
  "EXECUTOR_SERVICE_HOST" "0.0.0.0"
  "EXECUTOR_SERVICE_PORT" "3002"
  "REDIS_HOST" "redis"
  "REDIS_PORT" "6379" }}
{{ include "task-system.service" (dict
  "at" . "name" "task-executor" "service" "executor-service" "port" 3002
  "image" $values.image "values" $values "replicas" (ternary nil $values.replicas $scaling.enabled)
  "env" $env "secrets" (dict "REDIS_PASSWORD" (dict "name" "redis" "key" "password"))
  "checksum" (printf "%s-%s" .checksums.postgres .checksums.redis | sha256sum)) }}
{{- end }}

{{/*
`replicas`: nil leaves their number to whoever scales it. `lingerSeconds`: how long it goes on serving after it was told to
go, until nobody sends it requests any more. `values.env` goes before `env`.
*/}}
{{- define "task-system.service" }}
{{- $root := .at.root }}
{{- $linger := .lingerSeconds | default 0 }}
{{- $common := dict
  "ZOOKEEPER_HOST" (include "task-system.zookeeper-host" .at)
  "SHUTDOWN_GRACE_MS" (mul 1000 $root.Values.shutdownGraceSeconds | toString) }}
{{- $env := merge (dict) .values.env .env $common }}
{{- $secrets := merge (dict) .secrets (dict "DATABASE_URL" (dict "name" "postgres" "key" "url")) }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "task-system.metadata" (dict "at" .at "name" .name) | nindent 2 }}
spec:
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ .replicas }}
  {{- end }}
  selector: { matchLabels: { app: {{ .name }} } }
  template:
    metadata:
      labels: { app: {{ .name }} }
      annotations:
        # Passwords are read at the start alone.
        triumvir/secret: {{ .checksum }}
    spec:
      {{- include "task-system.pod" (dict "at" .at "user" 1000) | nindent 6 }}
      {{- include "task-system.spread" .name | nindent 6 }}
      # What runs may end by itself; then comes what it takes to end the rest.
      terminationGracePeriodSeconds: {{ add $root.Values.shutdownGraceSeconds 15 $linger }}
      initContainers:
        # Whoever comes first brings the database to the newest schema; the others wait for that.
        - name: migrate
          {{- include "task-system.image" (dict "at" .at "image" $root.Values.image) | nindent 10 }}
          args: [node, dist/tools/migrate.js]
          env:
            - name: DATABASE_URL
              valueFrom: { secretKeyRef: { name: postgres, key: url } }
          volumeMounts: &mounts
            - { name: tmp, mountPath: /tmp }
          {{- include "task-system.container-security" true | nindent 10 }}
          resources: &resources {{ toJson .values.resources }}
      containers:
        - name: {{ .name }}
          {{- include "task-system.image" (dict "at" .at "image" .image) | nindent 10 }}
          args: [node, dist/apps/{{ .service }}/src/main.js]
          env:
            {{- range $name, $value := $env }}
            - { name: {{ $name }}, value: {{ $value | quote }} }
            {{- end }}
            {{- range $name, $from := $secrets }}
            - name: {{ $name }}
              valueFrom: { secretKeyRef: {{ toJson $from }} }
            {{- end }}
          {{- with .values.envFrom }}
          envFrom: {{ toJson . }}
          {{- end }}
          ports:
            - { name: http, containerPort: {{ .port }} }
            {{- range $name, $port := .ports }}
            - { name: {{ $name }}, containerPort: {{ $port }} }
            {{- end }}
          {{- if $linger }}
          lifecycle:
            preStop: { exec: { command: [sleep, {{ $linger | quote }}] } }
          {{- end }}
          startupProbe:
            httpGet: { path: /health/live, port: http }
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /health/live, port: http }
            periodSeconds: 10
            timeoutSeconds: 5
          readinessProbe:
            httpGet: { path: /health/ready, port: http }
            periodSeconds: 5
            timeoutSeconds: 5
          volumeMounts: *mounts
          {{- include "task-system.container-security" true | nindent 10 }}
          resources: *resources
      volumes:
        # Jobs run in it; nothing else can be written to.
        - name: tmp
          emptyDir: {}
{{- end }}
