// Package safefile opens files without harm from other users of the machine.
//
// A [Path] is that of a file that is written. No component of it may be a symbolic link, and the file is a regular one:
// whoever can write to one of its directories could otherwise have us write to files elsewhere. A path that nobody
// named is a default, and its file must be nobody else's besides: see [Default].
//
// [Open] opens a file to be read. It never waits for the other end of a named pipe.
package safefile
