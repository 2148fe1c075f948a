// Package program builds and runs programs the way a person does: with arguments, an environment, signals, and
// nothing inherited from the test that could change what they do.
package program
