// Package ci tells continuous integration what was retried. There a run that needed three attempts looks like one that
// needed one: its exit code is 0.
//
// A case is a phase or an operation of a session with all its attempts. WriteJUnit writes test cases, which GitLab,
// Jenkins and many others read. Annotations and AppendSummary are for GitHub Actions: a warning for each case that was
// retried, and a table of them in the summary of the job.
//
// A step that was given up in the first try of its phase and succeeded in the second is one case, which has recovered.
// What was given up within something that ended well, or was allowed to fail, did not fail the run: it is a skipped
// test and a warning, because a file that says "failed" would contradict the exit code 0.
//
// How something ended is what package session says of its span; nothing is judged anew. Texts come from servers and
// commands: they are masked before they get here, and are made safe for each format here.
package ci
