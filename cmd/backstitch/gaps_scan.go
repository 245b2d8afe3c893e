package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/scan"
	"backstitch/replay/spec"
)

func scanFlag(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "scan", "", "`id` of a scan of the cluster whose findings to show; instead of looking now")
}

// reportOf scans now, or reads what a scan of the cluster has kept. again is what names the same on another command line.
func (a *app) reportOf(cmd *cobra.Command, about *subject, scan string, kept *keeping, topics []string) (rep *gap.Report, again string, err error) {
	if scan != "" {
		rep, err = a.keptReport(cmd, scan, topics)
		return rep, "--scan " + scan, err
	}
	r, err := about.load(a, cmd, topics)
	if err != nil {
		return nil, "", err
	}
	rep, err = a.scan(cmd.Context(), &about.where, r, kept)
	return rep, kept.again(about.again(topics)), err
}

// keptReport is that of a scan that has ended. One that compared less than it should have is refused: nobody may take what is not there
// for what is not missing.
func (a *app) keptReport(cmd *cobra.Command, id string, topics []string) (*gap.Report, error) {
	if err := saysAll(cmd, "scan", "the scan was made of what it was told", topics, "file", "ledger"); err != nil {
		return nil, err
	}
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	found, err := c.ScanFindings(cmd.Context(), id)
	if err != nil {
		return nil, err
	}
	s := found.Scan
	if !s.Surveyed || s.Done < s.Partitions {
		return nil, &failure{
			Code: client.CodeWrongState, Title: "scan " + s.ID + " has not compared everything", Exit: client.ExitConflict,
			Detail: fmt.Sprintf("It is %s, with %d of %d partitions done. %s", s.State, s.Done, s.Partitions, s.Why),
			Next:   unfinishedNext(s),
		}
	}
	r, err := scan.Spec(found.Recipe)
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, 0, len(found.Parts))
	for _, p := range found.Parts {
		bodies = append(bodies, p.Body)
	}
	rep, err := scan.Report(found.Header, bodies)
	if err != nil {
		return nil, fmt.Errorf("read what scan %s has kept: %w", s.ID, err)
	}
	when := "Scan " + s.ID + " by the cluster"
	if s.FinishedAt != nil {
		when += ", ended " + stamp(*s.FinishedAt)
	}
	a.say("%s; what came since is not in it.", when)
	return rep, recovery.Judge(r, rep)
}

// scannedSpec is what a scan of the cluster has compared, to compare it anew.
func (a *app) scannedSpec(cmd *cobra.Command, where *places, id string, topics []string) (*spec.Recovery, error) {
	if err := saysAll(cmd, "scan", "the scan was made of what it was told", topics, "file"); err != nil {
		return nil, err
	}
	if err := where.load(a); err != nil {
		return nil, err
	}
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	found, err := c.ScanFindings(cmd.Context(), id)
	if err != nil {
		return nil, err
	}
	return scan.Spec(found.Recipe)
}

func unfinishedNext(s client.Scan) string {
	switch s.State {
	case "failed":
		return "backstitch scan status " + s.ID + "     backstitch retry " + s.ID
	case "paused":
		return "backstitch resume " + s.ID
	case "cancelled":
		return "backstitch scan run"
	}
	return strings.TrimSpace("backstitch scan status " + s.ID)
}
