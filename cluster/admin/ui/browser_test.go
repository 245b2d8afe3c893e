//go:build browser

package ui

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"backstitch/cluster/client"
)

// Pages in a real browser. Screenshots are kept as artefacts, for people.

var judgePaint = flag.Bool("browser.judge", false, "hold how long the largest heatmap takes to paint against its bar")

// paintBar is how long 256 partitions of a day by the minute may take, in milliseconds.
const paintBar = 200

// browser is one tab, and what went wrong in it.
type browser struct {
	context.Context
	t *testing.T

	mu    sync.Mutex
	wrong []string
}

// chromium starts a browser of its own, without a network but this machine's.
func chromium(t *testing.T) *browser {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1400, 1000), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	alloc, end := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(end)
	return open(alloc, t)
}

// tab is another tab of the same browser.
func (b *browser) tab() *browser {
	b.t.Helper()
	return open(b, b.t)
}

func open(in context.Context, t *testing.T) *browser {
	t.Helper()
	ctx, end := chromedp.NewContext(in)
	t.Cleanup(end)
	b := &browser{Context: ctx, t: t}
	if err := chromedp.Do(ctx); err != nil { // starts it; it lives as long as the context of its first action
		t.Fatal(err)
	}
	var listening sync.WaitGroup
	listening.Go(func() {
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.wrong = append(b.wrong, fmt.Sprintf("%s: %s %s:%d", m.Type, m.Text, m.URL, m.Line))
			b.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		end()
		listening.Wait()
	})
	return b
}

// do runs actions, together within a time that no page needs.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval runs a script in the page. A promise is waited for.
func eval[T any](b *browser, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b, 30*time.Second)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.80s: %v", script, err)
	}
	return out
}

// until waits for a condition of the page, or of the one that it leads to.
func (b *browser) until(what, condition string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b, 20*time.Second)
	defer cancel()
	for {
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")")); err == nil && ok {
			return
		}
		select {
		case <-time.After(30 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatalf("waited for %s in vain; the page is %s", what, eval[string](b, `location.href + " " + document.body.innerText.slice(0, 2000)`))
		}
	}
}

// comesTrue reports whether something outside of the page comes true within a time.
func comesTrue(d time.Duration, ok func() bool) bool {
	for late := time.After(d); !ok(); {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			return ok()
		}
	}
	return true
}

// quiet fails when something went wrong since it was asked last.
func (b *browser) quiet(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		b.t.Errorf("%s: %s", where, w)
	}
	b.wrong = nil
}

// shot keeps a picture of the page.
func (b *browser) shot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// protocol is a command of the browser's own.
func protocol[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// serve makes a node's pages.
func serve(t *testing.T, api http.Handler, found Found, wait func(context.Context, uint64) (uint64, error)) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(site(t, api, found, wait))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// alone is world without other nodes.
func alone() map[string]any {
	answers := world()
	answers["GET /v1/members"] = client.Members{Members: []client.Member{{ID: "n1", Name: "node-a", Role: "voter", State: "active", Alive: true, Leases: 3}, {ID: "n2", Name: "node-b", Role: "voter", State: "draining", Alive: true, Leases: 1}}}
	return answers
}

// TestPagesInABrowser: each in both looks, without a word on the console, and with nothing that axe finds unusable.
func TestPagesInABrowser(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "../../../deploy/testbed/browser.sh", "axe").Output()
	if err != nil {
		t.Fatal(err)
	}
	axe, err := os.ReadFile(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, &canned{answers: alone()}, holed(12, 48), nil)
	b := chromium(t)
	for _, look := range []string{"light", "dark"} {
		b.do(protocol(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look}}}))
		for _, path := range pages {
			b.do(chromedp.Navigate(s.URL + path))
			b.until(path, `document.readyState === "complete" && [...document.querySelectorAll(".heatmap")].every((f) => f.dataset.painted)`)
			eval[int](b, string(axe)+"; 0")
			found := eval[[]string](b, `axe.run().then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + v.help + ": " + n.html.slice(0, 160) + " " + n.failureSummary)))`)
			for _, f := range found {
				t.Errorf("%s, %s: %s", path, look, f)
			}
			b.quiet(path + ", " + look)
			b.shot(look + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(strings.TrimSuffix(path, "/")))
		}
	}
}

