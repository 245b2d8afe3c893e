package record

const (
	goldenAll       = "360ddff346336df04cf093ec5698d99e"
	goldenValue     = "b8b7026370482536c280341ab3260c7f"
	goldenTombstone = "b9d5cf2820562fb5bd5efe51c4481726"
	goldenChain     = "9243b571f4b95ee5f2c773a8a0c2d126"
	goldenLong      = "a94a85c85312870abee5d32a1823fb5b"
	goldenPlace     = "952794be44e1450a837e7f022ce7ad0b"
)
