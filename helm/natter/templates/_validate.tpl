{{/* What the schema cannot see: values that do not go together. Every sentence names the value and what to do. */}}
{{- define "natter.validate" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- if eq $v.mode "cluster" -}}
{{- range $name, $value := dict "hosts.chat" $v.hosts.chat "hosts.api" $v.hosts.api "secrets.existingSecret" $v.secrets.existingSecret "cql.nodes" $v.cql.nodes "nats.nodes" $v.nats.nodes "redis.nodes" $v.redis.nodes "s3.bucket" $v.s3.bucket "s3.existingSecret" $v.s3.existingSecret -}}
{{- if not $value -}}{{- $wrong = append $wrong (printf "%s is empty: mode cluster needs it" $name) -}}{{- end -}}
{{- end -}}
{{- range $name, $server := dict "cql" $v.cql "nats" $v.nats "redis" $v.redis -}}
{{- if and $server.user (not $server.existingSecret) -}}{{- $wrong = append $wrong (printf "%s.user is set and %s.existingSecret is not: name the Secret with the password" $name $name) -}}{{- end -}}
{{- if and (not $server.existingSecret) (or $server.caKey $server.credentialsKey (and (ne $name "cql") $server.passwordKey)) -}}{{- $wrong = append $wrong (printf "%s.existingSecret is empty, and a key of it is named" $name) -}}{{- end -}}
{{- end -}}
{{- range $role, $own := $v.roles -}}
{{- $merged := include "natter.role" (dict "root" $ "own" $own) | fromYaml -}}
{{- if and $merged.autoscaling.enabled (gt (int $merged.autoscaling.min) (int $merged.autoscaling.max)) -}}{{- $wrong = append $wrong (printf "roles.%s.autoscaling.min is more than max" $role) -}}{{- end -}}
{{- if and (eq (int $merged.replicas) 0) (not $merged.autoscaling.enabled) (not (has $role (list "console" "push"))) -}}{{- $wrong = append $wrong (printf "roles.%s.replicas is 0: nobody would serve it (only console and push can be left out)" $role) -}}{{- end -}}
{{- if has (toString $merged.surge) (list "0" "0%") -}}{{- $wrong = append $wrong (printf "roles.%s.surge is 0: no pod may be missing while an upgrade runs, so one has to be more" $role) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- with $v.calls.tls -}}
{{- if and .existingSecret .certManager.enabled -}}{{- $wrong = append $wrong "calls.tls.existingSecret and calls.tls.certManager.enabled exclude each other" -}}{{- end -}}
{{- if and .certManager.enabled (not .certManager.issuer) -}}{{- $wrong = append $wrong "calls.tls.certManager.issuer is empty: say who signs, as {name: natter-calls}" -}}{{- end -}}
{{- if and (or .existingSecret .certManager.enabled) (ne $v.mode "cluster") -}}{{- $wrong = append $wrong "calls.tls is set: in mode all there are no calls between processes" -}}{{- end -}}
{{- end -}}
{{- if and $v.services.edge.proxyProtocol (not $v.trustedProxies) -}}{{- $wrong = append $wrong "services.edge.proxyProtocol is on and trustedProxies is empty: name the load balancer's addresses, nobody else is believed" -}}{{- end -}}
{{- if contains "muc" (lower $v.hosts.chat) -}}{{- $wrong = append $wrong "hosts.chat contains the letters muc: the SDK tells rooms by them" -}}{{- end -}}
{{- if and $v.tls.existingSecret $v.tls.certManager.enabled -}}{{- $wrong = append $wrong "tls.existingSecret and tls.certManager.enabled exclude each other" -}}{{- end -}}
{{- if $v.tls.certManager.enabled -}}
{{- if not $v.tls.certManager.issuer -}}{{- $wrong = append $wrong "tls.certManager.issuer is empty: say who signs, as {name: letsencrypt, kind: ClusterIssuer}" -}}{{- end -}}
{{- if not $v.hosts.chat -}}{{- $wrong = append $wrong "hosts.chat is empty: a certificate of cert-manager needs a name" -}}{{- end -}}
{{- end -}}
{{- if and $v.tls.withAuthority (not (include "natter.tlsSecret" .)) -}}{{- $wrong = append $wrong "tls.withAuthority is set, and no Secret of tls has a ca.crt" -}}{{- end -}}
{{- if $v.ingress.enabled -}}
{{- if not (and $v.hosts.chat $v.hosts.api) -}}{{- $wrong = append $wrong "ingress.enabled needs hosts.chat and hosts.api" -}}{{- end -}}
{{- if and $v.hosts.chat (eq $v.hosts.chat $v.hosts.api) -}}{{- $wrong = append $wrong "hosts.chat and hosts.api are one name: an Ingress tells the doors by their names" -}}{{- end -}}
{{- if not (or $v.ingress.tlsSecret (include "natter.tlsSecret" .)) -}}{{- $wrong = append $wrong "ingress.tlsSecret is empty: the SDK connects over TLS only" -}}{{- end -}}
{{- if and $v.ingress.console (not $v.hosts.console) -}}{{- $wrong = append $wrong "ingress.console needs hosts.console" -}}{{- end -}}
{{- if and $v.ingress.console $v.networkPolicy.enabled (not $v.networkPolicy.consoleFrom) -}}{{- $wrong = append $wrong "networkPolicy.consoleFrom is empty: the Ingress could not reach the console" -}}{{- end -}}
{{- end -}}
{{- if and $v.test.enabled (not $v.services.edge.ports.tls) -}}{{- $wrong = append $wrong "services.edge.ports.tls is 0: helm test signs in there (or test.enabled: false)" -}}{{- end -}}
{{- $groups := dict "settings" $v.settings "roleDefaults.settings" $v.roleDefaults.settings "all.pod.settings" ($v.all.pod.settings | default dict) -}}
{{- range $role, $own := $v.roles -}}{{- $_ := set $groups (printf "roles.%s.settings" $role) ($own.settings | default dict) -}}{{- end -}}
{{- range $where, $settings := $groups -}}
{{- $cluster := $settings.cluster | default dict -}}
{{- range $key, $instead := dict "data" "the chart mounts the data" "hosts" "use hosts.chat and hosts.api" "trusted_proxies" "use trustedProxies" "health" "the chart's probes need it as it is" -}}
{{- if hasKey $settings $key -}}{{- $wrong = append $wrong (printf "%s.%s is set by the chart: %s" $where $key $instead) -}}{{- end -}}
{{- end -}}
{{- range $key := list "name" "generation" "address" "port" "advertise" "secrets" "tls" -}}
{{- if hasKey $cluster $key -}}{{- $wrong = append $wrong (printf "%s.cluster.%s is set by the chart" $where $key) -}}{{- end -}}
{{- end -}}
{{- range $group, $use := dict "cql" "cql.existingSecret" "nats" "nats.existingSecret" "redis" "redis.existingSecret" -}}
{{- if hasKey (get $cluster $group | default dict) "password" -}}{{- $wrong = append $wrong (printf "%s.cluster.%s.password would be readable in a ConfigMap: use %s" $where $group $use) -}}{{- end -}}
{{- end -}}
{{- range $key := list "access_key" "secret_key" -}}
{{- if hasKey (get $cluster "s3" | default dict) $key -}}{{- $wrong = append $wrong (printf "%s.cluster.s3.%s would be readable in a ConfigMap: use s3.existingSecret" $where $key) -}}{{- end -}}
{{- end -}}
{{- if hasKey ($settings.mail | default dict) "password" -}}{{- $wrong = append $wrong (printf "%s.mail.password would be readable in a ConfigMap: use mail.existingSecret" $where) -}}{{- end -}}
{{- end -}}
{{- range $group, $ports := dict "edge" (list "address" "plain_address" "tcp_port" "tls_port" "wss_port" "ws_port" "host" "drain_s" "drain_spread_s" "proxy_protocol") "api" (list "address" "plain_address" "tls_port" "plain_port" "public_url") "console" (list "address" "port") -}}
{{- range $port := $ports -}}
{{- range $where, $settings := $groups -}}
{{- if hasKey (get $settings $group | default dict) $port -}}{{- $wrong = append $wrong (printf "%s.%s.%s is set by the chart" $where $group $port) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "\n  %s" (join "\n  " $wrong)) -}}
{{- end -}}
{{- end -}}
