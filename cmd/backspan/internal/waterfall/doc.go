// Package waterfall draws a session on a terminal: its spans as rows, and its summary.
//
//	                                        took  waited  0         200ms
//	✓ data_load  recovered, 2 attempts     400ms   250ms  ━━✗┄┄┄┄┄┄┄┄┄┄┄┄┄━━━━━
//	├ ✗ attempt 1  503 Service Unavailable  50ms   250ms  ━━✗┄┄┄┄┄┄┄┄┄┄┄┄┄
//	└ ✓ attempt 2                          100ms                          ━━━━━
//
// Solid bars are work, thin ones are time that the rows below account for, dotted ones are waits; a bar that ends with
// ✗ failed. An operation that needed one attempt is one row. Nothing is said by colour alone.
//
// Names and errors come from servers and files. Package text makes them safe, so that they neither command the terminal
// nor break the columns.
package waterfall
