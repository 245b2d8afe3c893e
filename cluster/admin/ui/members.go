package ui

import (
	"fmt"
	"math"
	"slices"

	"backstitch/cluster/client"
)

// cluster shows the nodes, what each works on, and how they agree.
func (v *visit) cluster() error {
	ctx := v.r.Context()
	var body struct {
		client.Cluster
		Members []memberRow
		Peers   []client.Peer
		Ring    []arc
		Led     []client.Led // newest first
	}
	var err error
	if body.Cluster, err = v.c.Cluster(ctx); err != nil {
		return err
	}
	members, err := v.c.Members(ctx)
	if err != nil {
		return err
	}
	for i, m := range members {
		body.Members = append(body.Members, memberRow{m, i % looks})
	}
	body.Led = slices.Clone(body.Leaders)
	slices.Reverse(body.Led)
	if body.Peers, err = v.c.Peers(ctx); err != nil {
		return err
	}
	body.Ring = ring(members)
	return v.show("cluster.html", "Cluster", "cluster", true, body)
}

// memberRow is a node and how it looks in the ring.
type memberRow struct {
	client.Member
	Look int
}

// arc is what one node owns of all slices that are worked on.
type arc struct {
	Name   string
	Slices int
	Look   int    // which of the eight looks
	Path   string // of an SVG of 200 by 200
	X, Y   int    // where its name stands
	Named  bool   // there is room for the name
}

// looks is how many nodes look different. Their names stand beside them anyway.
const looks = 8

// ring shares a circle among the nodes by the slices that they own; it is empty while nobody works.
func ring(members []client.Member) []arc {
	total := 0
	for _, m := range members {
		total += m.Leases
	}
	var out []arc
	at := 0
	for i, m := range members {
		if m.Leases == 0 {
			continue
		}
		from, to := turn(at, total), turn(at+m.Leases, total)
		mid := (from + to) / 2
		out = append(out, arc{
			Name: m.Name, Slices: m.Leases, Look: i % looks, Path: sector(from, to), Named: to-from > math.Pi/8,
			X: int(100 + 72*math.Sin(mid)), Y: int(100 - 72*math.Cos(mid)),
		})
		at += m.Leases
	}
	return out
}

func turn(n, total int) float64 { return 2 * math.Pi * float64(n) / float64(total) }

// sector is a piece of a ring between two angles, clockwise from the top. A whole ring is two halves, since an arc can not end where it begins.
func sector(from, to float64) string {
	if to-from > 2*math.Pi-1e-6 {
		return sector(from, from+math.Pi) + sector(from+math.Pi, to-1e-3)
	}
	large := 0
	if to-from > math.Pi {
		large = 1
	}
	point := func(r, a float64) string { return fmt.Sprintf("%.1f %.1f", 100+r*math.Sin(a), 100-r*math.Cos(a)) }
	return fmt.Sprintf("M%sA95 95 0 %d 1 %sL%sA50 50 0 %d 0 %sZ", point(95, from), large, point(95, to), point(50, to), large, point(50, from))
}

func (v *visit) changeMember() (string, error) {
	id := v.r.PathValue("member")
	var err error
	switch v.r.PathValue("verb") {
	case "drain":
		_, err = v.c.Drain(v.r.Context(), id, v.reason())
	case "uncordon":
		_, err = v.c.Uncordon(v.r.Context(), id, v.reason())
	default:
		err = errNoPage
	}
	return "/ui/cluster", err
}
