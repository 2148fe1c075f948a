// Package printed runs the examples of a folder as a user would, and compares what they print with their output.txt.
// The tests of the examples of all modules call it.
package printed
