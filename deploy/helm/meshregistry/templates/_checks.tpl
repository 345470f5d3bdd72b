{{/* What a schema can't see. Each contradiction is one sentence: what, the consequence, what to do. */}}
{{- define "meshregistry.checks" -}}
{{- $values := .Values }}
{{- if not .Values.configFromSecrets }}
{{- $config := .Values.config }}
{{- if kindIs "string" $config }}
{{- $config = fromYaml $config }}
{{- with $config.Error }}
{{- fail (printf "config is no YAML: %s" .) }}
{{- end }}
{{- end }}
{{- if not $config }}
{{- fail "config is empty; put the content of meshregistry.yaml there, or use --set-file config=meshregistry.yaml" }}
{{- end }}
{{- $isSlimes := hasKey $config "general" }}
{{- if $isSlimes }}
{{- $config = dig "general" "LEGACY" (dict) $config }}
{{- end }}
{{- $nats := $config.nats | default dict }}
{{- if not .Values.allInOne.enabled }}
{{- if not $nats.servers }}
{{- fail "config names no NATS, without which collectors and aggregator don't meet; set config.nats.servers to [nats://meshregistry-nats:4222], or allInOne.enabled" }}
{{- end }}
{{- if and .Values.nats.enabled (gt (int ($nats.replicas | default 1)) (int .Values.nats.replicas)) }}
{{- fail (printf "config.nats.replicas is %d, but there are %d NATS servers, so that the stream could not be created; set it to nats.replicas at most" (int $nats.replicas) (int .Values.nats.replicas)) }}
{{- end }}
{{- if and (include "meshregistry.keys" .) (not $nats.nkeySeedFile) }}
{{- fail "services are given keys for NATS, but config.nats.nkeySeedFile doesn't name them, so that NATS would refuse every service; set it to /etc/meshregistry-nats/seed" }}
{{- end }}
{{- if and .Values.nats.enabled $nats.nkeySeedFile (not .Values.nats.accounts) }}
{{- fail "config.nats.nkeySeedFile is set, but nats.accounts is empty, so that NATS would let everybody write; use --set-file nats.accounts=nats-accounts/accounts.conf (docs/helm.md)" }}
{{- end }}
{{- $shards := int (dig "xds" "shards" 1 $config) }}
{{- if ne $shards (int .Values.aggregator.shards) }}
{{- fail (printf "config.xds.shards is %d, but aggregator.shards opens %d ports; set both to the same number" $shards (int .Values.aggregator.shards)) }}
{{- end }}
{{- /* What a slime module enables is not said in one place: meshctl check-config knows. */}}
{{- if not $isSlimes }}
{{- range $name, $source := include "meshregistry.sources" . | fromYaml }}
{{- $isRead := or (index $config $source) (index $config (printf "%ss" $source)) (and (eq $name "k8s") $values.collectors.k8s.podFacts) }}
{{- if and (index $values.collectors $name).enabled (not $isRead) }}
{{- fail (printf "collectors.%s is enabled, but config has no %s, without which it refuses to start; add it, or disable the collector" $name $source) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The section of the configuration that each collector reads; several sources are in the one with an "s" more. */}}
{{- define "meshregistry.sources" -}}
eureka: eurekaSource
nacos: nacosSource
zk: zookeeperSource
k8s: k8sSource
{{- end }}
