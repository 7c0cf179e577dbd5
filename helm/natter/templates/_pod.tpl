{{/* The pod of every process: a role of a cluster, the one process of `mode: all`, the migration and the test. */}}

{{- define "natter.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.podSecurity.user }}
runAsGroup: {{ .Values.podSecurity.user }}
fsGroup: {{ .Values.podSecurity.user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "natter.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What every pod says before its containers. Service links would put variables that begin with NATTER_ into it, which natter takes for
     settings. */}}
{{- define "natter.podHead" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.serviceAccount.name }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "natter.podSecurity" . | nindent 2 }}
{{- end -}}

{{/* One secret as the variable of a setting. (list NAME SECRET KEY) */}}
{{- define "natter.secretEnv" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef: { name: {{ index . 1 | quote }}, key: {{ index . 2 | quote }} }
{{- end -}}

{{- define "natter.env" -}}
{{- $v := .root.Values -}}
- name: NATTER_CONFIG
  value: /etc/natter/config/natter.toml
{{- if eq $v.mode "cluster" }}
- name: NATTER_CLUSTER__NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
- name: NATTER_CLUSTER__GENERATION
  valueFrom: { fieldRef: { fieldPath: "metadata.labels['pod-template-hash']" } }
- name: NATTER_CLUSTER__ADDRESS
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
{{- if $v.cql.existingSecret }}
{{- if $v.cql.passwordKey }}
{{ include "natter.secretEnv" (list "NATTER_CLUSTER__CQL__PASSWORD" $v.cql.existingSecret $v.cql.passwordKey) }}
{{- end }}
{{- end }}
{{- if $v.nats.passwordKey }}
{{ include "natter.secretEnv" (list "NATTER_CLUSTER__NATS__PASSWORD" $v.nats.existingSecret $v.nats.passwordKey) }}
{{- end }}
{{- if $v.redis.passwordKey }}
{{ include "natter.secretEnv" (list "NATTER_CLUSTER__REDIS__PASSWORD" $v.redis.existingSecret $v.redis.passwordKey) }}
{{- end }}
{{ include "natter.secretEnv" (list "NATTER_CLUSTER__S3__ACCESS_KEY" $v.s3.existingSecret $v.s3.accessKeyKey) }}
{{ include "natter.secretEnv" (list "NATTER_CLUSTER__S3__SECRET_KEY" $v.s3.existingSecret $v.s3.secretKeyKey) }}
{{- end }}
{{- if $v.mail.existingSecret }}
{{ include "natter.secretEnv" (list "NATTER_MAIL__PASSWORD" $v.mail.existingSecret $v.mail.passwordKey) }}
{{- end }}
{{- with .merged.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "natter.mounts" -}}
- { name: config, mountPath: /etc/natter/config, readOnly: true }
- { name: data, mountPath: /var/lib/natter }
{{- if eq .Values.mode "cluster" }}
- { name: secrets, mountPath: /etc/natter/secrets, readOnly: true }
- { name: servers, mountPath: /etc/natter/servers, readOnly: true }
{{- if include "natter.callsSecret" . }}
- { name: calls, mountPath: /etc/natter/calls, readOnly: true }
{{- end }}
{{- else if include "natter.tlsSecret" . }}
- { name: tls, mountPath: /etc/natter/tls, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* All volumes but `data`. (dict "root" $ "config" CONFIGMAP "file" KEY) */}}
{{- define "natter.volumes" -}}
{{- $v := .root.Values -}}
{{- $tls := include "natter.tlsSecret" .root -}}
- name: config
  configMap:
    name: {{ .config }}
    items: [{ key: {{ .file }}.toml, path: natter.toml }]
{{- if eq $v.mode "cluster" }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $v.secrets.existingSecret | quote }}
          items:
            - { key: admin.token, path: admin.token }
            - { key: verifier.key, path: verifier.key }
            - { key: push.key, path: push.key }
            {{- if not $tls }}
            - { key: cert.pem, path: tls/cert.pem }
            - { key: cert.key, path: tls/cert.key }
            {{- end }}
      {{- if not (and $tls $v.tls.withAuthority) }}
      - secret:
          name: {{ $v.secrets.existingSecret | quote }}
          # Who brings a certificate of a public authority has none.
          optional: true
          items:
            - { key: ca.pem, path: tls/ca.pem }
      {{- end }}
      {{- if $tls }}
      - secret:
          name: {{ $tls | quote }}
          items:
            - { key: tls.crt, path: tls/cert.pem }
            - { key: tls.key, path: tls/cert.key }
            {{- if $v.tls.withAuthority }}
            - { key: ca.crt, path: tls/ca.pem }
            {{- end }}
      {{- end }}
- name: servers
  projected:
    defaultMode: 0440
    sources:
      {{- $sources := 0 }}
      {{- range $name, $server := dict "cql" $v.cql "nats" $v.nats "redis" $v.redis "s3" $v.s3 }}
      {{- if or $server.caKey $server.credentialsKey }}
      {{- $sources = add1 $sources }}
      - secret:
          name: {{ $server.existingSecret | quote }}
          items:
            {{- with $server.caKey }}
            - { key: {{ . | quote }}, path: {{ $name }}/ca.pem }
            {{- end }}
            {{- with $server.credentialsKey }}
            - { key: {{ . | quote }}, path: {{ $name }}/credentials }
            {{- end }}
      {{- end }}
      {{- end }}
      {{- if not $sources }} []{{ end }}
{{- with include "natter.callsSecret" .root }}
- name: calls
  secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
{{- end }}
{{- else if $tls }}
- name: tls
  secret: { secretName: {{ $tls | quote }}, defaultMode: 0440 }
{{- end }}
{{- with $v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The ports of a role, or of all of them. (dict "root" $ "role" NAME) */}}
{{- define "natter.ports" -}}
{{- $all := eq .role "all" -}}
{{- $plain := .root.Values.ingress.enabled -}}
- { name: health, containerPort: 9600 }
{{- if not $all }}
- { name: calls, containerPort: 7400 }
{{- end }}
{{- if or $all (eq .role "edge") }}
- { name: xmpp, containerPort: 5222 }
- { name: xmpp-tls, containerPort: 5223 }
- { name: wss, containerPort: 5291 }
{{- if $plain }}
- { name: ws, containerPort: 5290 }
{{- end }}
{{- end }}
{{- if or $all (eq .role "api") }}
- { name: rest-tls, containerPort: 8443 }
{{- if $plain }}
- { name: rest, containerPort: 8080 }
{{- end }}
{{- end }}
{{- if or $all (eq .role "console") }}
- { name: console, containerPort: 8090 }
{{- end }}
{{- end -}}

{{/* The whole pod. (dict "root" $ "role" NAME "runs" ARGUMENT "merged" ROLE "data" "empty" or "claim") */}}
{{- define "natter.pod" -}}
{{- $root := .root -}}
{{- $merged := .merged -}}
metadata:
  labels: {{- include "natter.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
    {{- with $merged.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    natter/settings: {{ include "natter.file" . | sha256sum }}
    {{- with $merged.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "natter.podHead" $root | nindent 2 }}
  # From SIGTERM on a process ends after 30 s at the latest; an edge after 30 more, in which it waits for what is replaced with it.
  terminationGracePeriodSeconds: {{ add (int $merged.preStopSeconds) (ternary 65 35 (eq .role "edge")) }}
  {{- with $merged.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $merged.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $merged.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $merged.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if ne .role "all" }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "natter.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.role }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  containers:
    - name: natter
      image: {{ include "natter.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      command: [/natter, {{ .runs | quote }}]
      env: {{- include "natter.env" . | nindent 8 }}
      ports: {{- include "natter.ports" . | nindent 8 }}
      # Alive is whoever answers: a server that is away is no reason to begin again.
      startupProbe:
        httpGet: { path: /livez, port: health }
        periodSeconds: 2
        failureThreshold: 90
      livenessProbe:
        httpGet: { path: /livez, port: health }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: health }
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 2
      {{- if gt (int $merged.preStopSeconds) 0 }}
      lifecycle:
        preStop:
          sleep: { seconds: {{ $merged.preStopSeconds }} }
      {{- end }}
      resources: {{- toYaml $merged.resources | nindent 8 }}
      securityContext: {{- include "natter.containerSecurity" $root | nindent 8 }}
      volumeMounts: {{- include "natter.mounts" $root | nindent 8 }}
  volumes:
    {{- include "natter.volumes" (dict "root" $root "config" (include "natter.name" $root) "file" .role) | nindent 4 }}
    {{- if eq .data "empty" }}
    - { name: data, emptyDir: {} }
    {{- end }}
{{- end -}}
