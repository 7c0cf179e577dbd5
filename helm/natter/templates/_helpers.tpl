{{/* Names and labels, the settings of a role, and how they are written as TOML. The pod itself is in _pod.tpl. */}}

{{- define "natter.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects all pods of the release. */}}
{{- define "natter.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "natter.labels" -}}
{{ include "natter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "natter.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Name of the Secret with the doors' certificate; empty: the one that natter made. */}}
{{- define "natter.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled -}}
{{ include "natter.name" . }}-tls
{{- else -}}
{{ .Values.tls.existingSecret }}
{{- end -}}
{{- end -}}

{{/* Name of the Secret with the certificate for calls between processes; empty: they are not encrypted. */}}
{{- define "natter.callsSecret" -}}
{{- if ne .Values.mode "cluster" -}}
{{- else if .Values.calls.tls.certManager.enabled -}}
{{ include "natter.name" . }}-calls
{{- else -}}
{{ .Values.calls.tls.existingSecret }}
{{- end -}}
{{- end -}}

{{/* The name that it is made for. */}}
{{- define "natter.callsName" -}}
{{ .Values.calls.tls.name | default (printf "%s-calls" (include "natter.name" .)) }}
{{- end -}}

{{/* What holds of a role: `roleDefaults` with what the role says laid over it. (dict "root" $ "own" ROLE) */}}
{{- define "natter.role" -}}
{{- mustMergeOverwrite (deepCopy .root.Values.roleDefaults) (deepCopy .own) | toYaml -}}
{{- end -}}

{{/* The settings of a role, as YAML. (dict "root" $ "role" NAME "merged" ROLE) */}}
{{- define "natter.settings" -}}
{{- $v := .root.Values -}}
{{- $name := include "natter.name" .root -}}
{{- $loopback := ternary "::1" "127.0.0.1" (eq $v.listenAddress "::") -}}
{{- $plain := ternary $v.listenAddress $loopback $v.ingress.enabled -}}
{{- $names := list -}}
{{- range list $v.hosts.chat $v.hosts.api -}}
{{- if . }}{{- $names = append $names . -}}{{- end -}}
{{- end -}}
{{- $console := printf "%s-console" $name -}}
{{- $inside := list $console (printf "%s.%s" $console .root.Release.Namespace) (printf "%s.%s.svc" $console .root.Release.Namespace) (printf "%s.%s.svc.cluster.local" $console .root.Release.Namespace) -}}
{{- if $v.hosts.console }}{{- $inside = append $inside $v.hosts.console -}}{{- end -}}
{{- $settings := dict
      "data" "/var/lib/natter"
      "hosts" (uniq $names)
      "trusted_proxies" $v.trustedProxies
      "telemetry" (dict "log_json" true)
      "health" (dict "address" $v.listenAddress)
      "edge" (dict "address" $v.listenAddress "plain_address" $plain "allow_plain_text" $v.ingress.enabled "proxy_protocol" $v.services.edge.proxyProtocol "drain_s" .merged.drainSeconds "drain_spread_s" (ternary 0 (div (int .merged.drainSeconds) 2) (eq $v.mode "all")))
      "api" (dict "address" $v.listenAddress "plain_address" $plain)
      "console" (dict "address" $v.listenAddress "hosts" $inside)
      "cluster" (dict) -}}
{{- if $v.hosts.chat -}}
{{- $_ := set $settings.edge "host" $v.hosts.chat -}}
{{- $_ := set $settings.cluster "public_websocket" (printf "wss://%s:%d" $v.hosts.chat (int $v.hosts.ports.websocket)) -}}
{{- end -}}
{{- if $v.hosts.api -}}
{{- $_ := set $settings.cluster "public_api" (printf "%s:%d" $v.hosts.api (int $v.hosts.ports.api)) -}}
{{- $port := ternary "" (printf ":%d" (int $v.hosts.ports.api)) (eq (int $v.hosts.ports.api) 443) -}}
{{- $_ := set $settings.api "public_url" (printf "https://%s%s" $v.hosts.api $port) -}}
{{- end -}}
{{- if eq $v.mode "cluster" -}}
{{- $_ := set $settings.cluster "secrets" "/etc/natter/secrets" -}}
{{- $cql := dict "nodes" $v.cql.nodes "keyspace" $v.cql.keyspace "datacenter" $v.cql.datacenter "replicas" $v.cql.replicas "user" $v.cql.user -}}
{{- $nats := dict "nodes" $v.nats.nodes "prefix" $v.nats.prefix "user" $v.nats.user -}}
{{- $redis := dict "nodes" $v.redis.nodes "cluster" $v.redis.cluster "prefix" $v.redis.prefix "user" $v.redis.user -}}
{{- $s3 := dict "endpoint" $v.s3.endpoint "region" $v.s3.region "bucket" $v.s3.bucket "prefix" $v.s3.prefix "virtual_hosts" $v.s3.virtualHosts -}}
{{- if $v.cql.caKey }}{{- $_ := set $cql "ca" "/etc/natter/servers/cql/ca.pem" -}}{{- end -}}
{{- if $v.nats.caKey }}{{- $_ := set $nats "ca" "/etc/natter/servers/nats/ca.pem" -}}{{- end -}}
{{- if $v.nats.credentialsKey }}{{- $_ := set $nats "credentials" "/etc/natter/servers/nats/credentials" -}}{{- end -}}
{{- if $v.redis.caKey }}{{- $_ := set $redis "ca" "/etc/natter/servers/redis/ca.pem" -}}{{- end -}}
{{- if $v.s3.caKey }}{{- $_ := set $s3 "ca" "/etc/natter/servers/s3/ca.pem" -}}{{- end -}}
{{- $log := dict "stream" $v.nats.log.stream "replicas" $v.nats.log.replicas "bytes_max" $v.nats.log.maxBytes -}}
{{- if include "natter.callsSecret" .root -}}
{{- $_ := set $settings.cluster "tls" (dict "ca" "/etc/natter/calls/ca.crt" "cert" "/etc/natter/calls/tls.crt" "key" "/etc/natter/calls/tls.key" "name" (include "natter.callsName" .root)) -}}
{{- end -}}
{{- $_ := merge $settings.cluster (dict "cql" $cql "nats" $nats "posted" $log "redis" $redis "s3" $s3) -}}
{{- else if include "natter.tlsSecret" .root -}}
{{- $_ := set $settings "tls" (dict "certificates" (list (dict "cert" "/etc/natter/tls/tls.crt" "key" "/etc/natter/tls/tls.key"))) -}}
{{- end -}}
{{- mustMergeOverwrite $settings (deepCopy $v.settings) (deepCopy .merged.settings) | toYaml -}}
{{- end -}}

{{/* A table as TOML: what is a value first, then the tables in it. Helm's own toToml writes whole numbers as fractions.
     (dict "path" "" "table" TABLE) */}}
{{- define "natter.toml" -}}
{{- $path := .path -}}
{{- range $key, $value := .table }}
{{- if not (kindIs "map" $value) }}
{{ $key }} = {{ include "natter.tomlValue" $value }}
{{- end }}
{{- end }}
{{- range $key, $value := .table }}
{{- if kindIs "map" $value }}
{{- $inner := ternary $key (printf "%s.%s" $path $key) (eq $path "") }}

[{{ $inner }}]
{{- include "natter.toml" (dict "path" $inner "table" $value) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "natter.tomlValue" -}}
{{- if kindIs "string" . -}}
{{ toJson . }}
{{- else if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end -}}
{{- else if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . }}{{- $items = append $items (include "natter.tomlValue" .) -}}{{- end -}}
[{{ join ", " $items }}]
{{- else if kindIs "map" . -}}
{{- $items := list -}}
{{- range $key, $value := . }}{{- $items = append $items (printf "%s = %s" $key (include "natter.tomlValue" $value)) -}}{{- end -}}
{ {{ join ", " $items }} }
{{- else -}}
{{ . }}
{{- end -}}
{{- end -}}

{{/* The file of settings of a role. (dict "root" $ "role" NAME "merged" ROLE) */}}
{{- define "natter.file" -}}
{{- include "natter.toml" (dict "path" "" "table" (include "natter.settings" . | fromYaml)) | trim }}
{{ end -}}
