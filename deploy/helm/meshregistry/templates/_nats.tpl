{{/* The files of deploy/nats, and cluster.conf of the production overlay. */}}
{{- define "meshregistry.nats.conf" -}}
server_name: $POD_NAME
listen: 0.0.0.0:4222
http: 0.0.0.0:8222

# A service is one message. 50,000 endpoints fit with room to spare, as large messages are compressed.
max_payload: 8MB
max_pending: 64MB

jetstream {
  store_dir: /data
  # Below the size of the volume.
  max_file_store: 1500MB
  max_memory_store: 64MB
}

include ./cluster.conf
include ./accounts.conf
{{ end }}

{{- define "meshregistry.cluster.conf" -}}
{{- if gt (int .Values.nats.replicas) 1 -}}
cluster {
  name: meshregistry
  listen: 0.0.0.0:6222
  # Clients come back through the Service; addresses of pods are of no use to them.
  no_advertise: true
  routes: [
    {{- range $server := until (int .Values.nats.replicas) }}
    nats://meshregistry-nats-{{ $server }}.meshregistry-nats-headless:6222
    {{- end }}
  ]
}
{{ else -}}
# One server, so nothing is said about others.
{{ end }}
{{- end }}

{{- define "meshregistry.accounts.conf" -}}
{{- if .Values.nats.accounts }}{{ .Values.nats.accounts }}{{ else -}}
# Everybody who reaches port 4222 may read and write; network-policy.yaml says who does. For more, `meshctl nats-accounts`.
{{ end }}
{{- end }}
