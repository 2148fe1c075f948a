// Package logfiles reads event logs as they lie on a disk: what a rotation made of a log (Find), compressed files
// (Open, Decompress), and several files as one, in the order of time (Merge).
//
// What a compressed file may take of memory is bounded. Package events knows gzip alone, so that those who import it do
// not compile the rest.
package logfiles
