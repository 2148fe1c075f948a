// Package waterfall shows Backspan's spans on a terminal: as a picture when a run is over, and live while it goes on.
//
// The spans come from a Recorder, a span processor that keeps them in memory, or from a trace file (ReadTraceFile).
// Render draws them:
//
//	                                        took  waited  0         200ms
//	✓ data_load  recovered, 2 attempts     400ms   250ms  ━━✗┄┄┄┄┄┄┄┄┄┄┄┄┄━━━━━
//	├ ✗ attempt 1  503 Service Unavailable  50ms   250ms  ━━✗┄┄┄┄┄┄┄┄┄┄┄┄┄
//	└ ✓ attempt 2                          100ms                          ━━━━━
//
// Solid bars are work, thin ones are time that the rows below account for, dotted ones are waits; a bar that ends with
// ✗ failed. An operation that needed one attempt is one row. Nothing is said by colour alone.
//
// Live is a span processor too. On a terminal it redraws a few lines: what runs, which attempt it is, how long the wait
// still lasts and why. Elsewhere it prints a line for each thing that happens.
//
// The span is the only source of truth: both know of retries, phases and recoveries only what the spans say, in the words
// of internal/semconv. Text in spans comes from servers and files, so that nothing of it reaches a terminal unchanged
// that could move the cursor, change colours or break the columns.
package waterfall
