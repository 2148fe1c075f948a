// Package plan says what a run of a pipeline file would do: its phases in order, their commands and waits, and the
// most that each can take when all goes wrong.
package plan
