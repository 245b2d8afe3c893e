package ui

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"backstitch/cluster/client"
)

// TestWhatWasSetAside stands by what is wrong with it, and what is given up is not called open.
func TestWhatWasSetAside(t *testing.T) {
	h := site(t, &canned{answers: world()}, Found{}, nil)
	body := get(t, h, "/ui/jobs/bs-abc/quarantine").Body.String()
	for _, want := range []string{
		"4 listed, 2 more counted", "3 open", `href="/ui/jobs/bs-abc/quarantine?code=BST-P302"`, "<code>p00@5</code>", "s3://b/orders/0", "given up</span> 2026-11-20 12:00:00 UTC by cli:ben",
		"<td>plan</td>", "No single record: p03@10..20 can not be read", "backstitch quarantine show bs-abc p00@5 --connections agent.yaml", "Give up all 3 open",
		"backstitch quarantine replay bs-abc -f SPEC -o again.plan",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	body = get(t, h, "/ui/jobs/bs-abc/quarantine?code=BST-P302").Body.String()
	for _, want := range []string{"Give up all 1 open of BST-P302", "-o again.plan --position p00@5<", `name="seen" value="1"`} {
		if !strings.Contains(body, want) {
			t.Errorf("one group: the page does not say %q", want)
		}
	}
	if strings.Contains(body, `value="p01@3"`) {
		t.Error("one group: a record of another one can be chosen")
	}
	if list := get(t, h, "/ui/quarantine").Body.String(); !strings.Contains(list, `href="/ui/jobs/bs-abc/quarantine"`) {
		t.Error("the list has not the job")
	}
}

// TestRecordsAreGivenUpAsTheyWereShown: those that are ticked, or all of a group while they are as many as the page has said.
func TestRecordsAreGivenUpAsTheyWereShown(t *testing.T) {
	const discard, restore = "POST /v1/jobs/bs-abc/discarded ", "POST /v1/jobs/bs-abc/discarded/restore "
	record := func(p, o int, planned string) string {
		return fmt.Sprintf(`{"partition":%d,"offset":%d%s}`, p, o, planned)
	}
	answers := world()
	answers["POST /v1/jobs/bs-abc/discarded"], answers["POST /v1/jobs/bs-abc/discarded/restore"] = client.DiscardedRecords{}, client.DiscardedRecords{}
	for form, want := range map[string]string{
		"discard?reason=INC-1&at=p00@5&at=p02@7&seen=3":             discard + `{"records":[` + record(0, 5, "") + "," + record(2, 7, `,"planned":true`) + `],"reason":"INC-1"}`,
		"discard?reason=INC-1&code=BST-P302&all=1&seen=1":           discard + `{"records":[` + record(0, 5, "") + `],"reason":"INC-1"}`,
		"discard?reason=INC-1&all=1&seen=3":                         discard + `{"records":[` + record(0, 5, "") + "," + record(1, 3, "") + "," + record(2, 7, `,"planned":true`) + `],"reason":"INC-1"}`,
		"restore?reason=&at=p00@9":                                  restore + `{"records":[` + record(0, 9, "") + `]}`,
		"discard?reason=INC-1&all=1&seen=2":                         "409", // one more was set aside since
		"discard?reason=INC-1&at=p00@9":                             "409", // somebody else has given it up
		"discard?reason=INC-1&at=p07@1":                             "409", // there is no such record
		"discard?reason=+&at=p00@5":                                 "422",
		"discard?reason=INC-1":                                      "422",
		"discard?reason=INC-1&all=1&at=p00@5&seen=3":                "422",
		"explode?reason=INC-1&at=p00@5":                             "404",
		"discard?reason=INC-1&code=BST-P999&all=1&seen=0":           "409",
		"restore?reason=INC-1&at=p00@5":                             "409",
		"discard?reason=INC-1&code=BST-P302&at=p01@3":               "409", // of another group than the page has shown
		"discard?reason=" + strings.Repeat("x", 64) + "&at=p01%403": discard + `{"records":[` + record(1, 3, "") + `],"reason":"` + strings.Repeat("x", 64) + `"}`,
	} {
		verb, fields, _ := strings.Cut(form, "?")
		api := &canned{answers: answers}
		w := post(t, site(t, api, Found{}, nil), "/ui/jobs/bs-abc/quarantine/"+verb, fields, nil)
		if strings.HasPrefix(want, "POST") {
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/ui/jobs/bs-abc/quarantine?done="+verb || !slices.Equal(api.told, []string{want}) {
				t.Errorf("%s: got %d to %q, told %q, want %q", form, w.Code, w.Header().Get("Location"), api.told, want)
			}
		} else if fmt.Sprint(w.Code) != want || len(api.told) > 0 || !strings.Contains(w.Body.String(), "BST-E") {
			t.Errorf("%s: got %d, told %q", form, w.Code, api.told)
		}
	}
}

// TestCommandsOfThePageAreNotTooLong: many records are planned anew by one command that names none.
func TestCommandsOfThePageAreNotTooLong(t *testing.T) {
	q := quarantine{Job: client.Job{ID: "bs-abc"}}
	for n := range replayPositions + 1 {
		q.Records = append(q.Records, aside{Poison: client.Poison{Code: "c", Offset: int64(n)}, Spot: fmt.Sprintf("p00@%d", n)})
	}
	if got := replayCommand(q, "c", q.Records); got != "" {
		t.Errorf("got %q", got)
	}
	if got := replayCommand(q, "c", q.Records[1:]); strings.Count(got, " --position ") != replayPositions {
		t.Errorf("got %q", got)
	}
}
