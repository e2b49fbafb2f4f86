{{/* ZooKeeper elects the leaders: one server, or an ensemble. */}}
{{- define "task-system.zookeeper" }}
{{- $values := .root.Values.zookeeper }}
{{- $replicas := int $values.replicas }}
---
# Without an address of its own: clients and members know each server by name, before it is ready too.
apiVersion: v1
kind: Service
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "zookeeper") | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: { app: zookeeper }
  ports:
    - { name: client, port: 2181, targetPort: client }
    - { name: follower, port: 2888, targetPort: follower }
    - { name: election, port: 3888, targetPort: election }
---
{{ include "task-system.disruption-budget" (dict "at" . "name" "zookeeper") }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "task-system.metadata" (dict "at" . "name" "zookeeper") | nindent 2 }}
spec:
  serviceName: zookeeper
  replicas: {{ $replicas }}
  # An ensemble is ready when most of it is there, so they must not wait for each other.
  podManagementPolicy: Parallel
  selector: { matchLabels: { app: zookeeper } }
  template:
    metadata:
      labels: { app: zookeeper }
    spec:
      {{- include "task-system.pod" (dict "at" . "user" 1000) | nindent 6 }}
      {{- include "task-system.spread" "zookeeper" | nindent 6 }}
      terminationGracePeriodSeconds: 30
      containers:
        - name: zookeeper
          {{- include "task-system.image" (dict "at" . "image" $values.image) | nindent 10 }}
          # A member's number is that of its pod, from one on.
          command: [bash, -c, 'export ZOO_MY_ID=$((${POD##*-} + 1)); exec /docker-entrypoint.sh zkServer.sh start-foreground']
          env:
            - name: POD
              valueFrom: { fieldRef: { fieldPath: metadata.name } }
            {{- if gt $replicas 1 }}
            - name: ZOO_SERVERS
              value: {{ range $i := until $replicas }}{{ if $i }} {{ end }}server.{{ add1 $i }}=zookeeper-{{ $i }}.zookeeper:2888:3888;2181{{ end }}
            # Its own name may not be known yet when it starts.
            - { name: ZOO_CFG_EXTRA, value: quorumListenOnAllIPs=true }
            {{- end }}
            # Sessions expire on a tick, so a short tick lets the next leader take over soon.
            - { name: ZOO_TICK_TIME, value: '500' }
            - { name: ZOO_INIT_LIMIT, value: '20' }
            - { name: ZOO_SYNC_LIMIT, value: '10' }
            - { name: ZOO_MAX_CLIENT_CNXNS, value: '0' }
            # Hours between deletions of old snapshots and logs; the image never deletes any.
            - { name: ZOO_AUTOPURGE_PURGEINTERVAL, value: '1' }
            - { name: ZOO_ADMINSERVER_ENABLED, value: 'false' }
            - { name: ZOO_4LW_COMMANDS_WHITELIST, value: 'ruok,srvr,mntr,wchs,cons' }
            - { name: SERVER_JVMFLAGS, value: -Xmx128m -XX:+UseSerialGC }
          ports:
            - { name: client, containerPort: 2181 }
            - { name: follower, containerPort: 2888 }
            - { name: election, containerPort: 3888 }
          # A mode is given only when clients are served: in an ensemble, when it has a leader.
          readinessProbe:
            exec: { command: [bash, -c, 'exec 3<>/dev/tcp/127.0.0.1/2181 && echo srvr >&3 && grep -q "^Mode: " <&3'] }
            periodSeconds: 5
            timeoutSeconds: 5
          livenessProbe:
            tcpSocket: { port: client }
            initialDelaySeconds: 20
            periodSeconds: 10
            failureThreshold: 6
          volumeMounts:
            - { name: data, mountPath: /data, subPath: data }
            - { name: data, mountPath: /datalog, subPath: log }
          # Not read-only: the image writes its configuration beside files that it needs.
          {{- include "task-system.container-security" false | nindent 10 }}
          resources: {{ toJson $values.resources }}
  volumeClaimTemplates:
    {{- include "task-system.volume-claim" $values.persistence | nindent 4 }}
{{- end }}