// TestFromAGapToItsPlanByKeyboard, without a pointer.
func TestFromAGapToItsPlanByKeyboard(t *testing.T) {
	answers := alone()
	answers["POST /v1/datasets/default/orders/plans/bs-plan/approve"] = client.DatasetPlan{State: "started", Job: "bs-abc"}
	api := &canned{answers: answers}
	s := serve(t, api, holed(12, 48), nil)
	b := chromium(t)
	b.do(chromedp.Navigate(s.URL + "/ui/datasets/default/orders"))
	b.follow("/findings/g-51c9.1")
	b.follow("/plans/bs-plan")
	b.tabTo("Approve and run")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the job", `location.pathname === "/ui/jobs/bs-abc"`)
	api.mu.Lock()
	defer api.mu.Unlock()
	if want := `POST /v1/datasets/default/orders/plans/bs-plan/approve {"sha256":"` + strings.Repeat("ab", 32) + `"}`; len(api.told) != 1 || api.told[0] != want {
		t.Errorf("told %q, want %q", api.told, want)
	}
	b.quiet("keyboard")
}

// TestFromTheSearchToWhatIsGivenUpByKeyboard: a slash, an id, the quarantine, and a record of it.
func TestFromTheSearchToWhatIsGivenUpByKeyboard(t *testing.T) {
	answers := alone()
	answers["POST /v1/jobs/bs-abc/discarded"] = client.DiscardedRecords{}
	api := &canned{answers: answers}
	s := serve(t, api, holed(12, 48), nil)
	b := chromium(t)
	b.do(chromedp.Navigate(s.URL + "/ui/"))
	b.until("the page", `document.readyState === "complete"`)
	b.do(chromedp.KeyEvent("/"))
	b.until("the search", `document.activeElement.id === "search"`)
	b.do(chromedp.KeyEvent("bs-abc"), chromedp.KeyEvent(kb.Enter))
	b.until("the job", `location.pathname === "/ui/jobs/bs-abc" && document.readyState === "complete"`)
	b.follow("/ui/jobs/bs-abc/quarantine")
	b.tabToValue("p01@3")
	b.do(chromedp.KeyEvent(" "))
	b.until("a choice", `document.querySelector('input[value="p01@3"]').checked`)
	b.do(chromedp.Focus(chromedp.CSS(`main input[name="reason"]`)), chromedp.KeyEvent("INC-1"))
	b.tabTo("Give up the chosen")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("it to be given up", `location.search === "?done=discard" && document.readyState === "complete"`)
	api.mu.Lock()
	defer api.mu.Unlock()
	if want := `POST /v1/jobs/bs-abc/discarded {"records":[{"partition":1,"offset":3}],"reason":"INC-1"}`; len(api.told) != 1 || api.told[0] != want {
		t.Errorf("told %q, want %q", api.told, want)
	}
	b.quiet("keyboard")
}

// TestPagesOnPaperInABrowser: an incident in the dark is printed black on white, without what can not be pressed on paper.
func TestPagesOnPaperInABrowser(t *testing.T) {
	s := serve(t, &canned{answers: alone()}, holed(3, 48), nil)
	b := chromium(t)
	b.do(protocol(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}),
		chromedp.Navigate(s.URL+"/ui/jobs/bs-old/incident"))
	b.until("the page", `document.readyState === "complete"`)
	if got := eval[string](b, `getComputedStyle(document.body).backgroundColor + " " + getComputedStyle(document.body).color + " " + getComputedStyle(document.querySelector("header")).display + " " + getComputedStyle(document.querySelector(".verdict")).backgroundColor`); got != "rgb(255, 255, 255) rgb(0, 0, 0) none rgb(255, 255, 255)" {
		t.Errorf("got %s", got)
	}
	b.quiet("paper")
	b.shot("print-incident")
}

