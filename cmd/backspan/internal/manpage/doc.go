// Package manpage writes man pages of cobra commands: from the same texts that --help shows, so that the two cannot
// differ.
//
// Unlike cobra/doc it takes the texts for what they are, lines that were set for a terminal, and not for Markdown:
// tables and lists keep their layout, and no character has a second meaning. It brings no other module along.
package manpage
