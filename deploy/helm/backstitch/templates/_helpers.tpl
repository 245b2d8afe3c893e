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

{{- /* What is said of disks, as YAML flow. A mark of which only one is said stands beside the program's other one: 85 and 95. */ -}}
{{- define "backstitch.disk" -}}
{{- $said := list }}
{{- range $key := list "soft" "hard" "enough" }}
{{- $value := get $.Values.disk $key }}
{{- if not (kindIs "invalid" $value) }}{{ $said = append $said (printf "%s: %v" $key $value) }}{{ end }}
{{- end }}
{{- $soft := get .Values.disk "soft" }}{{ if kindIs "invalid" $soft }}{{ $soft = 85 }}{{ end }}
{{- $hard := get .Values.disk "hard" }}{{ if kindIs "invalid" $hard }}{{ $hard = 95 }}{{ end }}
{{- if gt (int $soft) (int $hard) }}{{ fail (printf "disk.soft is %v and disk.hard %v: work would be given up before none is taken; want soft <= hard (85 and 95 where they are null)" $soft $hard) }}{{ end }}
{{- join ", " $said }}
{{- end }}
