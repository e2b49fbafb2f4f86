{{/* postgres-0 takes all writes; every further replica streams from it. */}}
{{- define "task-system.postgres" }}
{{- $values := .root.Values.postgresql }}
{{- $readiness := list "pg_isready" "-U" $values.auth.username "-d" $values.auth.database "-h" "127.0.0.1" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "postgres") | nindent 2 }}
data:
  pg_hba.conf: |
    local all all scram-sha-256
    host all all all scram-sha-256
    host replication all all scram-sha-256
  copy-primary.sh: |
    {{- .root.Files.Get "files/copy-primary.sh" | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "postgres-service" "app" "postgres") | nindent 2 }}
spec:
  # The primary alone: a standby takes no writes, and lags behind.
  selector: { app: postgres, statefulset.kubernetes.io/pod-name: postgres-0 }
  ports:
    - { name: postgres, port: 5432, targetPort: postgres }
---
# Names for the pods: postgres-1.postgres-nodes is the standby, for reading.
apiVersion: v1
kind: Service
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "postgres-nodes" "app" "postgres") | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: { app: postgres }
  ports:
    - { name: postgres, port: 5432, targetPort: postgres }
---
{{ include "task-system.disruption-budget" (dict "at" . "name" "postgres") }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "postgres") | nindent 2 }}
spec:
  serviceName: postgres-nodes
  replicas: {{ $values.replicas }}
  selector: { matchLabels: { app: postgres } }
  template:
    metadata:
      labels: { app: postgres }
      annotations:
        triumvir/secret: {{ .checksums.postgres }}
    spec:
      {{- include "task-system.pod" (dict "at" . "user" 999) | nindent 6 }}
      {{- include "task-system.spread" "postgres" | nindent 6 }}
      terminationGracePeriodSeconds: 60
      initContainers:
        - name: copy-primary
          {{- include "task-system.image" (dict "at" . "image" $values.image) | nindent 10 }}
          command: [sh, /etc/postgres/copy-primary.sh]
          env: &environment
            - { name: PGDATA, value: /var/lib/postgresql/triumvir }
            - { name: PRIMARY, value: postgres-service }
            - name: POD
              valueFrom: { fieldRef: { fieldPath: metadata.name } }
            - { name: POSTGRES_USER, value: {{ $values.auth.username | quote }} }
            - { name: POSTGRES_DB, value: {{ $values.auth.database | quote }} }
            # One order of text everywhere, whatever the C library of the next image.
            - { name: POSTGRES_INITDB_ARGS, value: --encoding=UTF8 --locale=C --data-checksums }
            - name: POSTGRES_PASSWORD
              valueFrom: &password { secretKeyRef: { name: postgres, key: password } }
            # What psql and pg_basebackup log in with, and a standby at its primary.
            - { name: PGPASSWORD, valueFrom: *password }
          volumeMounts: &mounts
            - { name: data, mountPath: /var/lib/postgresql }
            - { name: configuration, mountPath: /etc/postgres, readOnly: true }
            - { name: tmp, mountPath: /tmp }
            - { name: run, mountPath: /var/run/postgresql }
            - { name: shared-memory, mountPath: /dev/shm }
          {{- include "task-system.container-security" true | nindent 10 }}
          resources: &resources {{ toJson $values.resources }}
      containers:
        - name: postgres
          {{- include "task-system.image" (dict "at" . "image" $values.image) | nindent 10 }}
          args:
            - postgres
            - -c
            - hba_file=/etc/postgres/pg_hba.conf
            - -c
            - max_connections=200
            # Room on a small volume: what is kept for a standby that was away, and between checkpoints.
            - -c
            - wal_keep_size=128MB
            - -c
            - max_wal_size=256MB
            - -c
            - wal_compression=on
            # A session that forgot its transaction would keep dead rows alive for everybody.
            - -c
            - idle_in_transaction_session_timeout=30s
            # Of a standby; a primary does not look at it.
            - -c
            - primary_conninfo=host=postgres-service user={{ $values.auth.username }} application_name=$(POD)
          env: *environment
          ports:
            - { name: postgres, containerPort: 5432 }
          # By TCP: while the image prepares a new database, a server without TCP answers on the socket.
          startupProbe:
            exec: { command: {{ toJson $readiness }} }
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 120
          readinessProbe:
            exec: { command: {{ toJson $readiness }} }
            periodSeconds: 5
            timeoutSeconds: 5
          # 2 is no answer. A server that answers and lets nobody in (1) is recovering, and a restart would not help it.
          livenessProbe:
            exec: { command: [sh, -c, {{ printf "%s; test $? -ne 2" (join " " $readiness) | quote }}] }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          volumeMounts: *mounts
          {{- include "task-system.container-security" true | nindent 10 }}
          resources: *resources
      volumes:
        - name: configuration
          configMap: { name: postgres }
        - name: tmp
          emptyDir: {}
        - name: run
          emptyDir: {}
        # Parallel queries share memory here; the 64 MB that containers get are too few.
        - name: shared-memory
          emptyDir: { medium: Memory, sizeLimit: 128Mi }
  volumeClaimTemplates:
    {{- include "task-system.volume-claim" $values.persistence | nindent 4 }}
{{- end }}
