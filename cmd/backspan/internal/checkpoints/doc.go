// Package checkpoints is where the command keeps the journals of runs, what it notes in them to go on with a run, and
// how a run is found again.
package checkpoints