// TestNarrowPagesInABrowser: on a telephone nothing but tables and pictures is wider than the page, and those are to be scrolled.
func TestNarrowPagesInABrowser(t *testing.T) {
	s := serve(t, &canned{answers: alone()}, holed(12, 48), nil)
	b := chromium(t)
	b.do(protocol(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 400, Height: 800, DeviceScaleFactor: 1}))
	for _, path := range []string{"/ui/", "/ui/jobs/bs-abc", "/ui/jobs/bs-abc/quarantine", "/ui/jobs/bs-old/incident", "/ui/flows/fl-1", "/ui/cluster", "/ui/settings", "/ui/search?q=orders"} {
		b.do(chromedp.Navigate(s.URL + path))
		b.until(path, `document.readyState === "complete"`)
		if got := eval[int](b, `document.documentElement.scrollWidth`); got > 400 {
			t.Errorf("%s is %d pixels wide: %s", path, got, eval[string](b, `[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > 401 && !e.closest(".scroll, table")).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(" | ")`))
		}
		b.shot("narrow" + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(strings.TrimSuffix(path, "/")))
	}
}

// tabToValue presses Tab until a field of that value has the focus.
func (b *browser) tabToValue(want string) {
	b.t.Helper()
	for range 120 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if eval[string](b, `document.activeElement.value || ""`) == want {
			return
		}
	}
	b.t.Fatalf("no Tab leads to the field %q", want)
}

// tabTo presses Tab until what has the focus says what is wanted.
func (b *browser) tabTo(want string) {
	b.t.Helper()
	at := ""
	for range 120 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if at = eval[string](b, `(document.activeElement.getAttribute("href") || "") + " " + document.activeElement.textContent.slice(0, 200)`); strings.Contains(at, want) {
			return
		}
	}
	b.t.Fatalf("no Tab leads to %q; the last one led to %q", want, at)
}

// follow goes to a link by keyboard.
func (b *browser) follow(want string) {
	b.t.Helper()
	b.tabTo(want)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(want, fmt.Sprintf(`location.pathname.includes(%q) && document.readyState === "complete"`, want))
}

// TestDraggingSelectsAPart of a heatmap, with the command that plans it.
func TestDraggingSelectsAPart(t *testing.T) {
	s := serve(t, &canned{answers: alone()}, holed(12, 48), nil)
	b := chromium(t)
	b.do(chromedp.Navigate(s.URL + "/ui/scans/bs-scan"))
	b.until("a picture", `document.querySelector(".heatmap")?.dataset.painted`)
	box := eval[struct{ X, Y, Wide float64 }](b, `(() => { const c = document.querySelector(".heatmap canvas").getBoundingClientRect(); return {X: c.x, Y: c.y, Wide: document.querySelector(".heatmap").heatmap.wide}; })()`)
	mouse := func(kind input.DispatchMouseEventType, column float64) chromedp.Action[chromedp.Void] {
		return chromedp.MouseEvent(kind, box.X+64+(column+.5)*box.Wide, box.Y+60, chromedp.ButtonLeft, chromedp.ClickCount(1))
	}
	b.do(mouse(input.DispatchMouseEventTypeMousePressed, 10), mouse(input.DispatchMouseEventTypeMouseMoved, 14), mouse(input.DispatchMouseEventTypeMouseMoved, 19), mouse(input.DispatchMouseEventTypeMouseReleased, 19))
	b.until("that part", `location.search === "?from=`+fmt.Sprint(at.Add(10*time.Minute).UnixMilli())+`&to=`+fmt.Sprint(at.Add(20*time.Minute).UnixMilli())+`"`)
	b.until("its command", `document.body.textContent.includes("--range @2026-11-20T12:10:00Z:2026-11-20T12:20:00Z")`)
	b.quiet("dragging")
}

