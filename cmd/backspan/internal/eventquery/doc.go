// Package eventquery asks questions of an event log: which records match a Filter, what a record says to a person, and
// what the retries of each operation cost (Stats).
//
// It stands on package events, which reads the file, and keeps to that package's rule that a record points into a
// buffer: nothing here allocates for a record that does not matter, so that a million lines take a second.
package eventquery
