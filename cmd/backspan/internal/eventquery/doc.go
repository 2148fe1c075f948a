// Package eventquery asks questions of an event log: which records match a Filter, what a record says to a person, what
// the retries of each operation cost (Stats) and whether that is more than before (Comparison), when time was lost
// (Timeline), and how long the calls took and what loops within loops multiply to (CallCounter). Whatever is in a log,
// memory is bounded: what has no limit there takes from a budget.
//
// It stands on package events, which reads the file, and keeps to that package's rule that a record points into a
// buffer: nothing here allocates for a record that does not matter, so that a million lines take a second.
package eventquery
