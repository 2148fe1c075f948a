// Package report makes one HTML page of a session: the waterfall of its run, phases, operations and attempts, what the
// retries cost, and what failed.
//
// Open reads a trace file or an events file and says which sessions are in it. Write makes the page of one session, which
// may as well come from the spans of this process (see waterfall.Recorder):
//
//	log, err := report.Open("data/session/trace.json")
//	if err != nil { … }
//	session, err := log.Session("") // the newest
//	if err != nil { … }
//	err = report.Write(out, session)
//
// The page is one file that needs nothing else, now or in ten years: its style and its script are inside, and its
// Content-Security-Policy forbids it to load or send anything. What can be said without a script (the verdict, the
// counts, where the time went, a waterfall in plain text) is plain HTML, because mail programs and CI servers often run
// none. The script draws the waterfall and lets people search, filter, fold and zoom it; it builds only the rows in
// sight, so that ten thousand spans are as quick as ten.
//
// Names and errors come from servers and files, and may be made to harm. They are data everywhere: escaped in the HTML,
// inside a JSON string for the script, which only ever makes text nodes of them; and letters that hide or reorder others
// are shown by their numbers.
//
// An events file knows less than a trace: attempts that succeeded at once are not in it, nor is the begin of an
// operation's first attempt. The session's notes say so, and the page shows them.
package report
