{{- define "backstitch.name" -}}
{{- if contains "backstitch" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-backstitch" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "backstitch.selector" -}}
app.kubernetes.io/name: backstitch
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "backstitch.labels" -}}
{{ include "backstitch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "backstitch.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- define "backstitch.maxUnavailable" -}}
{{- if kindIs "invalid" .Values.podDisruptionBudget.maxUnavailable }}{{ if gt (int .Values.replicas) 1 }}1{{ else }}0{{ end }}{{ else }}{{ .Values.podDisruptionBudget.maxUnavailable }}{{ end }}
{{- end }}
