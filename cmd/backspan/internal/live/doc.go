// Package live shows Backspan's spans on a terminal while they run.
//
// A Live is a span processor. On a terminal it redraws a few lines: what runs, which attempt it is, how long the wait
// still lasts and why. Elsewhere it prints a line for each thing that happens. Its words are those of package session,
// its marks and colours those of package waterfall.
package live
