package mutant

// ofTheCluster break what is promised of nodes together: who decides, who works on what and how fast, and who is told.
var ofTheCluster = []Mutant{
	// Making a cluster, and coming back to it.
	{
		Name: "promise-without-sync", File: "cluster/run.go",
		Old: "	if err := writeMark(n.fs, n.cfg.DataDir, next); err != nil {\n", New: "	if len(next.Servers) > 0 {\n		n.mark = next\n		return nil\n	}\n	if err := writeMark(n.fs, n.cfg.DataDir, next); err != nil {\n",
		Why:    "a promise is answered and forgotten, and given once more to others",
		Caught: room("cluster", "TestAPromiseOutlivesAPowerCut"),
	},
	{
		Name: "vote-with-other-data", File: "cluster/mark.go",
		Old: "m.Generation == generation && generation > 0", New: "m.Generation > 0",
		Why:    "a node that lost its data is as fresh as on the day of its promise, and votes",
		Caught: room("cluster", "TestAVoterThatForgotIsNotTakenAsFresh"),
	},
	{
		Name: "begin-uncounted", File: "storage/open.go",
		Old: "	case whole:\n", New: "	case whole || format > 0:\n",
		Why:    "a database that was taken out of its directory is made anew, and nobody can tell",
		Caught: room("cluster", "TestAVoterThatForgotIsNotTakenAsFresh"),
	},
	{
		Name: "join-unasked", File: "cluster/bootstrap.go",
		Old: "m.Cluster, m.Servers, m.Generation = r.Who.Cluster, nil, 0", New: "m.Cluster, m.Servers, m.Generation = r.Who.Cluster, nil, n.identity.Generation",
		Why:    "an empty disk under an old id has the old vote",
		Caught: room("cluster", "TestAnIDThatVotedIsRefusedOnANewDisk"),
	},
	{
		Name: "term-before-entry", File: "cluster/founding.go",
		Old: "	l.key, l.value = key, value\n	return nil\n", New: "	return l.StableStore.SetUint64(key, value)\n",
		Why:    "a node that dies while it makes a cluster makes none any more",
		Caught: room("cluster", "TestAllMayDieAtTheirFirstStart"),
	},
	{
		Name: "forget-met-damage", File: "cluster/open.go",
		Old: "func(m *mark) { m.Rebuild = why }); failed != nil {", New: "func(m *mark) { _ = why }); failed != nil {",
		Why:    "a node whose damaged block only a compaction reads ends at each start",
		Caught: room("cluster", "TestDamageThatNoCheckReadsIsSetAside"),
	},

	{
		Name: "idle-is-stuck", File: "cluster/health.go",
		Old: "p.Applied < p.Committed && p.Applied == before.Applied && before.Applied < before.Committed", New: "p.Applied == before.Applied",
		Why:    "a node with nothing to apply, or without a leader, is killed by its watchdog over and over",
		Caught: room("cmd/backstitch/supervise", "TestTheWatchdogIsFedWhileTheBookGetsOn"),
	},

	// Finding each other.
	{
		Name: "look-up-once", File: "cluster/discover/finder.go",
		Old: "if f.every > 0 && f.clock().Before(f.due) {", New: "if len(f.last.Addrs) > 0 {",
		Why:    "a node that was down while the others moved asks for them once, and dials yesterday's addresses for ever",
		Caught: room("cluster", "TestNodesMeetByANameInDNSAlone"),
	},
	{
		Name: "instances-that-rest", File: "cluster/discover/aws.go",
		Old: `"Filter.2.Name": {"instance-state-name"}, "Filter.2.Value.1": {"running"},`, New: "",
		Why:    "instances that are stopped or gone are dialled, at addresses that may be somebody else's by now",
		Caught: room("cluster/discover", "TestRunningInstancesWithTheTagAreFound"),
	},
	{
		Name: "one-page", File: "cluster/discover/aws.go",
		Old: `if next = a.NextToken; next != "" {`, New: `if next = ""; next != "" {`,
		Why:    "in a large account a node finds those on the first page, which may be none",
		Caught: room("cluster/discover", "TestRunningInstancesWithTheTagAreFound"),
	},
	{
		Name: "pairs-content", File: "cluster/member/seek.go",
		Old: `if p.Alive && (g.meta.Cluster != "" || p.Cluster != "") {`, New: "if p.Alive {",
		Why:    "nodes that found only some of the others stop looking, and each group waits for the rest",
		Caught: room("cluster", "TestPairsThatFoundOnlyEachOtherGoOnLooking"),
	},
	{
		Name: "dial-oneself", File: "cluster/member/seek.go",
		Old: "func(a string) bool { return a == own })", New: `func(a string) bool { return a == own && a == "" })`,
		Why:    "a node that finds only itself takes that for having met somebody",
		Caught: room("cluster/member", "TestANodeThatFindsOnlyItselfIsAlone"),
	},
	{
		Name: "ask-the-cloud-always", File: "cluster/discover/finder.go",
		Old: "f.within, f.lookup, f.every = awsTimeout, c.lookup, cloudEvery", New: "f.within, f.lookup = awsTimeout, c.lookup",
		Why:    "every node that is alone asks the cloud each second, and the account is throttled",
		Caught: room("cluster/discover", "TestACloudIsAskedAnewButNotAllTheTime"),
	},

	// The keys of gossip.
	{
		Name: "gossip-in-the-open", File: "cluster/member/gossip.go",
		Old: "		conf.Keyring = g.cfg.Ring.live\n", New: "		conf.Keyring, conf.GossipVerifyIncoming = g.cfg.Ring.live, false\n",
		Why:    "whoever has no key is believed what he says of nodes",
		Caught: room("cluster/member", "TestGossipInTheOpenOrUnderAnotherKeyIsRefused"),
	},
	{
		Name: "use-what-some-lack", File: "cluster/keyring.go",
		Old: "case change.Change == fsm.KeyringUse && !slices.Contains(prints, key):", New: "case false:",
		Why:    "a key encrypts that a living node does not have, which then hears of nobody",
		Caught: room("cluster", "TestAKeyIsNotUsedBeforeEverybodyHasIt"),
	},
	{
		Name: "remove-what-encrypts", File: "cluster/keyring.go",
		Old: "case change.Change == fsm.KeyringRemove && len(prints) > 0 && prints[0] == key:", New: "case false:",
		Why:    "the key in use is taken from everybody",
		Caught: room("cluster", "TestChangesOfKeysThatAreRefused"),
	},
	{
		Name: "keys-in-the-open", File: "cluster/keyring.go",
		Old: "if withKeys && !secure {", New: "if false {",
		Why:    "whoever reaches the port and names a member is given the keys",
		Caught: room("cluster", "TestWithoutTLSKeysStayWhereTheyAre"),
	},
	{
		Name: "keys-are-not-made-up-for", File: "cluster/keyring.go",
		Old: "if err != nil || reply.Revision <= own {", New: "if err != nil || reply.Revision != own {",
		Why:    "a node that was down while keys were changed stays alone",
		Caught: room("cluster", "TestANodeThatWasDownWhileKeysChangedComesBack"),
	},
	{
		Name: "ring-used-before-durable", File: "cluster/member/ring.go",
		Old: "	if err := r.keep(next, seed); err != nil {\n		return err\n	}\n	if err := r.lock", New: "	if err := errors.Join(setKeys(r.live, next.Keys), r.keep(next, seed)); err != nil {\n		return err\n	}\n	if err := r.lock",
		Why:    "after a power cut a node does not have the key that it used",
		Caught: room("cluster/member", "TestARingThatCanNotBeWrittenIsNotUsed"),
	},
	{
		Name: "answer-repeats-the-key", File: "cluster/admin/problem.go",
		Old: "client.ProblemField{Message: e.Message, Location: e.Location}", New: "client.ProblemField{Message: e.Message, Location: e.Location, Value: e.Value}",
		Why:    "a key that was handed in with a mistake stands in the answer, and in whatever logs those",
		Caught: room("cluster/admin", "TestAnInstalledKeyIsNotRepeated"),
	},

	// Who may do what.
	{
		Name: "expired-token-let-in", File: "fsm/op042_end_token.go",
		Old: "	t.write(tokenKey(c.Accessor), &k)\n", New: "	if !c.Expired {\n		t.write(tokenKey(c.Accessor), &k)\n	}\n",
		Why:    "a token that has expired is let in",
		Caught: room("cluster/admin", "TestATokenEndsForAllNodesAtOnce"),
	},
	{
		Name: "viewer-writes", File: "cluster/access/identity.go",
		Old: "if has < v.Needs {", New: "if has < min(v.Needs, fsm.AccessViewer) {",
		Why:    "whoever may read may do everything",
		Caught: room("cluster/admin", "TestEveryVerbWantsTheRoleOfItsRow"),
	},
	{
		Name: "log-has-the-token", File: "cluster/admin/guard.go",
		Old: `"verb", verb.Name, "err", unknown.Why)`, New: `"verb", verb.Name, "err", unknown.Why+r.Header.Get("Authorization"))`,
		Why:    "the log tells what somebody has shown, and with a slip of the pen that is a good token",
		Caught: room("cluster/admin", "TestTokensAreNowhere"),
	},

	// People who sign in.
	{
		Name: "login-unsigned", File: "cluster/access/login/keys.go",
		Old: "payload, err := s.jws.Verify(k); err == nil {", New: "payload, err := s.jws.UnsafePayloadWithoutVerification(), k.Key != nil; err {",
		Why:    "whoever names a key of the provider's is let in as whom he likes",
		Caught: room("cluster/access/login", "TestBadLoginsAreRefused"),
		Also:   room("cluster/admin", "TestABadLoginGetsNowhere"),
	},
	{
		Name: "login-of-another-client", File: "cluster/access/login/provider.go",
		Old: "return slices.Contains(audiences, a)", New: "return slices.Contains(audiences, a) || a != \"\"",
		Why:    "what somebody has shown to any other program of the same provider lets that program in here",
		Caught: room("cluster/access/login", "TestBadLoginsAreRefused"),
		Also:   room("cluster/admin", "TestABadLoginGetsNowhere"),
	},
	{
		Name: "withdrawn-keys-stay", File: "cluster/access/login/keys.go",
		Old: "now.Sub(k.at) >= keysFor, k.meta", New: "now.Sub(k.at) >= keysFor && k.meta == nil, k.meta",
		Why:    "a key that was stolen and withdrawn signs for as long as the node runs",
		Caught: room("cluster/access/login", "TestKeysAreRotatedWithoutARestart"),
	},
	{
		Name: "answer-to-another-sign-in", File: "cluster/admin/ui/signin_cookies.go",
		Old: "return b.State != \"\" && b.State == state", New: "return b.State != \"\" && state != \"\"",
		Why:    "somebody makes a browser come back with his own code, and its owner works under his name",
		Caught: room("cluster/admin/ui", "TestAnAnswerThatWasNotAskedForSignsNobodyIn"),
	},
	{
		Name: "one-cookie-for-all-sign-ins", File: "cluster/admin/ui/signin_cookies.go",
		Old: "name := v.signInPrefix() + s.State[:signInName]", New: "name := v.signInPrefix() + s.State[:0]",
		Why:    "of all tabs that follow when a login has ended one comes back, and the others say that somebody else's answer was used",
		Caught: room("cluster/admin/ui", "TestSeveralTabsSignInAtOnce"),
	},
	{
		Name: "login-for-another-question", File: "cluster/access/login/browser.go",
		Old: "if nonce == \"\" || subtle", New: "if nonce == \"\" && subtle",
		Why:    "a login that was made for another sign-in is taken for this one's",
		Caught: room("cluster/access/login", "TestABrowserSignsIn"),
		Also:   room("cluster/admin/ui", "TestAnAnswerThatWasNotAskedForSignsNobodyIn"),
	},
	{
		Name: "token-of-a-login-is-another", File: "fsm/fact_login.go",
		Old: "self == asked || owner >= 0 && self == asks[owner]", New: "self == asked || owner > len(asks) && self == asks[0]",
		Why:    "somebody asks with a token of his own, and says yes himself",
		Caught: room("fsm", "TestALoginAndItsTokensAreOnePerson"),
		Also:   room("cluster/admin", "TestTwoLoginsOfOneAreOnePerson"),
	},

	// Leases.
	{
		Name: "owner-outlives-its-lease", File: "replay/worker/table.go",
		Old: "	if !t.lapsed {\n		return nil\n", New: "	if t.lapsed || !t.lapsed {\n		return nil\n",
		Why:    "an owner that was cut off goes on when its time is over",
		Caught: room("replay/worker", "TestTableLapses"),
	},
	{
		Name: "ask-nothing-after-a-refusal", File: "replay/worker/loop.go",
		Old: "if n.err == nil && len(n.refused) > 0 {", New: "if n.err != nil && len(n.refused) > 0 {",
		Why:    "a slice of which the book knows more stands still for ever",
		Caught: room("replay/worker", "TestAnOldBookDoesNotStopASliceForEver"),
	},
	{
		Name: "one-hint-is-enough", File: "cluster/leader/health.go",
		Old: "len(hints) >= 2 ||", New: "len(hints) >= 1 ||",
		Why:    "a node that one rumour speaks against loses its work",
		Caught: room("cluster/leader", "TestScenarios"),
	},

	{
		Name: "a-file-a-second", File: "replay/engine/few.go",
		Old: "min(2*e.every, longestQuiet)", New: "min(e.every, longestQuiet)",
		Why:    "a reference that trickles leaves a file each time a commit is due, thousands of them",
		Caught: room("replay/engine", "TestS28AReferenceThatTricklesLeavesFewFiles"),
	},

	// Turns.
	{
		Name: "blackout-ignored", File: "cluster/leader/yield.go",
		Old: "	case !j.Calendar.Blackout.IsZero():", New: "	case false:",
		Why:    "a job runs in its blackout",
		Caught: room("cluster/leader", "TestScenarios"),
		Also:   room("chaos/bubble", "TestAJobKeepsItsHours"),
	},
	{
		Name: "maintenance-ignored", File: "cluster/maintenance/maintenance.go",
		Old: "if slices.Contains(scopes, m.Scope) {", New: "if false && slices.Contains(scopes, m.Scope) {",
		Why:    "jobs write to what is worked on",
		Caught: room("cluster/admin", "TestMaintenance"),
		Also:   room("chaos/bubble", "TestAJobRestsInMaintenance"),
	},
	{
		Name: "deadline-told-again", File: "fsm/op068_tell_sla.go",
		Old: "if told.Has(c.Kind) {", New: "if told.Has(c.Kind) && false {",
		Why:    "each leader wakes people for the same deadline",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "slow-end-wakes-people", File: "cluster/forecast/tell.go",
		Old: "!j.Earliest.IsZero() && j.Earliest.After(deadline):", New: "!j.Latest.IsZero() && j.Latest.After(deadline):",
		Why:    "a minute that was slow calls somebody at night",
		Caught: room("cluster/forecast", "TestWord"),
	},
	{
		Name: "no-aging", File: "cluster/leader/grant.go",
		Old: "if steps[j.ID] >= plan.Overdue {", New: "if false {",
		Why:    "a job of low priority starves",
		Caught: room("cluster/leader", "TestNothingStarves"),
	},
	{
		Name: "latest-deadline-first", File: "partition/plan/order.go",
		Old: "return cmp.Compare(never(r.DeadlineUnixNanos), never(other.DeadlineUnixNanos))", New: "return cmp.Compare(never(other.DeadlineUnixNanos), never(r.DeadlineUnixNanos))",
		Why:    "of jobs of one priority the most urgent is last",
		Caught: room("cluster/leader", "TestScenarios"),
	},

	// Budgets.
	{
		Name: "give-away-what-others-have", File: "cluster/quota/quota.go",
		Old: "free -= min(h.has[unit], whole[unit])", New: "free -= 0",
		Why:    "a node gets its fair part before the others have given theirs up",
		Caught: room("cluster/quota", "TestSharesNeverExceedTheBudget"),
	},
	{
		Name: "wait-for-the-dead", File: "cluster/contacts.go",
		Old: "return k != nil && k.conns <= 0 && k.refused", New: "return k != nil && k.conns < 0 && k.refused",
		Why:    "the part of a dead node lies idle until its leases would have ended",
		Caught: room("chaos/bubble", "TestABudgetHoldsWhileANodeDies"),
	},

	{
		Name: "believe-the-hash", File: "cmd/backstitch/audit_chain.go",
		Old: "	if want != said || r.Name", New: "	if r.Name",
		Why:    "a record of the audit trail that was changed counts as what was written",
		Caught: room("cmd/backstitch", "TestEveryChangeOfARecordIsSeen"),
	},

	// Telling the incident.
	{
		Name: "blame-the-neighbour", File: "replay/report/timeline.go",
		Old: "return when(held, rec.Subject+\" was changed\")", New: "return when(held || true, rec.Subject+\" was changed\")",
		Why:    "a bound of another namespace stands in the incident of a job that never felt it",
		Caught: room("replay/report", "TestAReportTellsTheIncident"),
	},
	{
		Name: "smuggle-into-an-old-report", File: "replay/report/file.go",
		Old: "case st.Version == Version1 && (len(", New: "case st.Version == Version1 && false && (len(",
		Why:    "a report says that it is of version 1 and has decisions, which no reader of version 1 can show",
		Caught: room("replay/report", "TestOldReportsAreStillChecked"),
	},

	// Feedback.
	{
		Name: "hear-nobody-suffer", File: "replay/pace/controller.go",
		Old: "		if !s.Over() {\n", New: "		if true || !s.Over() {\n",
		Why:    "a group falls behind, and the job goes on",
		Caught: room("replay/feedback", "TestTheRateFollowsTheLagOfAGroup"),
	},
	{
		Name: "unseen-is-well", File: "replay/pace/controller.go",
		Old: "			unseen = s\n", New: "			_ = unseen\n",
		Why:    "a group that the broker does not show is taken for one that keeps up, and the rate rises without end",
		Caught: room("replay/feedback", "TestAGroupThatCanNotBeSeenHoldsTheRate"),
	},
	{
		Name: "learn-from-own-harm", File: "replay/feedback/calm.go",
		Old: "	case !rest && (u.rested || len(u.took) >= calmNeeds):\n", New: "	case false:\n",
		Why:    "what a broker takes while the job overruns it is taken for usual, and the job goes on",
		Caught: room("replay/feedback", "TestBrokersAnswerAsUsual"),
	},
	{
		Name: "learn-from-others-harm", File: "replay/feedback/calm.go",
		Old: "	switch rest := into >= restDrains && into < restEnds; {\n", New: "	switch rest := into < 0; {\n",
		Why:    "a node that begins while the others write takes what that does to a broker for usual, and goes on at everybody's expense",
		Caught: room("replay/feedback", "TestWhoComesLateIsNoWorse"),
	},
	{
		Name: "a-pace-for-nobody", File: "replay/throttle/meter.go",
		Old: "purses: append(scoped, m.pace)}", New: "purses: scoped}",
		Why:    "the rate falls in what status says, and lanes never hear of it",
		Caught: room("chaos/bubble", "TestJobsSlowDownForAGroupThatFallsBehind"),
	},
	{
		Name: "share-of-one-scope-at-a-time", File: "replay/throttle/quota.go",
		Old: "p.aside = true", New: "p.aside = false",
		Why:    "a lane under two limits gives the share of one away while it waits for the other, and then the other way round",
		Caught: room("replay/throttle", "TestWhoWaitsForAnotherScopeKeepsItsShare"),
	},

	// Telling others.
	{
		Name: "follow-any-address", File: "cluster/notify/guard.go",
		Old: "	if bad {\n", New: "	if bad && false {\n",
		Why:    "a dataset's URL makes the leader ask a metadata service",
		Caught: room("cluster/notify", "TestMetadataServicesAreNotDialled"),
	},
	{
		Name: "remember-every-caller", File: "cluster/admin/door/door.go",
		Old: "			delete(d.callers, d.order.Remove(d.order.Back()).(*caller).addr)\n", New: "			d.order.Remove(d.order.Back())\n",
		Why:    "what a node keeps of those who asked grows for ever",
		Caught: room("cluster/admin/door", "TestWhatIsKeptOfAddressesIsBounded"),
	},
	{
		Name: "a-line-for-each-packet", File: "cluster/seldom/seldom.go",
		Old: "	if !l.rate.AllowN(l.clock(), 1) {", New: "	if false {",
		Why:    "noise that a stranger sends fills the disk of a node with what it says of it",
		Caught: room("cluster/member", "TestAStrangerFillsNoLog"),
	},
	{
		Name: "hold-no-stranger", File: "cluster/accept/crowd.go",
		Old: "	if many {", New: "	if many || true {",
		Why:    "who does not speak as nodes do takes a processor by coming again at once",
		Caught: room("cluster", "TestAStrangerIsHeld"),
	},
	{
		Name: "hold-the-port-shut", File: "cluster/accept/crowd.go",
		Old: "	if many {", New: "	if many && false {",
		Why:    "strangers that are held keep the nodes of their host from the port",
		Caught: room("cluster", "TestAStrangerIsHeld"),
	},
	{
		Name: "any-number-of-connections", File: "cluster/accept/crowd.go",
		Old: "	if len(c.open) >= c.most || c.hosts[host] >= c.perHost {", New: "	if c.hosts[host] >= c.perHost {",
		Why:    "strangers of many hosts open files until a node can open none",
		Caught: room("cluster/accept", "TestACrowdHasBounds"),
	},
	{
		Name: "hold-nobody-at-the-api", File: "cluster/accept/guard.go",
		Old: "			g.cfg.Crowd.Hold(g.ctx, c, g.cfg.Hold)\n", New: "",
		Why:    "noise sent to the API takes a processor by coming again at once",
		Caught: room("cluster/accept", "TestWhoIsRefusedIsHeld"),
	},
	{
		Name: "packet-without-a-key", File: "cluster/member/transport/packets.go",
		Old: "			if t.cfg.Lock != nil && !t.cfg.Lock.Opens(b, nil) {", New: "			if t.cfg.Lock != nil && len(b) == 0 {",
		Why:    "packets of strangers reach decoders that were not written for them",
		Caught: room("cluster/member/transport", "TestPacketsOfStrangersAreDropped"),
	},
	{
		Name: "exchange-without-a-key", File: "cluster/member/transport/streams.go",
		Old: "	if !t.cfg.Lock.Opens(hello.Bytes()[headBytes:], head[:]) {", New: "	if hello.Len() == 0 {",
		Why:    "exchanges with strangers reach decoders that were not written for them",
		Caught: room("cluster/member/transport", "TestConnectionsOfStrangersAreHeld"),
	},
	{
		Name: "a-lock-of-old-keys", File: "cluster/member/ring.go",
		Old: "	if err := r.lock.set(next.Keys); err != nil {", New: "	if err := r.lock.set(r.now.Keys[:1]); err != nil {",
		Why:    "after a change of keys a node drops what the others say, or hears who has a key that was taken from them",
		Caught: room("cluster/member", "TestTheLockFollowsTheRing"),
	},
	{
		Name: "commit-together", File: "replay/engine/stagger.go",
		Old: "	if e.cfg.FewCommits {", New: "	if true {",
		Why:    "all lanes of a job commit at once, and live records wait behind that",
		Caught: room("replay/engine", "TestLanesDoNotCommitTogether"),
	},
	{
		Name: "refuse-at-once", File: "cluster/admin/door/door.go",
		Old: "held := time.NewTimer(d.cfg.Hold)", New: "held := time.NewTimer(0)",
		Why:    "who does not care for the answer takes a processor by asking again at once",
		Caught: room("cluster/admin/door", "TestWhoIsRefusedIsHeld"),
	},
	{
		Name: "nonsense-counts-once", File: "cluster/admin/door/door.go",
		Old: "	if nonsense(out.status) {", New: "	if false && nonsense(out.status) {",
		Why:    "who tries tokens may try as many as somebody who has one may ask",
		Caught: room("cluster/admin/door", "TestNonsenseCountsForMore"),
	},
	{
		Name: "forms-from-anywhere", File: "cluster/admin/ui/headers.go",
		Old: "	next = http.NewCrossOriginProtection().Handler(next)\n", New: "",
		Why:    "a page of another site cancels a job with the browser of a person who may",
		Caught: room("cluster/admin/ui", "TestFormsOfOthersChangeNothing"),
	},
	{
		Name: "half-a-scan-is-clean", File: "cluster/admin/ui/found.go",
		Old: "Whole: kept.Scan.Surveyed && kept.Scan.Done >= kept.Scan.Partitions", New: "Whole: kept.Scan.Surveyed",
		Why:    "a page says of a scan that has not compared everything that nothing is missing",
		Caught: room("cluster/admin/ui", "TestAScanThatIsNotWholeIsNotCalledClean"),
	},
	{
		Name: "given-up-unseen", File: "cluster/admin/ui/quarantine.go",
		Old: "all && want != strconv.Itoa(len(tell)) ||", New: "all && want != strconv.Itoa(len(tell)) && want == \"\" ||",
		Why:    "all of a group are given up, those among them that were set aside since the page was made",
		Caught: room("cluster/admin/ui", "TestRecordsAreGivenUpAsTheyWereShown"),
	},
	{
		Name: "markup-in-tickets", File: "cluster/admin/ui/incident/markdown.go",
		Old: "			out[i] = plain(out[i])\n", New: "			out[i] = strings.Join(strings.Fields(out[i]), \" \")\n",
		Why:    "a reason that somebody typed is a link, or a row of its own, in the report of the incident",
		Caught: room("cluster/admin/ui/incident", "TestNobodyWritesIntoTheTicket"),
	},
	{
		Name: "secrets-by-value", File: "cmd/backstitch/bundle/redact.go",
		Old: "		case secretName(name):\n", New: "		case secretName(v):\n",
		Why:    "a bundle for strangers keeps what stands behind a name that says that it is secret",
		Caught: room("cmd/backstitch", "TestADebugBundleHasNoSecrets"),
	},
	{
		Name: "settle-without-an-answer", File: "cluster/notify/loop.go",
		Old: "	case r.err == nil:\n", New: "	case r.err == nil || errors.Is(r.err, context.DeadlineExceeded):\n",
		Why:    "a notice that was on its way when its time was over counts as told",
		Caught: room("cluster/notify", "TestSilenceIsNoAnswer"),
	},
	{
		Name: "told-one-told-all", File: "fsm/fact_notice.go",
		Old: "waits = waits || e.Hears(n.Kind) && settled[i] < n.Index", New: "waits = e.Hears(n.Kind) && settled[i] < n.Index",
		Why:    "a notice goes as soon as the last endpoint of the list was told, and the others never are",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "scan-with-every-repeat", File: "cluster/admin/trigger.go",
		Old: "fsm.TriggeredScanID(name, i, a.Fingerprint, a.StartsAt.UnixNano())", New: "fsm.TriggeredScanID(name, i, a.Fingerprint, s.clock().UnixNano()+int64(view.Applied()))",
		Why:    "an alert that is repeated starts a scan each time",
		Caught: room("cluster/admin", "TestAlertsStartScans"),
	},
	{
		Name: "start-for-our-own-alert", File: "cluster/admin/trigger.go",
		Old: "case notify.Raised(a.GeneratorURL) || notify.Ours(a.Labels[\"alertname\"]):", New: "case a.GeneratorURL == \"\" && notify.Ours(a.Labels[\"alertname\"]):",
		Why:    "what a scan tells starts the next scan, which tells it again",
		Caught: room("cluster/admin", "TestOwnAlertsStartNothing"),
	},

	// Flows.
	{
		Name: "a-flow-waits-in-silence", File: "fsm/op081_begin_step.go",
		Old: "		if c.Wait {\n			t.tellFlow(", New: "		if c.Wait && c.Attempt > 1 {\n			t.tellFlow(",
		Why:    "a flow that waits for a person tells nobody",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "told-before-it-is-said", File: "cluster/notify/loop.go",
		Old: "l.results <- result{at, n, l.cfg.post(ctx, e, message)} //", New: "l.results <- result{at, n, nil}\n		_ = l.cfg.post(ctx, e, message) //",
		Why:    "a notice is lost when the leader dies before it has told it",
		Caught: room("chaos/bubble", "TestFlowsSurviveTheirLeaders"),
	},
	{
		Name: "two-runs-of-a-schedule", File: "fsm/op097_begin_flow.go",
		Old: "going != \"\" {\n", New: "going != \"\" && going != s.Last {\n",
		Why:    "runs of a schedule pile up when they take longer than the time between them",
		Caught: room("cluster/conductor", "TestOneRunGoesAtATime"),
	},
	{
		Name: "begin-a-due-run-twice", File: "fsm/op097_begin_flow.go",
		Old: "	case s.NextUnixNanos != c.DueUnixNanos:", New: "	case s.NextUnixNanos < c.DueUnixNanos:",
		Why:    "a leader that comes late begins a run for a time that is over",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "what-is-due-next-has-passed", File: "cluster/conductor/loop.go",
		Old: "NextUnixNanos: next.UnixNano()},\n", New: "NextUnixNanos: min(next.UnixNano(), s.NextUnixNanos+1)},\n",
		Why:    "a flow that was due while nobody led is never run again",
		Caught: room("cluster/conductor", "TestMissedTimesMakeOneRun"),
	},
	{
		Name: "retry-beside-the-next-run", File: "fsm/op087_retry_flow.go",
		Old: "going := t.going(run.Schedule); going != \"\" {", New: "going := t.going(run.Schedule); going == f.ID {",
		Why:    "two runs of a schedule go at the same time when somebody retries the one before",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "write-beyond-the-limits-of-a-schedule", File: "fsm/op088_plan_step.go",
		Old: "over != \"\" {\n", New: "over != \"\" && len(warnings) > 0 {\n",
		Why:    "a run writes more without a person than was said yes to",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "well-by-the-job-of-an-earlier-run", File: "fsm/fact_flow.go",
		Old: "j.CreateIndex < f.CreateIndex &&", New: "j.CreateIndex > f.CreateIndex &&",
		Why:    "a run ends well by the proof of an earlier one, and what it should have written is missing",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "a-nightly-run-twice", File: "partition/calendar/next.go",
		Old: "			found = found[:1]\n", New: "			_ = found\n",
		Why:    "in the night in which clocks are set back a nightly flow runs twice",
		Caught: room("partition/calendar", "TestNextWhereClocksGo"),
	},
	{
		Name: "forgotten-with-its-flow", File: "fsm/fact_flow_outbox.go",
		Old: " || len(t.keys(key(kindNotice, ended(n)))) > 0 {\n", New: " {\n",
		Why:    "what is owed about a flow is never told once enough others have ended",
		Caught: room("fsm", "TestNoticesOutliveTheirFlow"),
	},
	{
		Name: "act-before-the-book-knows", File: "cluster/conductor/loop.go",
		Old: "			if st.Status != flow.Running {", New: "			if st.Status != flow.Running && (st.Status != flow.Pending || !flow.Ready(g.Steps, f.States, i)) {",
		Why:    "an effect is there of which the next leader knows nothing",
		Caught: room("cluster/conductor", "TestTheLeaderDiesAtEveryTransition"),
	},
	{
		Name: "another-token-for-the-same-attempt", File: "cluster/conductor/act.go",
		Old: "l.cfg.call(ctx, c, st.Token)", New: "l.cfg.call(ctx, c, fmt.Sprintf(\"%s-%p\", st.Token, l))",
		Why:    "what the next leader asks again is done again",
		Caught: room("cluster/conductor", "TestTheLeaderDiesAfterTheEffect"),
	},
	{
		Name: "a-gate-without-a-proof", File: "fsm/flow/decide.go",
		Old: "if name == \"\" || states[find(steps, name)].Proved {", New: "if name == \"\" || states[find(steps, name)].Status == Succeeded {",
		Why:    "a recovery that compared nothing opens the gates behind it",
		Caught: room("cluster/conductor", "TestGatesStayShutWithoutAProof"),
	},
	{
		Name: "take-back-what-is-built-upon", File: "fsm/flow/undo.go",
		Old: "return builds[g.undoes(o)][of] })", New: "return o == i && builds[g.undoes(o)][of] })",
		Why:    "with clocks that stand still, a step is taken back before the one that builds upon it",
		Caught: room("fsm/flow", "TestUndoAgainstANaiveModel"),
	},
	{
		Name: "marks-of-its-own", File: "cluster/conductor/act.go",
		Old: "l.wait(ctx, w, in.note.Marks,", New: "l.wait(ctx, w, nil,",
		Why:    "each leader waits for other offsets, and a busy topic is never read",
		Caught: room("cluster/conductor", "TestAWaitGoesOnWithItsMarks"),
	},
	{
		Name: "run-again-what-is-unknown", File: "cluster/program/runner.go",
		Old: "case ok && rec.State.Phase != Ended && !(allowed && entry.Idempotent):", New: "case ok && rec.State.Phase != Ended && !allowed:",
		Why:    "a program whose agent died runs twice",
		Caught: room("cluster/program", "TestWhatDiedWithTheAgentIsUnknown"),
	},
	// Hours.
	{
		Name: "an-hour-is-learned-twice", File: "fsm/op058_save_baseline.go",
		Old: "if b.LastHour != c.Base {", New: "if b.LastHour < c.Base {",
		Why:    "a node that was overtaken counts its hours again",
		Caught: room("chaos/bubble", "TestS20AFewOfManyProducersFallSilentInADataset"),
	},
	{
		Name: "what-goes-on-is-told-again", File: "fsm/fact_baseline.go",
		Old: "return !a.Over && a.Unusual.same(u) }) {", New: "return false }) {",
		Why:    "each hour of an outage wakes somebody",
		Caught: room("fsm", "TestScenarios"),
	},
	{
		Name: "a-repeated-request-scans-again", File: "cluster/admin/dataset_scans.go",
		Old: "	if cause == \"\" {", New: "	if cause != \"\" {",
		Why:    "a request to scan a dataset whose answer was lost is sent again, and is taken for another one",
		Caught: room("cluster/admin", "TestADatasetIsScannedNow"),
	},
	{
		Name: "unusual-and-in-no-scan", File: "fsm/unscanned.go",
		Old: "return b.foundDuring(a) && a.ToldIndex > newest", New: "return b.foundDuring(a) && a.ToldIndex < newest",
		Why:    "what begins to be unusual while a scan runs that has measured its topics before is said to be looked into by it, and is in no scan",
		Caught: room("fsm", "TestWhatBeginsWhileAScanRunsIsLookedIntoAfterwards"),
	},
	{
		Name: "a-recovery-counts-as-producers", File: "replay/sentinel/anomaly/count.go",
		Old: "if ours(r) {", New: "if false {",
		Why:    "what a repair writes hides who is silent, and alarms",
		Caught: room("replay/sentinel/anomaly", "TestWhatARecoveryWroteIsCountedNowhere"),
	},
	// Upgrades.
	{
		Name: "the-leader-does-not-wait", File: "cluster/leader/upkeep.go",
		Old: "	if d.in.ByHand {\n		return\n	}\n", New: "",
		Why:    "a new level is switched on although a person wants to say when, and nobody can go back",
		Caught: room("cluster/leader", "TestScenarios"),
	},
	{
		Name: "the-book-believes-the-leader", File: "fsm/op090_raise_version.go",
		Old: "c.Version > t.version() && t.upgrade().ByHand", New: "false",
		Why:    "a leader that decided a moment before the switch wins against it",
		Caught: room("fsm", "TestAnUpgradeByHandIsFinishedByAPersonAlone"),
	},
	{
		Name: "finish-without-the-last-node", File: "fsm/op090_raise_version.go",
		Old: "m.State != MemberLeft && m.MaxOp < versionNeeds[to]", New: "false",
		Why:    "a member gets commands that its program can not apply, and stops",
		Caught: room("fsm", "TestAnUpgradeByHandIsFinishedByAPersonAlone"),
	},
	// Clocks and disks.
	{
		Name: "clock-without-the-way-back", File: "cluster/vitals/clock.go",
		Old: "sent.Round(0).Add(trip / 2)", New: "sent.Round(0)",
		Why:    "the answer of a node far away counts as a clock that runs ahead",
		Caught: room("cluster/vitals", "TestAnOffsetIsWithinItsBound"),
	},
	{
		Name: "full-disks-take-work", File: "cluster/leader/health.go",
		Old: "case vitals.Soft:\n\t\t\th.takes = false\n", New: "case vitals.Soft:\n",
		Why:    "a disk that fills gets more to fill it with",
		Caught: room("cluster/leader", "TestScenarios"),
	},
	{
		Name: "a-full-disk-keeps-its-work", File: "cluster/leader/health.go",
		Old: "h.loses = \"has a disk that is past its hard mark\"", New: "h.loses = \"\"",
		Why:    "a node works until its disk is full, and Raft ends with it",
		Caught: room("cluster/leader", "TestScenarios"),
	},
	// Secrets.
	{
		Name: "log-the-request", File: "cluster/conductor/http.go",
		Old: "	resp, err := c.Client.Do(req)\n", New: "	c.Logger.Debug(\"request of a step\", \"url\", call.URL, \"headers\", req.Header)\n	resp, err := c.Client.Do(req)\n",
		Why:    "at its finest an agent's log has the tokens of Databricks and of every step",
		Caught: room("cmd/backstitch", "TestNoSecretComesOut"),
	},
	{
		Name: "login-in-an-endpoint", File: "replay/connect/bucket.go",
		Old: "err != nil || strings.Contains(s.Endpoint, \"@\") || ", New: "err != nil || ",
		Why:    "a password in an address is kept in recipes, shown by who prints them, and replicated",
		Caught: room("replay/connect", "TestLoginsInAddressesAreRefused"),
	},
	{
		Name: "quote-the-store", File: "replay/connect/bucket.go",
		Old: "if len(w) >= 8 {", New: "if len(w) == 8 {",
		Why:    "a store that quotes what it was sent has it printed, and kept as the reason of a failed slice",
		Caught: room("replay/connect", "TestAStoreThatQuotesCredentials"),
	},
	{
		Name: "excerpt-of-the-file", File: "cmd/backstitch/config/load.go",
		Old: "	shown := key.FindString(lines[line-1])\n", New: "	shown := lines[line-1]\n",
		Why:    "a password under a misspelled key is in the log of the service",
		Caught: room("cmd/backstitch/config", "TestMistakesDoNotShowValues"),
	},
}
