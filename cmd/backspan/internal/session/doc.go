// Package session knows what a session is: what one run, or one process that retried, left behind.
//
// The spans come from a Recorder, a span processor that keeps them in memory, or from a file. Open reads a trace file
// or an events file and says which sessions are in it:
//
//	log, err := session.Open("data/session/trace.json")
//	if err != nil { … }
//	s, err := log.Session("") // the newest
//
// New makes trees of spans. A Node is one span in its tree: how it ended in words (Said), how long it lasted, its
// tries and the waits between them. A Summary has the counts and the account of time. The terminal, the page and the
// live view draw these, and so tell one story.
//
// The span is the only source of truth: all that is known of retries, phases and recoveries is what spans say, in the
// words of internal/semconv. An events file knows less than a trace: attempts that succeeded at once are not in it,
// nor is the beginning of an operation's first attempt. What is not recorded stays unknown (Span.Unbegun,
// Session.Partial), and Session.Notes names it.
//
// Names and errors come from servers and files. They are kept as they are; package text makes them safe to show.
package session
