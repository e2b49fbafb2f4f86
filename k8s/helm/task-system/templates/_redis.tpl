{{/* Redis with an append-only file: hand-overs survive a restart. All else is in Postgres. */}}
{{- define "task-system.redis" }}
{{- $values := .root.Values.redis }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "redis") | nindent 2 }}
spec:
  selector: { app: redis }
  ports:
    - { name: redis, port: 6379, targetPort: redis }
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "redis") | nindent 2 }}
spec:
  serviceName: redis
  replicas: 1
  selector: { matchLabels: { app: redis } }
  template:
    metadata:
      labels: { app: redis }
      annotations:
        triumvir/secret: {{ .checksums.redis }}
    spec:
      {{- include "task-system.pod" (dict "at" . "user" 999) | nindent 6 }}
      terminationGracePeriodSeconds: 30
      containers:
        - name: redis
          {{- include "task-system.image" (dict "at" . "image" $values.image) | nindent 10 }}
          args:
            - redis-server
            - --requirepass
            - $(REDISCLI_AUTH)
            - --appendonly
            - 'yes'
            # The append-only file is the copy on disk; snapshots beside it would only cost.
            - --save
            - ''
            # What is evicted would be a lost hand-over: better to refuse a write.
            - --maxmemory-policy
            - noeviction
          env:
            # What redis-cli logs in with.
            - name: REDISCLI_AUTH
              valueFrom: { secretKeyRef: { name: redis, key: password } }
          ports:
            - { name: redis, containerPort: 6379 }
          # While it reads its file it answers, but not with PONG.
          readinessProbe:
            exec: { command: [sh, -c, 'redis-cli ping | grep -qx PONG'] }
            periodSeconds: 5
            timeoutSeconds: 5
          livenessProbe:
            exec: { command: [redis-cli, ping] }
            initialDelaySeconds: 10
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          volumeMounts:
            - { name: data, mountPath: /data }
          {{- include "task-system.container-security" true | nindent 10 }}
          resources: {{ toJson $values.resources }}
  volumeClaimTemplates:
    {{- include "task-system.volume-claim" $values.persistence | nindent 4 }}
{{- end }}
