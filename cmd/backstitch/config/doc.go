// Package config is the configuration of an agent: what may be set, where it comes from, and what is refused.
//
// Invariants:
//   - Defaults < file < environment < flags, each value on its own. The environment variable of a flag is BACKSTITCH_ and its
//     name in capitals.
//   - An unknown key is an error with its line and the nearest key there is.
//   - Half a configuration is refused with what to write, never completed by a guess.
//   - A secret is only ever named ("env:NAME", "file:PATH"); the effective configuration can be printed.
//
// Not here: what the parts do with it (cluster, replay/worker) and how connections are made (replay/connect).
//
// Reading order: agent.go, load.go, validate.go, connection.go.
package config
