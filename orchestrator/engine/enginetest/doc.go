// Package enginetest is the conformance suite of engines: programs that run pipelines in another way than Pipeline.Run
// does (see package engine). A run on any engine must give the same report, byte for byte but for its times, and the
// same tree of spans, but for ids and times.
//
//	func TestConformance(t *testing.T) { enginetest.Run(t, enginetest.Suite(), runOnMyEngine) }
//
// The suite has pipelines with fallbacks, cleaning up, dry runs, panics, large results, results that are no JSON,
// timeouts and cancelled runs, and random ones.
package enginetest
