{{/* Labels of an object itself; pods have their own, which selectors find. */}}
{{- define "meshregistry.labels" -}}
app.kubernetes.io/part-of: meshregistry
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "meshregistry.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  app.kubernetes.io/name: {{ .name }}
  {{- include "meshregistry.labels" .root | nindent 2 }}
{{- end }}

{{- define "meshregistry.image" -}}
image: {{ .root.Values.image.prefix }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- with .root.Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}

{{/* The configuration as text, however it was given. */}}
{{- define "meshregistry.config" -}}
{{- if kindIs "string" .Values.config }}{{ .Values.config }}{{ else }}{{ toYaml .Values.config }}
{{ end }}
{{- end }}

{{/* "true" where services have keys for NATS. */}}
{{- define "meshregistry.keys" -}}
{{- if and (not .Values.allInOne.enabled) (or .Values.nats.keys .Values.nats.accounts) }}true{{ end }}
{{- end }}

{{- define "meshregistry.podAnnotations" -}}
{{- if not .root.Values.podMonitor.enabled }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- if not .root.Values.configFromSecrets }}
# A changed configuration rolls the pods.
checksum/config: {{ printf "%s%s" (include "meshregistry.config" .root) (toJson .root.Values.extraFiles) | sha256sum }}
{{- end }}
{{- end }}

{{/* What every pod's specification begins with. */}}
{{- define "meshregistry.pod" -}}
serviceAccountName: {{ .name }}
# Services beside us would become dozens of environment variables.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Preferred, not required: two replicas on the only node that is left are better than one. */}}
{{- define "meshregistry.spread" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: {{ . }}
{{- end }}

{{- define "meshregistry.podEnv" -}}
# Names the replica in leases, terms, /meshregistry/sources and the log.
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Says that the process answers, no more: to restart it helps neither a lost NATS nor a lost registry. */}}
{{- define "meshregistry.livenessProbe" -}}
livenessProbe:
  httpGet:
    path: /healthz
    port: http
  initialDelaySeconds: 5
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- define "meshregistry.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "meshregistry.configurationVolume" -}}
- name: configuration
  {{- if .root.Values.configFromSecrets }}
  secret:
    secretName: {{ .name }}-config
  {{- else }}
  configMap:
    name: meshregistry-config
  {{- end }}
{{- end }}

{{/* Mounts that come last: the key for NATS, and what the user adds. */}}
{{- define "meshregistry.moreMounts" -}}
{{- if include "meshregistry.keys" . }}
- name: nats-key
  mountPath: /etc/meshregistry-nats
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "meshregistry.moreVolumes" -}}
{{- if include "meshregistry.keys" .root }}
- name: nats-key
  secret:
    secretName: meshregistry-nats-{{ .registry }}
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "meshregistry.openToAllPods" -}}
{{- if .Values.networkPolicy.openToAllPods }}
- {}
{{- end }}
{{- end }}

{{- define "meshregistry.fromPrometheus" -}}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.networkPolicy.monitoringNamespace }}
  ports:
    - port: http
{{- end }}

{{/* One at a time. Not minAvailable: with a single replica that would block the draining of its node for ever. */}}
{{- define "meshregistry.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "meshregistry.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ .name }}
{{- end }}

{{/* Of its own, so that it can be told apart. It is given no token. */}}
{{- define "meshregistry.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "meshregistry.metadata" . | nindent 2 }}
automountServiceAccountToken: false
{{- end }}

{{/* Lets an account read what facts of pods are made of. Without nodes endpoints have labels and no zone. */}}
{{- define "meshregistry.podFacts" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: meshregistry-pod-facts
  labels:
    {{- include "meshregistry.labels" .root | nindent 4 }}
rules:
  - apiGroups: [""]
    resources: [pods, nodes]
    verbs: [list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: meshregistry-pod-facts
  labels:
    {{- include "meshregistry.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: meshregistry-pod-facts
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{/* Lets an account follow Secrets with kubeconfigs in its own namespace. */}}
{{- define "meshregistry.clusterSecrets" -}}
# Roles know no labels: it may read every Secret of this namespace.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "meshregistry.metadata" (dict "root" .root "name" (printf "%s-cluster-secrets" .account)) | nindent 2 }}
rules:
  - apiGroups: [""]
    resources: [secrets]
    verbs: [list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "meshregistry.metadata" (dict "root" .root "name" (printf "%s-cluster-secrets" .account)) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .account }}-cluster-secrets
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