// TestAPictureHasTheZoneOfItsPageInABrowser: a page with two zones is read wrongly in the night.
func TestAPictureHasTheZoneOfItsPageInABrowser(t *testing.T) {
	s := serve(t, &canned{answers: alone()}, holed(12, 48), nil)
	b := chromium(t)
	for zone, want := range map[string]string{"UTC": "11-20 12:00, 2026-11-20 12:00:00 UTC", "Asia.Kolkata": "11-20 17:30, 2026-11-20 17:30:00 UTC+05:30", "America.New_York": "11-20 07:00, 2026-11-20 07:00:00 UTC-05:00"} {
		b.do(chromedp.Navigate(s.URL + "/ui/settings"))
		eval[string](b, fmt.Sprintf(`document.cookie = %q`, zoneCookie+"="+zone+"; path=/ui/"))
		b.do(chromedp.Navigate(s.URL + "/ui/scans/bs-scan"))
		b.until("a picture", `document.querySelector(".heatmap")?.dataset.painted`)
		if got := eval[string](b, `(() => { const h = document.querySelector(".heatmap").heatmap; return h.short(0) + ", " + h.long(0); })()`); got != want {
			t.Errorf("%s: got %s, want %s", zone, got, want)
		}
	}
	b.quiet("zones")
}

// TestPagesFollow what happens: a change is shown without anybody's doing, and who types is left in peace.
func TestPagesFollow(t *testing.T) {
	answers := alone()
	api := &canned{answers: answers}
	index, changed := uint64(1), make(chan struct{}, 1)
	s := serve(t, api, Found{}, func(ctx context.Context, after uint64) (uint64, error) {
		select {
		case <-changed:
			api.mu.Lock()
			defer api.mu.Unlock()
			index++
			return index, nil
		case <-ctx.Done():
			return after, ctx.Err()
		}
	})
	change := func(why string) {
		api.mu.Lock()
		j := answers["GET /v1/jobs/bs-abc"].(client.Job)
		j.Why = why
		answers["GET /v1/jobs/bs-abc"] = j
		api.mu.Unlock()
		changed <- struct{}{}
	}
	b := chromium(t)
	b.do(chromedp.Navigate(s.URL + "/ui/jobs/bs-abc"))
	b.until("following", `document.getElementById("following").textContent.includes("following")`)
	change("first change")
	b.until("a change", `document.getElementById("main").textContent.includes("first change")`)
	bytes := chromedp.CSS(`input[name="bytes"]`)
	b.do(chromedp.Focus(bytes), chromedp.SendKeys(bytes, "20MiB/s"))
	asked := eval[int](b, `performance.getEntriesByType("resource").length`)
	change("second change")
	b.until("the change to be heard of", `document.getElementById("following").textContent === "following"`)
	if got := eval[string](b, `document.querySelector('input[name="bytes"]').value`); got != "20MiB/s" {
		t.Errorf("what was typed is %q", got)
	}
	if now := eval[int](b, `performance.getEntriesByType("resource").length`); now != asked {
		t.Errorf("the page asked for itself %d times while somebody typed", now-asked)
	}
	b.do(chromedp.Blur(bytes))
	change("third change")
	b.until("the next change", `document.getElementById("main").textContent.includes("third change")`)
	b.quiet("following")
}

// TestMorePagesThanConnectionsInABrowser: it has six to a node without TLS. Neither tabs behind others nor pages to go back to keep one.
func TestMorePagesThanConnectionsInABrowser(t *testing.T) {
	var following atomic.Int64
	s := serve(t, &canned{answers: alone()}, holed(3, 48), func(ctx context.Context, after uint64) (uint64, error) {
		following.Add(1)
		defer following.Add(-1)
		<-ctx.Done()
		return after, ctx.Err()
	})
	first := chromium(t)
	paths := []string{"/ui/", "/ui/jobs", "/ui/scans", "/ui/flows", "/ui/cluster", "/ui/jobs/bs-abc", "/ui/flows/fl-1", "/ui/datasets"}
	for _, path := range paths {
		first.do(chromedp.Navigate(s.URL + path))
		first.until(path, followed(path))
	}
	behind := func(tab *browser, hidden bool) { // windows do this to tabs, and there is none here
		eval[int](tab, fmt.Sprintf(`Object.defineProperty(document, "hidden", {value: %t, configurable: true}), document.dispatchEvent(new Event("visibilitychange")), 0`, hidden))
	}
	for _, path := range paths {
		tab := first.tab()
		tab.do(chromedp.Navigate(s.URL + path))
		tab.until(path+" in a tab of its own", followed(path))
		behind(tab, true)
		tab.quiet(path)
	}
	if !comesTrue(20*time.Second, func() bool { return following.Load() <= 1 }) {
		t.Fatalf("%d pages follow, and one is seen", following.Load())
	}
	behind(first, true)
	first.until("nobody to follow", `source.readyState === EventSource.CLOSED`)
	eval[int](first, `following.textContent = "", asked = undefined, 0`)
	behind(first, false)
	first.until("the first tab again", followed(paths[len(paths)-1]))
	first.quiet("many pages")
}

