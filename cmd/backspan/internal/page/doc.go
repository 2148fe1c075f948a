// Package page makes one HTML page of a session: the waterfall of its run, phases, operations and attempts, what the
// retries cost, and what failed.
//
//	log, err := session.Open("data/session/trace.json")
//	if err != nil { … }
//	s, err := log.Session("") // the newest
//	if err != nil { … }
//	err = page.Write(out, s)
//
// The page is one file that needs nothing else, now or in ten years: its style and its script are inside, and its
// Content-Security-Policy forbids it to load or send anything. What can be said without a script (the verdict, the
// counts, where the time went, the waterfall of the terminal) is plain HTML, because mail programs and CI servers often
// run none. The script draws the waterfall and lets people search, filter, fold and zoom it. It builds only the rows in
// sight, so that ten thousand spans are as quick as ten.
//
// Names and errors come from servers and files, and may be made to harm. They are data everywhere: made safe by package
// text, escaped in the HTML, and inside a JSON string for the script, which only ever makes text nodes of them.
package page
