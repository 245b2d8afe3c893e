package client

import (
	"context"
	"time"
)

// Maintenance is a window in which jobs that it concerns rest as in a blackout. It comes again by cron, or is there once from From on.
type Maintenance struct {
	Name       string     `json:"name" maxLength:"63" example:"kafka-upgrade" doc:"letters, digits and dashes"`
	Scope      string     `json:"scope" maxLength:"1024" example:"target/kafka:MkU3OEVBNTcwNTJENDM2Qg" doc:"cluster, namespace/NAME or target/PLACE"`
	Timezone   string     `json:"timezone,omitempty" maxLength:"64" doc:"IANA name, of cron; left out, UTC"`
	Cron       string     `json:"cron,omitempty" maxLength:"128" doc:"when it begins: minute, hour, day of month, month, day of week"`
	From       *time.Time `json:"from,omitempty" doc:"when it begins, of one that is there once"`
	DurationMs int64      `json:"durationMs" minimum:"60000" maximum:"31622400000"`

	On      *time.Time `json:"on,omitempty" doc:"when it ends that is on now"`
	Next    *time.Time `json:"next,omitempty" doc:"when it begins next"`
	Problem string     `json:"problem,omitempty" doc:"why this node can not read it; then nothing that it concerns runs while such a node leads"`
	Jobs    []string   `json:"jobs,omitempty" doc:"those that it concerns and that have not ended"`
	By      string     `json:"by,omitempty"`
	Why     string     `json:"why,omitempty"`
	At      *time.Time `json:"at,omitempty" doc:"when it was set"`
}

// MaintenanceWindows is GET /v1/maintenance, by name. Windows that are over are left out.
type MaintenanceWindows struct {
	Windows []Maintenance `json:"windows"`
}

// PutMaintenance is the body of POST /v1/maintenance: a window, or the name of one that is removed.
type PutMaintenance struct {
	Name       string     `json:"name" maxLength:"63"`
	Scope      string     `json:"scope,omitempty" maxLength:"1024"`
	Timezone   string     `json:"timezone,omitempty" maxLength:"64"`
	Cron       string     `json:"cron,omitempty" maxLength:"128"`
	From       *time.Time `json:"from,omitempty"`
	DurationMs int64      `json:"durationMs,omitempty" minimum:"0" maximum:"31622400000"`
	Off        bool       `json:"off,omitempty" doc:"remove it; only name beside it"`
	Reason     string     `json:"reason,omitempty" maxLength:"1024"`
}

// Maintenance lists the windows of maintenance.
func (c *Client) Maintenance(ctx context.Context) ([]Maintenance, error) {
	out, err := get[MaintenanceWindows](ctx, c, "/v1/maintenance", nil)
	return out.Windows, err
}

// PutMaintenance sets a window, or removes it. It returns all windows.
func (c *Client) PutMaintenance(ctx context.Context, m PutMaintenance) ([]Maintenance, error) {
	out, err := post[MaintenanceWindows](ctx, c, "/v1/maintenance", m)
	return out.Windows, err
}