// TestAPageFindsAnotherNode when its own dies.
func TestAPageFindsAnotherNode(t *testing.T) {
	answers := alone()
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz/live", func(http.ResponseWriter, *http.Request) {})
	other := httptest.NewServer(mux)
	t.Cleanup(other.Close)
	mux.Handle("/ui/", site(t, &canned{answers: answers}, Found{}, nil))
	first := httptest.NewServer(site(t, &canned{answers: func() map[string]any {
		a := alone()
		a["GET /v1/members"] = client.Members{Members: []client.Member{{ID: "n0", Name: "gone", State: "active", APIAddr: "127.0.0.1:1"}, {ID: "n2", Name: "node-b", State: "active", APIAddr: strings.TrimPrefix(other.URL, "http://")}}}
		return a
	}()}, Found{}, nil))
	b := chromium(t)
	b.do(chromedp.Navigate(first.URL + "/ui/jobs?state=running"))
	b.until("following", `document.getElementById("following").textContent.includes("following")`)
	b.quiet("before")
	first.CloseClientConnections()
	first.Close()
	b.until("the other node", fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, other.URL+"/ui/jobs?state=running"))
	b.until("following there", `document.getElementById("following").textContent.includes("following")`)
	other.CloseClientConnections()
}

// TestFormsWithoutAScript: what matters most works in a browser that runs none.
func TestFormsWithoutAScript(t *testing.T) {
	answers := alone()
	answers["POST /v1/jobs/bs-abc/pause"] = map[string]any{}
	api := &canned{answers: answers}
	s := serve(t, api, holed(3, 48), nil)
	b := chromium(t)
	b.do(protocol(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}), chromedp.Navigate(s.URL+"/ui/jobs/bs-abc"),
		chromedp.SendKeys(chromedp.CSS(`form.act input[name="reason"]`), "INC-1"), chromedp.Click(chromedp.CSS(`button[formaction$="/pause"]`)), chromedp.WaitVisible(chromedp.CSS(`p.note[role="status"]`)))
	api.mu.Lock()
	defer api.mu.Unlock()
	if len(api.told) != 1 || api.told[0] != `POST /v1/jobs/bs-abc/pause {"reason":"INC-1"}` {
		t.Errorf("told %q", api.told)
	}
}

// TestTheLargestHeatmap is painted from its runs: 256 partitions of a day by the minute.
func TestTheLargestHeatmap(t *testing.T) {
	s := serve(t, &canned{answers: alone()}, holed(256, 1440), nil)
	b := chromium(t)
	b.do(chromedp.Navigate(s.URL + "/ui/scans/bs-scan"))
	b.until("a picture", `document.querySelector(".heatmap")?.dataset.painted`)
	took := eval[[]float64](b, `(() => { const f = document.querySelector(".heatmap"), out = []; for (let i = 0; i < 7; i++) { f.heatmap.paint(); out.push(Number(f.dataset.painted)); } return out.sort((a, b) => a - b); })()`)
	letters := eval[string](b, `(() => { const h = document.querySelector(".heatmap").heatmap; return [0, 7, 8, 9, 10].map((c) => h.letter(1, c)).join(""); })()`)
	if letters != ".MM+." {
		t.Errorf("got %q, want .MM+.", letters)
	}
	t.Logf("256 x 1440 cells painted in %v ms, sorted", took)
	if *judgePaint && took[len(took)/2] > paintBar {
		t.Errorf("median %.0f ms, want %d at most", took[len(took)/2], paintBar)
	}
	b.quiet("heatmap")
	b.shot("heatmap-256x1440")
}
