// What pages gain by a script: they follow what happens, commands can be copied, a slash leads to the search, and a page finds
// another node when its own is gone.
"use strict";

const main = document.getElementById("main");
const following = document.getElementById("following");

function say(text, lost) {
  following.hidden = false;
  following.textContent = text;
  following.classList.toggle("lost", Boolean(lost));
}

// busy is whether somebody is in the middle of something on this page: then it stays as it is.
function busy() {
  const at = document.activeElement;
  return document.getSelection().type === "Range" || (at && main.contains(at) && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName)) || document.querySelector(".heatmap.dragging");
}

// leaving is whether somebody is on the way to another page, from where loading this one would call him back. What is downloaded leaves no page, so it ends.
let left = -Infinity;
const leaving = () => performance.now() - left < 10_000;
addEventListener("beforeunload", () => { left = performance.now(); });

// refresh takes the page anew, and leaves what is the same.
async function refresh() {
  if (busy() || document.hidden) return;
  const answer = await fetch(location.href, {headers: {"X-Backstitch-Follow": "1"}});
  if (answer.redirected) {
    if (!leaving()) location.reload(); // who is not known any more is led to where that is asked
    return;
  }
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
  if (!next || busy()) return;
  const focus = document.activeElement && main.contains(document.activeElement) ? keyOf(document.activeElement) : "";
  merge(main, next);
  if (focus) [...main.querySelectorAll("a,button,[tabindex]")].find((e) => keyOf(e) === focus)?.focus({preventScroll: true});
  main.dispatchEvent(new CustomEvent("refreshed"));
  if (!next.dataset.live) {
    delete main.dataset.live;
    source?.close();
    say("it has ended");
  }
}

const keyOf = (e) => e.tagName + (e.getAttribute("href") || e.getAttribute("formaction") || e.textContent);

// merge changes the children of a node to those of another, one by one, so that what is the same is not touched: pictures stay drawn.
function merge(old, now) {
  const a = [...old.children], b = [...now.children];
  b.forEach((want, i) => {
    const have = a[i];
    if (!have) {
      old.append(want);
    } else if (!same(have, want)) {
      have.replaceWith(want);
    }
  });
  a.slice(b.length).forEach((gone) => gone.remove());
}

function same(have, want) {
  if (have.dataset.map !== undefined || want.dataset.map !== undefined) {
    return have.dataset.map === want.dataset.map && have.querySelector("canvas")?.getAttribute("aria-label") === want.querySelector("canvas")?.getAttribute("aria-label");
  }
  return (have.dataset.html || have.outerHTML) === want.outerHTML;
}

let source, asked, failures = 0;

// follow is for pages that somebody sees. A browser has six connections to a node without TLS, for all tabs together and for those that it keeps to go
// back to: with one for each of these no page would come any more.
function follow() {
  if (!main.dataset.live || document.hidden || source && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource(main.dataset.live);
  source.onmessage = () => {
    if (failures) say("following again");
    else say("following");
    failures = 0;
    if (asked) return;
    asked = true;
    refresh().catch(() => {}).finally(() => { asked = false; });
  };
  source.onerror = () => {
    failures++;
    say("this node does not answer", true);
    source.close();
    if (failures >= 3) elsewhere();
    setTimeout(follow, 1000);
  };
}

addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", follow);
document.addEventListener("visibilitychange", () => document.hidden ? source?.close() : follow());

// elsewhere goes on at another node: pages have the same addresses everywhere.
async function elsewhere() {
  for (const origin of (document.body.dataset.nodes || "").split(" ").filter(Boolean)) {
    try {
      await fetch(origin + "/healthz/live", {mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(1500)});
      location.href = origin + location.pathname + location.search;
      return;
    } catch { /* the next one */ }
  }
}

// copying: a command stands in a page to be typed elsewhere.
function copying() {
  if (!navigator.clipboard) return; // only where the page came safely
  for (const p of document.querySelectorAll(".command:not(:has(button))")) {
    p.dataset.html = p.outerHTML;
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = "Copy";
    b.onclick = async () => {
      await navigator.clipboard.writeText(p.querySelector("code").textContent);
      b.textContent = "Copied";
      setTimeout(() => { b.textContent = "Copy"; }, 2000);
    };
    p.append(b);
  }
}

// A slash leads to the search, as in many places. The key is taken when it goes down, and the field when it comes up, so that no slash is typed into it.
let slash = false;

addEventListener("keydown", (e) => {
  const at = document.activeElement;
  slash = e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey && !(at && /^(INPUT|SELECT|TEXTAREA)$/.test(at.tagName));
  if (slash) e.preventDefault();
});
addEventListener("keyup", (e) => {
  if (slash && e.key === "/") document.getElementById("search").focus();
  slash = false;
});

main.addEventListener("refreshed", copying);
copying();
