// Package cli is what the verbs of the backspan command share: the process's streams, exit codes and the errors that
// carry them, the errors and completions of flags, signals, and the files that a verb writes.
//
// A verb is a package beside this one. It has an Options struct with what its flags say, a NewCommand that
// makes the cobra command, and a run method on Options. A verb never imports another verb.
package cli
