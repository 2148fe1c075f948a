// Package events is the file events.jsonl: one JSON object a line, one line for each failed or rescued attempt.
//
// A [Record] is one line. [Record.Append] writes it as pure ASCII with a space after every colon and comma,
// so that plain grep counts it, and hostile text (control characters, terminal escapes, invalid UTF-8, a
// megabyte of message, a forged record) stays inside its own string on its own line.
//
// A [Writer] appends records to a file that other processes may append to at the same time. It is made not to hurt
// its host: [Writer.Write] returns nothing, what cannot be written is dropped, counted and reported by a record of
// type [TypeEventsDropped] as soon as writing works again, and a disk that does not answer holds up one caller.
//
//	w, err := events.Open(events.DefaultPath, events.Options{})
//	if err != nil { … }
//	defer w.Close()
//	w.Write(&events.Record{Time: time.Now(), Type: events.TypeAttempt, Level: events.LevelWarning, …})
//
// Each write(2) on a descriptor opened with O_APPEND is one whole line, or several when goroutines write at the same
// time. That keeps the lines of several processes apart; a buffer or a second write would mix them. A process killed
// in the middle of its write leaves a torn line: the next line of a Writer begins with a newline then.
//
// A [Reader] gets everything back, from a file of any size in constant memory: it skips and counts what is not a
// record, salvages a record that is glued to the fragment of another, and holds back an unfinished last line. A
// [Follower] waits for what comes next, across rotations.
package events
